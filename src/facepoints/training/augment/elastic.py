"""A smooth random displacement: a uniform cubic B-spline over a grid of control points.

B-splines are smooth, stay within the range of their control points, and are cheap: two
small matrix products draw the field of a batch. Rueckert et al. 1999, "Nonrigid
registration using free-form deformations", doi:10.1109/42.796284
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["GRID", "spline", "undo_elastic"]

_SPANS = 5  # across the picture
GRID = _SPANS + 3  # control points, so that every pixel has four in reach


def spline(place: Tensor, side: Tensor | int) -> Tensor:
    """Weights (..., grid) of the control points at pixels (...) of an axis of `side`."""
    knots = torch.arange(-1, GRID - 1, device=place.device, dtype=place.dtype)
    distance = (((place + 0.5) * (_SPANS / side))[..., None] - knots).abs_()
    wide, narrow = (2 - distance).clamp_(min=0), (1 - distance).clamp_(min=0)
    return (wide * wide * wide).sub_(narrow * narrow * narrow, alpha=4).div_(6)


def undo_elastic(points: Tensor, offsets: Tensor, height: int, width: int, amount: float) -> Tensor:
    """Points d with d + e(d) = points, to 0.005 pixels, by d <- points - e(d)."""
    # Neighbouring control points differ by up to 2 amount, in x and in y: so much
    # smaller is the error after each step
    slope = 4 * amount * _SPANS / min(height, width)
    steps = math.ceil(math.log(0.005 / amount) / math.log(slope)) if amount > 0.005 else 1
    sides = torch.tensor([width, height], device=points.device)
    control = offsets.transpose(1, 2).flatten(2)  # (B, grid of y, 2 * grid of x)
    found = points
    for _ in range(steps):
        along_x, along_y = spline(found, sides).unbind(2)  # (B, K, grid) each
        pulled = (along_y @ control).unflatten(2, (2, GRID))
        found = points - (pulled * along_x[:, :, None]).sum(-1)
    return found
