"""How far off a number may be that is made of points, each with its radius.

A point's radius holds it 90 times in 100. Taken as a normal error, the same in all directions,
it says by how much each coordinate varies; to first order, a number varies by its slope times
that (Gauss's law of error propagation). The points' errors are taken as independent, which they
are not: what that is worth is measured, and made up for, in `factors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.measurement.pose import COORDINATE, DISC

__all__ = ["Measurement", "measured", "slopes"]

Array = NDArray[np.floating]
Number = Callable[[Array], Array]

_STEP = 1e-4  # of the points' extent, to take slopes by


@dataclass(frozen=True)
class Measurement:
    """A number, and the radius about it that holds the true one 90 times in 100."""

    value: float
    radius: float


def slopes(of: Number, points: Array) -> Array:
    """How fast the number (...) of points (..., K, 2) changes when a point moves, (K,).

    Where it has a kink, as the distance of lips that meet, the changes to both sides count.
    """
    count = points.size
    step = _STEP * max(float(np.ptp(points, axis=0).max()), 1e-6)
    moves = step * np.eye(count).reshape(count, *points.shape)
    here = of(points)
    squares = (of(points + moves) - here) ** 2 + (of(points - moves) - here) ** 2
    return np.sqrt(squares.reshape(points.shape).sum(axis=1) / 2) / step


def measured(of: Number, points: Array, radius: Array) -> Measurement:
    """The number of points (K, 2) with radius (K,), their errors taken as independent."""
    spread = float(np.sqrt(((slopes(of, points) * radius) ** 2).sum()))
    return Measurement(float(of(points)), COORDINATE / DISC * spread)
