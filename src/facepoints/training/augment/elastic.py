"""Smooth random displacement: a uniform cubic B-spline over a grid of control points.

B-splines are smooth, stay within the range of their control points, and are cheap: two
small matrix products evaluate the field of a batch. Rueckert et al. 1999, "Nonrigid
registration using free-form deformations", doi:10.1109/42.796284
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from facepoints.models.devices import to_device

__all__ = ["GRID", "spline", "undo_elastic"]

_SPANS = 5  # across the image
GRID = _SPANS + 3  # control points per axis: every pixel has four in reach


def spline(position: Tensor, side: Tensor | int) -> Tensor:
    """Weights (..., GRID) of the control points at positions (...) in pixels on an axis of `side`
    pixels."""
    knots = torch.arange(-1, GRID - 1, device=position.device, dtype=position.dtype)
    distance = (((position + 0.5) * (_SPANS / side))[..., None] - knots).abs_()
    wide, narrow = (2 - distance).clamp_(min=0), (1 - distance).clamp_(min=0)
    return (wide * wide * wide).sub_(narrow * narrow * narrow, alpha=4).div_(6)


def undo_elastic(points: Tensor, offsets: Tensor, height: int, width: int, amount: float) -> Tensor:
    """Points d with d + e(d) = points, to 0.005 pixels, by iterating d <- points - e(d).

    Args:
        points: (B, K, 2) in pixels.
        offsets: (B, 2, GRID, GRID) displacements of the control points, pixels.
        height, width: of the image.
        amount: maximum displacement, pixels.
    """
    # Neighboring control points differ by up to 2 * amount in x and in y. This bounds the slope
    # of e, the factor by which each iteration reduces the error.
    slope = 4 * amount * _SPANS / min(height, width)
    steps = math.ceil(math.log(0.005 / amount) / math.log(slope)) if amount > 0.005 else 1
    sides = _sides(width, height, points.device)
    control = offsets.transpose(1, 2).flatten(2)  # (B, GRID of y, 2 * GRID of x)
    undone = points
    for _ in range(steps):
        along_x, along_y = spline(undone, sides).unbind(2)  # (B, K, GRID) each
        rows = (along_y @ control).unflatten(2, (2, GRID))
        undone = points - (rows * along_x[:, :, None]).sum(-1)
    return undone


@lru_cache(maxsize=16)
def _sides(width: int, height: int, device: torch.device) -> Tensor:
    """Width and height on a device. They are kept, because a CUDA graph cannot make them."""
    return to_device(torch.tensor([width, height]), device)
