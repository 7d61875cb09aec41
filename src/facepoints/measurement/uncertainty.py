"""The error radius of a number that is computed from landmarks.

A landmark lies within its radius in 90 % of cases. If errors are normal and the same in all
directions, the radius gives the standard deviation of each coordinate. To first order, the
standard deviation of a number is its slope times that (Gauss's law of error propagation). The
computation assumes that the errors of landmarks are independent. They are not: the measured
factors in `radius_factors` correct for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.inference.radius_calibration import DISC_90
from facepoints.measurement.pose import INTERVAL_90

__all__ = ["Measurement", "measure_points"]

Array = NDArray[np.floating]
Function = Callable[[Array], Array]
"""A number (...) computed from points (..., K, 2)."""

_STEP = 1e-4  # of the points' extent, for numerical slopes


@dataclass(frozen=True)
class Measurement:
    """A number with its 90 % error radius.

    Attributes:
        value: the number.
        radius: the true value lies within this of `value` in 90 % of cases, if only the
            landmarks' errors cause the difference. Note: for asymmetry, `radius` is a noise
            floor instead (90th percentile for a symmetric face), not an interval.
    """

    value: float
    radius: float


def slopes(function: Function, points: Array) -> Array:
    """Change of a number per pixel that each point moves (K,).

    At a kink, such as the distance of lips that meet, changes to both sides count.

    Args:
        function: computes the number.
        points: (K, 2).
    """
    count = points.size
    step = _STEP * max(float(np.ptp(points, axis=0).max()), 1e-6)
    moves = step * np.eye(count).reshape(count, *points.shape)
    here = function(points)
    squares = (function(points + moves) - here) ** 2 + (function(points - moves) - here) ** 2
    return np.sqrt(squares.reshape(points.shape).sum(axis=1) / 2) / step


def measure_points(function: Function, points: Array, radius: Array) -> Measurement:
    """A number computed from points, and its radius for independent errors.

    Args:
        function: computes the number.
        points: (K, 2).
        radius: (K,) of the points.
    """
    std = float(np.sqrt(((slopes(function, points) * radius) ** 2).sum()))
    return Measurement(float(function(points)), INTERVAL_90 / DISC_90 * std)
