"""Points of a face in motion without jitter, and where the face will be in the next frame.

A face's points are taken apart into where the face is (place, size and turn: a similarity)
and its shape in its own frame (speech, blinks, the noise of single points). The first follows
laws of motion, so Kalman filters estimate it: unlike low-pass filters they do not lag behind steady
motion. The shape has no such law and goes through One-Euro filters
(Casiez, Roussel and Vogel 2012, https://gery.casiez.net/1euro/). Both measure change in units
of the predicted radius: uncertain points are smoothed more. Time is in seconds, so frames
may come at any rate.
"""

from __future__ import annotations

import math
from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.tracking.pose2d import SimilarityPose

__all__ = [
    "PoseKalmanFilter",
]


_MEASURED = 0.03  # what one frame counts in measuring it
_RESTLESS = (3.0, 100.0)  # spectral density of acceleration, noise units squared per second
# cubed, where speed is thought to last; of its change, per second to the fifth, where acceleration
_QUICK_RESTLESS = 1e5  # of acceleration where jitter does no harm
_STAYS = 0.95  # chance that what lasted until the last frame lasts until this one
_SURPRISE = 9.0  # square of an error in its standard deviations from which motion has changed
_START = 0.05  # face sizes per second that a face may have at first; more is a surprise
_CALM = 0.25  # seconds over which the speed is averaged that a hidden face is thought to keep,
_CALM_BESIDE = 1.0  # and when another face is near, which hides it and draws points to itself


