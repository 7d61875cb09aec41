"""Least squares with bounds: how far several movements went, none below rest or beyond its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bounded_least_squares"]

Array = NDArray[np.float64]

_MAX_SWEEPS = 60  # a handful is enough for nearly all faces


def bounded_least_squares(matrix: Array, right: Array, most: float) -> Array:
    """The x (M,) in [0, most] that minimizes x' matrix x / 2 - right' x.

    The bounded ones are found by primal active sets: solve for the free ones, go toward the
    solution up to the first bound, and release the bounded one that would gain most (Lawson &
    Hanson 1974, Solving Least Squares Problems, chapter 23).

    Args:
        matrix: (M, M) symmetric, positive definite.
        right: (M,).
        most: upper bound of each.
    """
    count = len(right)
    x = np.zeros(count)
    free = np.zeros(count, dtype=bool)
    scale = 1e-10 * max(float(np.abs(right).max(initial=0)), 1.0)
    for _ in range(_MAX_SWEEPS * count):
        gain = right - matrix @ x
        stuck = np.where(x <= 0, gain, -gain)
        stuck[free] = -np.inf
        if not (stuck > scale).any():
            break
        free |= stuck >= stuck.max() * (1 - 1e-9)  # mirror partners are released together
        while free.any():
            held = right[free] - matrix[np.ix_(free, ~free)] @ x[~free]
            goal = np.linalg.solve(matrix[np.ix_(free, free)], held)
            here = x[free]
            over = np.where(goal > most, most, 0.0)
            outside = (goal < 0) | (goal > most)
            if not outside.any():
                x[free] = goal
                break
            steps = np.where(outside, (over - here) / np.where(outside, goal - here, 1), np.inf)
            step = float(np.clip(steps.min(), 0, 1))
            x[free] = np.clip(here + step * (goal - here), 0, most)
            ended = np.zeros(count, dtype=bool)
            ended[free] = outside & (steps <= step + 1e-12)
            x[ended] = np.where(x[ended] > most / 2, most, 0.0)
            free &= ~ended
    return x
