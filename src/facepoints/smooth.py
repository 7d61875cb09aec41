"""Points of a face in motion without jitter, and where the face will be in the next frame.

A face's points are taken apart into where the face is (place, size and turn: a similarity)
and its shape in its own frame (speech, blinks, the noise of single points). The first follows
laws of motion, so a constant-velocity Kalman filter estimates it: unlike low-pass filters it
does not lag behind steady motion. The shape has no such law and goes through One-Euro filters
(Casiez, Roussel and Vogel 2012, https://gery.casiez.net/1euro/). Both measure change in units
of the predicted radius: uncertain points are smoothed more. Time is in seconds, so frames
may come at any rate.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.errors import DataError

__all__ = ["Motion", "OneEuro", "Pose", "matrix_of", "pose_in", "pose_of", "unit_of"]

Pose = NDArray[np.float64]
"""(4,): x and y of the middle in pixels, logarithm of the size, turn in radians."""


def pose_of(matrix: geometry.Matrix, middle: NDArray) -> Pose:
    """The pose of a face from the similarity that lays a shape onto it.

    Args:
        matrix: (2, 3) from the shape's frame to pixels.
        middle: (2,) the shape's point whose place is the face's.
    """
    x, y = matrix[:, :2] @ middle + matrix[:, 2]
    size = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.array([x, y, np.log(max(size, 1e-9)), np.arctan2(matrix[1, 0], matrix[0, 0])])


def pose_in(points: NDArray, radius: NDArray, layout: NDArray) -> Pose | None:
    """The pose of a face by its points, the surer ones above all; None if there is none."""
    weights = 1 / np.maximum(np.asarray(radius, dtype=np.float64), 1e-3) ** 2
    try:
        return pose_of(geometry.similarity(layout, points, weights), layout.mean(axis=0))
    except DataError:  # all points in one place
        return None


def matrix_of(pose: Pose, middle: NDArray) -> geometry.Matrix:
    """The similarity (2, 3) from the shape's frame to pixels; undoes `pose_of`."""
    size = np.exp(pose[2])
    cos, sin = size * np.cos(pose[3]), size * np.sin(pose[3])
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, pose[:2] - turn @ middle])


_NOISE = 0.03  # of a pose from one frame, as a part of the mean radius, before it is measured
_MEASURED = 0.06  # what one frame counts in measuring it
_RESTLESS = 10.0  # spectral density of acceleration, noise units squared per second cubed
_QUICK_RESTLESS = 1e5  # the same where jitter does no harm
_SURPRISE = 4.0  # square of an error in its standard deviations from which motion has changed
_START = 0.02  # face sizes per second that a face may have at first; more is a surprise
_CALM = 0.25  # seconds over which the speed is averaged that a hidden face is thought to keep,
_CALM_BESIDE = 1.0  # and when another face is near, which hides it and draws points to itself


