"""Where a new point lies between the points of a model, by smooth interpolation.

A smoothing thin-plate spline (Bookstein 1989, doi:10.1109/34.24792; smoothing as in Wahba 1990,
Spline Models for Observational Data, doi:10.1137/1.9781611970128) that is known at the model's
points of the mean face is a weighted sum of them at any other place. The weights sum to 1 and
reproduce every affine map. Applied to the points of another face, they place the new point as its
surroundings lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMOOTHINGS", "interpolation_weights"]

Array = NDArray[np.float64]

SMOOTHINGS = (1e-3, 1e-2, 1e-1, 1.0)
"""Smoothings to choose from, for a mean face of size 1. Larger: more points of the model take part,
and a point outside of them follows less wildly."""


def interpolation_weights(shape: Array, place: Array, smoothing: float) -> Array | None:
    """The weights (M,) of the points (M, 2) of a mean face of size 1 for a place (2,).

    Returns:
        The weights; None if the points are fewer than four or lie on one line.
    """
    count = len(shape)
    affine_part = np.column_stack([np.ones(count), shape])
    if count < 4 or np.linalg.matrix_rank(affine_part, tol=1e-6) < 3:
        return None
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _spline(shape, shape) + smoothing * np.eye(count)
    system[:count, count:] = affine_part
    system[count:, :count] = affine_part.T
    right = np.concatenate([_spline(shape, place[None])[:, 0], [1.0], place])
    return np.linalg.solve(system, right)[:count].astype(np.float64)


def _spline(first: Array, second: Array) -> Array:
    """The radial function r^2 log r between points (M, 2) and (N, 2)."""
    squares = ((first[:, None] - second[None]) ** 2).sum(axis=-1)
    return 0.5 * squares * np.log(np.maximum(squares, 1e-12))
