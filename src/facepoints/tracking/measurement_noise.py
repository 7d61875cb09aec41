"""Estimates the measurement noise of a signal from its third differences.

Smooth motion has hardly any third differences, so what remains is noise.

White noise of standard deviation s has third differences of standard deviation s * sqrt(20),
since 1 + 9 + 9 + 1 = 20.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians

__all__ = ["noise_std", "pose_noise"]

_GAIN = 20**0.5
_MAD = 0.6745  # median of |x| for a standard normal x


def noise_std(values: NDArray, known: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Standard deviation (...) of the noise in values (T, ...) at equal steps.

    It uses the median, so that a jump does not count as noise. 0 for fewer than five values.

    Args:
        known: (T, K) mask of the values (T, K, ...) to use; None: all. 0 where it leaves no four
            values in a row.
    """
    if len(values) < 5:
        return np.zeros(values.shape[1:])
    third = values
    for _ in range(3):
        third = third[1:] - third[:-1]
    third = np.abs(third)
    if known is None:
        third.sort(axis=0)  # for so few values faster than np.median
        low, high = third[(len(third) - 1) // 2], third[len(third) // 2]
        return (low + high) / 2 / (_MAD * _GAIN)
    inside = np.all([known[k : len(known) - 3 + k] for k in range(4)], axis=0)
    inside = inside.reshape(*inside.shape, *[1] * (third.ndim - 2))
    count = inside.sum(axis=0, keepdims=True)
    ordered = np.sort(np.where(inside, third, np.inf), axis=0)
    middle = [np.clip((count - 1) // 2, 0, None), np.clip(count // 2, 0, len(third) - 1)]
    low, high = (np.take_along_axis(ordered, place, axis=0)[0] for place in middle)
    return np.where(count[0] > 0, low + high, 0.0) / 2 / (_MAD * _GAIN)


def pose_noise(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise (4,) of a face's pose, from its last four poses (4, 4).

    One such estimate is rough; `kalman` averages many. x and y both get the root mean square of
    their two values.
    """
    first, second, third = poses[1:] - poses[:-1]
    change = third - 2 * second + first
    change[3] = wrap_radians(change[3])
    noise = np.abs(change) / _GAIN
    noise[:2] = math.hypot(*noise[:2]) / 2**0.5
    return noise
