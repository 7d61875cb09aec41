"""Kalman filter of a face's pose: estimates where the face is and predicts the next frame.

A face's landmarks are split into a pose (position, size and rotation: a similarity) and a shape
in the face's own frame (speech, blinks, the noise of single landmarks). The pose follows laws of
motion, so a Kalman filter estimates it: unlike a low-pass filter it does not lag behind steady
motion. The shape follows no such law; One Euro filters smooth it (`one_euro`). Both measure
change in units of the predicted radius, so uncertain landmarks are smoothed more. Time is in
seconds, so frames may come at any rate.

Every track has a steady and an agile filter. In every video they predict where to crop the next
frame. For cameras and streams the steady filter's pose is also the output of the live smoother.
Recorded videos are smoothed by `offline_smoothing` instead.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians
from facepoints.tracking.measurement_noise import pose_noise
from facepoints.tracking.pose2d import SimilarityPose
from facepoints.tracking.smoother_config import KalmanConfig

__all__ = ["PoseKalmanFilter"]


class PoseKalmanFilter:
    """A Kalman filter of a pose with two motion models: constant velocity, constant acceleration.

    The estimate is the mean of the two, each weighted by how well it predicted the observations
    (interacting multiple models, Blom and Bar-Shalom 1988, https://doi.org/10.1109/9.1299). The
    first model jitters less. The second follows a nodding head. If an observation lies further
    from the prediction than `surprise_threshold` allows, the covariance is enlarged so that the
    error fits, and the filter catches up within a frame (the fading factor of the strong
    tracking filter, Zhou and Frank 1996, https://doi.org/10.1080/002071796222840).

    Args:
        pose: first observation.
        std: (4,) first guess of an observation's standard deviation (`pose2d.measurement_std`).
        size: size of the face in pixels.
        config: settings; None: the defaults.
        agile: use a single constant-velocity model with `agile_process_noise` instead. It
            follows every turn but jitters: for predicting where to crop.
        noise_of: another filter of the same face, which is updated first. Its estimate of the
            measurement noise is used. None: this filter makes its own.
    """

    def __init__(
        self,
        pose: SimilarityPose,
        std: NDArray[np.float64],
        size: float,
        config: KalmanConfig | None = None,
        *,
        agile: bool = False,
        noise_of: PoseKalmanFilter | None = None,
    ) -> None:
        self._noise_of = noise_of
        self._config = config = config or KalmanConfig()
        self._process_noise = np.array(
            [config.agile_process_noise] if agile else config.steady_process_noise
        )
        models = len(self._process_noise)
        # per model and number of the pose: its value, velocity and acceleration
        self._state = np.zeros((models, 4, 3))
        self._state[..., 0] = pose
        self._covariance = np.zeros((models, 4, 3, 3))
        start = config.initial_speed
        speed = np.array([start * size, start * size, start / 4, start / 4])
        self._covariance[..., 0, 0] = std**2
        self._covariance[..., 1, 1] = speed**2
        self._covariance[1:, :, 2, 2] = (2 * speed) ** 2
        self._model_probabilities = np.full((models, 4), 1 / models)
        self._mixed = self._state[0]
        self.smoothed_velocity = np.zeros(4)
        self._std = std
        self._updates = 0
        self._recent = deque([(pose.copy(), 0.0)], maxlen=4)

    @property
    def pose(self) -> SimilarityPose:
        """The estimated pose (4,)."""
        return self._mixed[:, 0].copy()

    @property
    def velocity(self) -> NDArray[np.float64]:
        """The estimated change (4,) of the pose per second."""
        return self._mixed[:, 1].copy()

    def predict(self, seconds: float, lost: bool = False) -> SimilarityPose:
        """The pose (4,) to expect after some time.

        Args:
            seconds: time since the last update.
            lost: the face is not visible. It is expected to keep its mean velocity, its size
                and its rotation.
        """
        velocity = self.smoothed_velocity * (1, 1, 0, 0) if lost else self.velocity
        return self.pose + velocity * seconds

    def predict_without_measurement(self, seconds: float, last: NDArray[np.float64]) -> None:
        """Advance by a frame in which the face is not visible.

        Args:
            last: (2,) log size and rotation that the face is assumed to keep.
        """
        pose = self.predict(seconds, lost=True)
        self._advance(seconds)
        self._state[..., 0] = [*pose[:2], *last]
        self.reset_velocity(self.smoothed_velocity)

    def reset_velocity(self, velocity: NDArray[np.float64]) -> None:
        """Set the velocity (4,) and zero acceleration, for instance to continue another filter."""
        self._state[..., 1], self._state[..., 2] = velocity, 0.0
        self.smoothed_velocity = velocity.copy()
        self._mixed = self._state[0]

    def update(
        self, pose: SimilarityPose, std: NDArray[np.float64], seconds: float, *, alone: bool = True
    ) -> None:
        """Update the estimate with an observation.

        Args:
            pose: (4,) observed pose.
            std: (4,) first guess of its standard deviation, from the landmarks' radii. It only
                limits the noise that the filter estimates itself (`noise_floor`).
            seconds: time since the last observation.
            alone: no other face is near, which could hide a part of this one.
        """
        config = self._config
        if self._noise_of is None:
            self._measure_noise(pose, std, seconds)
        else:
            self._std = self._noise_of._std
        self._mix_models()
        self._advance(seconds)
        self._correct(pose)
        self._updates += 1
        time_constant = config.velocity_seconds if alone else config.crowded_velocity_seconds
        weight = 1.0 if self._updates < 3 else 1 - np.exp(-seconds / time_constant)
        self.smoothed_velocity = self.smoothed_velocity + weight * (
            self.velocity - self.smoothed_velocity
        )

    def rescale(self, factor: float) -> None:
        """Continue in frames of another resolution, `factor` times as large."""
        self._state[:, :2] *= factor
        self._state[:, 2, 0] += np.log(factor)
        self._mixed = (self._model_probabilities[..., None] * self._state).sum(axis=0)
        self.smoothed_velocity[:2] *= factor

    def _correct(self, pose: SimilarityPose) -> None:
        """Correct every model with the observation, and weight the models by their errors."""
        error = pose - self._state[..., 0]
        error[:, 3] = wrap_radians(error[:, 3])
        noise = self._std**2
        variance = self._covariance[..., 0, 0]
        total = variance + noise
        likely = error**2 / total
        surprise = likely.copy()  # x and y move together, so they share it
        surprise[:, :2] = surprise[:, :2].mean(axis=1, keepdims=True)
        limit = self._config.surprise_threshold
        grown = np.maximum((surprise * total / limit - noise) / variance, 1.0)
        self._covariance *= np.where(surprise > limit, grown, 1.0)[..., None, None]
        gain = self._covariance[..., 0] / (self._covariance[..., 0, 0] + noise)[..., None]
        self._state += gain * error[..., None]
        # models are averaged, so their rotations must lie within half a turn of the observation
        left = pose[3] - self._state[:, 3, 0]
        self._state[:, 3, 0] = pose[3] - wrap_radians(left)
        self._covariance = self._covariance - gain[..., None] * self._covariance[..., None, 0, :]
        if len(self._state) == 1:
            self._mixed = self._state[0]
            return
        log_likelihood = -0.5 * (likely + np.log(total / noise))
        # x and y move together, so they share the model probabilities
        log_likelihood[:, :2] = log_likelihood[:, :2].sum(axis=1, keepdims=True)
        posterior = self._model_probabilities * np.exp(log_likelihood - log_likelihood.max(axis=0))
        self._model_probabilities = np.maximum(posterior / posterior.sum(axis=0), 1e-4)
        self._model_probabilities /= self._model_probabilities.sum(axis=0)
        self._mixed = (self._model_probabilities[..., None] * self._state).sum(axis=0)

    def _measure_noise(
        self, pose: SimilarityPose, std: NDArray[np.float64], seconds: float
    ) -> None:
        """Update the measurement noise from the last four poses, if these are about equally spaced
        in time."""
        self._recent.append((pose.copy(), seconds))
        steps = [s for _, s in self._recent][1:]
        if len(steps) < 3 or max(steps) - min(steps) > 0.2 * sum(steps) / 3:
            return
        noise = pose_noise(np.array([p for p, _ in self._recent]))
        config = self._config
        # the ceiling keeps a jolt from counting as noise; no camera is without noise: the floor
        noise = np.clip(noise, config.noise_floor * std, config.noise_ceiling * self._std)
        rate = config.noise_learning_rate
        self._std = np.sqrt(self._std**2 + rate * (noise**2 - self._std**2))

    def _mix_models(self) -> None:
        """Start every model from a mean of all models, since the motion may just have changed.

        The mean is weighted by the probability that each model was right in the last frame and
        that this one is right now (the interaction step of interacting multiple models).
        """
        models = len(self._state)
        if models == 1:
            return
        # (from model, to model, 4)
        weights = (
            _changes(models, self._config.model_persistence) * self._model_probabilities[:, None]
        )
        self._model_probabilities = weights.sum(axis=0)
        weights /= self._model_probabilities
        state = np.einsum("ijk,ikd->jkd", weights, self._state)
        apart = self._state[:, None] - state
        covariance = self._covariance[:, None] + apart[..., None] * apart[..., None, :]
        self._covariance = np.einsum("ijk,ijkde->jkde", weights, covariance)
        self._state = state

    def _advance(self, seconds: float) -> None:
        """Move every model forward in time."""
        transition, noise = (part[: len(self._state)] for part in _motion_models(seconds))
        noise = noise * self._process_noise[:, None, None]
        self._state = self._state @ transition.swapaxes(1, 2)
        self._covariance = (
            transition[:, None] @ self._covariance @ transition.swapaxes(1, 2)[:, None]
        )
        self._covariance = self._covariance + noise[:, None] * (self._std**2)[:, None, None]


@lru_cache(maxsize=16)
def _changes(models: int, stays: float) -> NDArray[np.float64]:
    """Probabilities (from model, to model, 1) that another model is the better one in the next
    frame, and `stays` that it is the same."""
    change = np.full((models, models), (1 - stays) / (models - 1))
    np.fill_diagonal(change, stays)
    change.setflags(write=False)
    return change[..., None]


@lru_cache(maxsize=16)
def _motion_models(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Constant-velocity and constant-acceleration models for a step of time.

    Returns:
        Transition matrices (2, 3, 3) of value, velocity and acceleration, and the covariances
        (2, 3, 3) that process noise of spectral density 1 adds.
    """
    step = seconds ** np.arange(6)
    transition, noise = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    transition[0, :2, :2] = [[1, step[1]], [0, 1]]
    transition[1] = [[1, step[1], step[2] / 2], [0, 1, step[1]], [0, 0, 1]]
    noise[0, :2, :2] = [[step[3] / 3, step[2] / 2], [step[2] / 2, step[1]]]
    noise[1] = [
        [step[5] / 20, step[4] / 8, step[3] / 6],
        [step[4] / 8, step[3] / 3, step[2] / 2],
        [step[3] / 6, step[2] / 2, step[1]],
    ]
    for cached in (transition, noise):
        cached.setflags(write=False)
    return transition, noise