class Motion:
    """Kalman filter of a pose with constant velocity.

    When an error of its prediction is larger than noise and usual acceleration explain, its
    uncertainty grows until they do (the fading factor of the strong tracking filter, Zhou
    and Frank 1996, https://doi.org/10.1080/002071796222840): it catches up within a frame.

    Args:
        pose: first seen.
        unit: standard deviation of such a pose (see `unit_of`).
        size: of the face in pixels.
        quick: follow every turn at the cost of jitter: to know where to look next.
    """

    def __init__(
        self, pose: Pose, unit: NDArray[np.float64], size: float, *, quick: bool = False
    ) -> None:
        self._restless = _QUICK_RESTLESS if quick else _RESTLESS
        self.pose = pose.copy()
        self.speed = np.zeros(4)
        self.calm_speed = np.zeros(4)
        self._unit = unit
        fast = np.array([_START * size, _START * size, _START / 4, _START / 4])
        self._var = np.stack([unit**2, np.zeros(4), fast**2])  # of pose, both, speed
        self._updates = 0
        self._recent = deque([(pose.copy(), 0.0)], maxlen=4)

    def ahead(self, seconds: float, hidden: bool = False) -> Pose:
        """The pose to expect after so much time; of a face that is `hidden`, by the speed
        before it was, and as large and as upright as it is."""
        speed = self.calm_speed * (1, 1, 0, 0) if hidden else self.speed
        return self.pose + speed * seconds

    def coast(self, seconds: float) -> None:
        """Let time go by without seeing the face."""
        self.pose = self.ahead(seconds, hidden=True)
        self.speed = self.calm_speed.copy()
        self._spread(seconds)

    def go_on(self, speed: NDArray[np.float64]) -> None:
        """Take over the speed of the estimate before this one."""
        self.speed, self.calm_speed = speed.copy(), speed.copy()

    def update(
        self, pose: Pose, unit: NDArray[np.float64], seconds: float, *, alone: bool = True
    ) -> None:
        """Take in what was seen `seconds` after the last time.

        Args:
            alone: whether no other face is near, which may hide a part of this one.
        """
        self._measure_noise(pose, unit, seconds)
        self.pose = self.ahead(seconds)
        self._spread(seconds)
        error = pose - self.pose
        error[3] = (error[3] + np.pi) % (2 * np.pi) - np.pi
        place, both, fast = self._var
        noise = self._unit**2
        surprise = error**2 / (place + noise)
        surprise[:2] = surprise[:2].sum() / 2  # a face that moves, moves
        grown = np.maximum((surprise * (place + noise) / _SURPRISE - noise) / place, 1.0)
        grown = np.where(surprise > _SURPRISE, grown, 1.0)
        place, both, fast = place * grown, both * grown, fast * grown
        whole = place + noise
        gain, gain_speed = place / whole, both / whole
        self.pose = self.pose + gain * error
        self.speed = self.speed + gain_speed * error
        self._var = np.stack([place * (1 - gain), both * (1 - gain), fast - gain_speed * both])
        self._updates += 1
        calm = _CALM if alone else _CALM_BESIDE
        part = 1.0 if self._updates < 3 else 1 - np.exp(-seconds / calm)
        self.calm_speed = self.calm_speed + part * (self.speed - self.calm_speed)

    def rescale(self, factor: float) -> None:
        """The picture is so many times larger from now on."""
        self.pose = np.array(
            [*(self.pose[:2] * factor), self.pose[2] + np.log(factor), self.pose[3]]
        )
        for speed in (self.speed, self.calm_speed):
            speed[:2] *= factor

    def _measure_noise(self, pose: Pose, unit: NDArray[np.float64], seconds: float) -> None:
        """Noise is what third differences are made of: smooth motion has hardly any."""
        self._recent.append((pose.copy(), seconds))
        steps = np.array([s for _, s in self._recent])[1:]
        if len(steps) < 3 or np.ptp(steps) > 0.2 * steps.mean():
            return
        poses = np.array([p for p, _ in self._recent])
        poses[:, 3] = np.unwrap(poses[:, 3])
        now = np.abs(np.diff(poses, n=3, axis=0)[0]) / 20**0.5
        now[:2] = np.hypot(*now[:2]) / 2**0.5
        # a jolt is no noise; and no camera is free of it
        now = np.clip(now, 0.3 * unit, 3 * self._unit)
        self._unit = np.sqrt(self._unit**2 + _MEASURED * (now**2 - self._unit**2))

    def _spread(self, seconds: float) -> None:
        place, both, fast = self._var
        restless = self._restless * self._unit**2
        self._var = np.stack(
            [
                place + 2 * seconds * both + seconds**2 * fast + restless * seconds**3 / 3,
                both + seconds * fast + restless * seconds**2 / 2,
                fast + restless * seconds,
            ]
        )


def unit_of(radius: NDArray, size: float) -> NDArray[np.float64]:
    """Standard deviation (4,) of a pose from points of such radius (K,), in pixels.

    Args:
        size: of the face in pixels.
    """
    noise = _NOISE * max(float(np.sqrt(np.mean(np.square(radius, dtype=np.float64)))), 1e-3)
    turn = noise / max(size, 1e-3) * 2
    return np.array([noise, noise, turn, turn])


# chosen on clips of photos of people who are not in the test set: as calm under changing light as
# lets a blink and a mouth that opens through
_SLOW = 0.08  # Hz, cutoff of a shape at rest
_QUICK = 1.0  # Hz more for every radius per second that a point moves, if it moves fast;
_DRIFT = 15.0  # radii per second at which it is half of that: slower, it may be the light
_SPEED = 2.0  # Hz, cutoff of the speed


class OneEuro:
    """One-Euro filters of the points of a shape.

    Their cutoff grows with the square of a point's speed at first: changing light moves points
    slowly, eyelids and lips are fast.

    Args:
        points: (K, 2) at first.
    """

    def __init__(self, points: NDArray) -> None:
        self.points = np.asarray(points, dtype=np.float64).copy()
        self._speed = np.zeros_like(self.points)

    def __call__(self, points: NDArray, radius: NDArray, seconds: float) -> NDArray[np.float64]:
        """The points without jitter.

        Args:
            points: (K, 2) as they were seen.
            radius: (K,) of the points, in their unit.
            seconds: since the last call.
        """
        radius = np.maximum(np.asarray(radius, dtype=np.float64), 1e-6)
        seconds = max(seconds, 1e-4)
        speed = (points - self.points) / seconds
        self._speed += _part(_SPEED, seconds) * (speed - self._speed)
        moving = np.hypot(*self._speed.T) / radius
        cutoff = _SLOW * np.minimum(np.median(radius) / radius, 2.0)
        cutoff += _QUICK * moving**2 / (moving + _DRIFT)
        self.points += _part(cutoff, seconds)[:, None] * (points - self.points)
        return self.points.copy()


def _part(cutoff: NDArray | float, seconds: float) -> NDArray[np.float64]:
    """What a new value counts in a low-pass filter with this cutoff (Hz)."""
    turns = 2 * np.pi * np.asarray(cutoff, dtype=np.float64) * seconds
    return turns / (turns + 1)
