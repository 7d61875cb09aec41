"""Columns of a batch's uniform random numbers, by the change that they drive.

Every change has columns of its own, which are drawn whether it is on or off.
"""

from __future__ import annotations

from torch import Tensor

# Columns of the uniform random numbers, one row per face.
ROTATION, SCALE, SHIFT_X, SHIFT_Y, MIRROR, TILT_X, TILT_Y = range(7)
BRIGHTNESS, CONTRAST, GAMMA, BLUR, NOISE = range(7, 12)
COVERED, CENTER_X, CENTER_Y, HALF_X, HALF_Y, SHAPE, LEVEL, GRAIN = range(12, 20)
SHADE, SHADED_FROM, BORROWED, BORROWED_X, BORROWED_Y = range(20, 25)
COLUMNS = 25


def signed(uniform: Tensor, column: int) -> Tensor:
    """A column of numbers in [0, 1] as numbers (B,) in [-1, 1]."""
    return uniform[:, column] * 2 - 1
