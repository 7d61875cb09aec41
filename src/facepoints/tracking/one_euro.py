"""The One Euro filter for the shape of a face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["OneEuroFilter"]


# chosen on clips of photos of people who are not in the test set: as calm under changing light as
# lets a blink and a mouth that opens through
_SLOW = 0.08  # Hz, cutoff of a shape at rest


_QUICK = 1.0  # Hz more for every radius per second that a point moves, if it moves fast;


_DRIFT = 15.0  # radii per second at which it is half of that: slower, it may be the light


_SPEED = 2.0  # Hz, cutoff of the speed


class OneEuroFilter:
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