class PoseKalmanFilter:
    """Kalman filters of a pose: of one its speed lasts, of the other its acceleration.

    Which of them is right is told by their errors (interacting multiple models, Blom and
    Bar-Shalom 1988, https://doi.org/10.1109/9.1299): one is calmer, the other follows a head that
    nods. When an error is larger than noise and usual motion explain, uncertainty grows until
    they do (the fading factor of the strong tracking filter, Zhou and Frank 1996,
    https://doi.org/10.1080/002071796222840): it catches up within a frame.

    Args:
        pose: first seen.
        unit: standard deviation of such a pose (see `unit_of`).
        size: of the face in pixels.
        quick: follow every turn at the cost of jitter: to know where to look next.
    """

    def __init__(
        self, pose: SimilarityPose, unit: NDArray[np.float64], size: float, *, quick: bool = False
    ) -> None:
        self._densities = np.array([_QUICK_RESTLESS] if quick else _RESTLESS)
        models = len(self._densities)
        # of each model and each number of the pose: it, its speed and its acceleration
        self._state = np.zeros((models, 4, 3))
        self._state[..., 0] = pose
        self._covariance = np.zeros((models, 4, 3, 3))
        fast = np.array([_START * size, _START * size, _START / 4, _START / 4])
        self._covariance[..., 0, 0] = unit**2
        self._covariance[..., 1, 1] = fast**2
        self._covariance[1:, :, 2, 2] = (2 * fast) ** 2
        self._model_probabilities = np.full((models, 4), 1 / models)  # chance that a model is
        self._mixed = self._state[0]
        self.smoothed_velocity = np.zeros(4)
        self._unit = unit
        self._updates = 0
        self._recent = deque([(pose.copy(), 0.0)], maxlen=4)

    @property
    def pose(self) -> SimilarityPose:
        """The estimate."""
        return self._mixed[:, 0].copy()

    @property
    def velocity(self) -> NDArray[np.float64]:
        """(4,) change of the pose in a second."""
        return self._mixed[:, 1].copy()

    def predict(self, seconds: float, hidden: bool = False) -> SimilarityPose:
        """The pose to expect after so much time; of a face that is `hidden`, by the speed
        before it was, and as large and as upright as it is."""
        speed = self.smoothed_velocity * (1, 1, 0, 0) if hidden else self.velocity
        return self.pose + speed * seconds

    def predict_without_measurement(self, seconds: float, known: NDArray[np.float64]) -> None:
        """Let time go by without seeing the face.

        Args:
            known: (2,) logarithm of the size, and turn, that it is thought to have.
        """
        pose = self.predict(seconds, hidden=True)
        self._predict(seconds)
        self._state[..., 0] = [*pose[:2], *known]
        self.reset_velocity(self.smoothed_velocity)

    def reset_velocity(self, speed: NDArray[np.float64]) -> None:
        """Take over the speed of the estimate before this one."""
        self._state[..., 1], self._state[..., 2] = speed, 0.0
        self.smoothed_velocity = speed.copy()
        self._mixed = self._state[0]

    def update(
        self, pose: SimilarityPose, unit: NDArray[np.float64], seconds: float, *, alone: bool = True
    ) -> None:
        """Take in what was seen `seconds` after the last time.

        Args:
            alone: whether no other face is near, which may hide a part of this one.
        """
        self._measure_noise(pose, unit, seconds)
        self._interact()
        self._predict(seconds)
        error = pose - self._state[..., 0]
        error[:, 3] = (error[:, 3] + np.pi) % (2 * np.pi) - np.pi
        noise = self._unit**2
        place = self._covariance[..., 0, 0]
        whole = place + noise
        surprise = error**2 / whole
        likely = -0.5 * (surprise + np.log(whole / noise))
        likely[:, :2] = likely[:, :2].sum(axis=1, keepdims=True)  # a face that moves, moves
        surprise[:, :2] = surprise[:, :2].mean(axis=1, keepdims=True)
        grown = np.maximum((surprise * whole / _SURPRISE - noise) / place, 1.0)
        self._covariance *= np.where(surprise > _SURPRISE, grown, 1.0)[..., None, None]
        gain = self._covariance[..., 0] / (self._covariance[..., 0, 0] + noise)[..., None]
        self._state += gain * error[..., None]
        # a full turn is none: models whose turns are to be averaged must count it alike
        left = pose[3] - self._state[:, 3, 0]
        self._state[:, 3, 0] = pose[3] - ((left + np.pi) % (2 * np.pi) - np.pi)
        self._covariance = self._covariance - gain[..., None] * self._covariance[..., None, 0, :]
        right = self._model_probabilities * np.exp(likely - likely.max(axis=0))
        self._model_probabilities = np.maximum(right / right.sum(axis=0), 1e-4)
        self._model_probabilities /= self._model_probabilities.sum(axis=0)
        self._mixed = (self._model_probabilities[..., None] * self._state).sum(axis=0)
        self._updates += 1
        calm = _CALM if alone else _CALM_BESIDE
        part = 1.0 if self._updates < 3 else 1 - np.exp(-seconds / calm)
        self.smoothed_velocity = self.smoothed_velocity + part * (
            self.velocity - self.smoothed_velocity
        )

    def rescale(self, factor: float) -> None:
        """The picture is so many times larger from now on."""
        self._state[:, :2] *= factor
        self._state[:, 2, 0] += np.log(factor)
        self._mixed = (self._model_probabilities[..., None] * self._state).sum(axis=0)
        self.smoothed_velocity[:2] *= factor

    def _measure_noise(
        self, pose: SimilarityPose, unit: NDArray[np.float64], seconds: float
    ) -> None:
        """Noise is what third differences are made of: smooth motion has hardly any."""
        self._recent.append((pose.copy(), seconds))
        steps = [s for _, s in self._recent][1:]
        if len(steps) < 3 or max(steps) - min(steps) > 0.2 * sum(steps) / 3:
            return
        poses = np.array([p for p, _ in self._recent])
        first, second, third = poses[1:] - poses[:-1]
        change = third - 2 * second + first
        change[3] = (change[3] + np.pi) % (2 * np.pi) - np.pi
        now = np.abs(change) / 20**0.5
        now[:2] = math.hypot(*now[:2]) / 2**0.5
        # a jolt is no noise; and no camera is free of it
        now = np.clip(now, 0.5 * unit, 3 * self._unit)
        self._unit = np.sqrt(self._unit**2 + _MEASURED * (now**2 - self._unit**2))

    def _interact(self) -> None:
        """Every model goes on from a mean of all, since any may have been right until now."""
        models = len(self._state)
        if models == 1:
            return
        change = np.full((models, models), (1 - _STAYS) / (models - 1))
        np.fill_diagonal(change, _STAYS)
        came = change[..., None] * self._model_probabilities[:, None]  # from each to each
        self._model_probabilities = came.sum(axis=0)
        came /= self._model_probabilities
        state = np.einsum("ijk,ikd->jkd", came, self._state)
        apart = self._state[:, None] - state
        doubt = self._covariance[:, None] + apart[..., None] * apart[..., None, :]
        self._covariance = np.einsum("ijk,ijkde->jkde", came, doubt)
        self._state = state

    def _predict(self, seconds: float) -> None:
        """Let every model go on."""
        lasts, random = (part[: len(self._state)] for part in _steps(seconds))
        random = random * self._densities[:, None, None]
        self._state = self._state @ lasts.swapaxes(1, 2)
        self._covariance = lasts[:, None] @ self._covariance @ lasts.swapaxes(1, 2)[:, None]
        self._covariance = self._covariance + random[:, None] * (self._unit**2)[:, None, None]


@lru_cache(maxsize=16)
def _steps(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What becomes of place, speed and acceleration in a time where speed lasts and where
    acceleration does, (2, 3, 3); and the covariance of what a random change of it adds, by its
    spectral density (2, 3, 3)."""
    step = seconds ** np.arange(6)
    lasts, random = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    lasts[0, :2, :2] = [[1, step[1]], [0, 1]]
    lasts[1] = [[1, step[1], step[2] / 2], [0, 1, step[1]], [0, 0, 1]]
    random[0, :2, :2] = [[step[3] / 3, step[2] / 2], [step[2] / 2, step[1]]]
    random[1] = [
        [step[5] / 20, step[4] / 8, step[3] / 6],
        [step[4] / 8, step[3] / 3, step[2] / 2],
        [step[3] / 6, step[2] / 2, step[1]],
    ]
    for cached in (lasts, random):
        cached.setflags(write=False)
    return lasts, random
