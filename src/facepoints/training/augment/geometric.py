"""What moves a face: one random map per face for the picture and its points."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from facepoints.training.augment.elastic import GRID, spline, undo_elastic
from facepoints.training.augment.presets import Augment
from facepoints.training.augment.random_columns import (
    MIRROR,
    ROTATION,
    SCALE,
    SHIFT_X,
    SHIFT_Y,
    TILT_X,
    TILT_Y,
    signed,
)

__all__ = ["move"]


def move(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    settings: Augment,
    mirror: Tensor | None,
    uniform: Tensor,
    control: Tensor,
    size: tuple[int, int],
) -> tuple[Tensor, Tensor, Tensor]:
    """Picture, points and mask under one random map per face.

    Args:
        images: (B, 1, H, W) float32.
        points: (B, K, 2) in pixels.
        labelled: (B, K) bool.
        settings: how strongly.
        mirror: (K,) columns of a mirrored face, or None: no face is mirrored.
        uniform: (B, DRAWS) in [0, 1], on the CPU.
        control: (B, 2 GRID^2) in [0, 1], on the CPU, for the elastic field.
        size: (height, width) of what comes out, about the middle of what came in.

    Returns:
        The triple; points not labelled, or outside the picture, are 0 and not labelled.
    """
    device = images.device
    height, width = size
    before = (images.shape[-2], images.shape[-1])
    flipped = uniform[:, MIRROR] < (0.0 if mirror is None else settings.mirror)
    forward = _homographies(uniform, settings, flipped, before, size)
    amount = settings.elastic * min(height, width)
    offsets = ((control * 2 - 1) * amount).view(-1, 2, GRID, GRID).to(device, non_blocking=True)
    back = torch.linalg.inv(forward).float().to(device, non_blocking=True)
    moved = _project(forward.float().to(device, non_blocking=True), points)
    if amount:
        moved = undo_elastic(moved, offsets, height, width, amount)
    if mirror is not None and settings.mirror:
        column = mirror.to(device, non_blocking=True)
        flips = flipped.to(device, non_blocking=True)[:, None]
        moved = torch.where(flips[..., None], moved[:, column], moved)
        labelled = torch.where(flips, labelled[:, column], labelled)
    x, y = moved.unbind(-1)
    labelled = labelled & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    moved = torch.where(labelled[..., None], moved, torch.zeros_like(moved))
    grid = _sampling_grid(back, offsets if amount else None, settings.perspective > 0, before, size)
    images = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return images, moved, labelled


def _homographies(
    uniform: Tensor,
    settings: Augment,
    flipped: Tensor,
    before: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    """(B, 3, 3) float64 on the CPU: pixels of pictures `before` (H, W) to those of `size`,
    without elastic."""
    height, width = size
    draws = uniform.double()
    angle = signed(draws, ROTATION) * math.radians(settings.rotation)
    zoom = (1 + settings.scale) ** signed(draws, SCALE)
    turn = torch.zeros(len(draws), 3, 3, dtype=torch.float64)
    side = torch.where(flipped, -1.0, 1.0)  # mirrored first: about the centre, x -> -x
    turn[:, 0, 0], turn[:, 0, 1] = zoom * angle.cos() * side, -zoom * angle.sin()
    turn[:, 1, 0], turn[:, 1, 1] = zoom * angle.sin() * side, zoom * angle.cos()
    turn[:, 2, 2] = 1
    tilt = torch.eye(3, dtype=torch.float64).repeat(len(draws), 1, 1)
    tilt[:, 2, 0] = signed(draws, TILT_X) * settings.perspective * 2 / width
    tilt[:, 2, 1] = signed(draws, TILT_Y) * settings.perspective * 2 / height
    centre = torch.eye(3, dtype=torch.float64)
    centre[0, 2], centre[1, 2] = -(before[1] - 1) / 2, -(before[0] - 1) / 2
    place = torch.eye(3, dtype=torch.float64).repeat(len(draws), 1, 1)
    place[:, 0, 2] = (width - 1) / 2 + signed(draws, SHIFT_X) * settings.shift * width
    place[:, 1, 2] = (height - 1) / 2 + signed(draws, SHIFT_Y) * settings.shift * height
    return place @ tilt @ turn @ centre


def _project(matrix: Tensor, points: Tensor) -> Tensor:
    """Points (B, K, 2) through homographies (B, 3, 3).

    Without matmul, whose precision a program may have lowered on CUDA.
    """
    x, y = points[..., :1], points[..., 1:]
    columns = matrix.transpose(1, 2)[:, :, None]  # (B, 3, 1, 3)
    mapped = x * columns[:, 0] + y * columns[:, 1] + columns[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def _sampling_grid(
    back: Tensor,
    offsets: Tensor | None,
    perspective: bool,
    before: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    """(B, H, W, 2) for `grid_sample` without aligned corners: where output pixels look.

    `offsets` are the control points of e, `perspective` whether the denominator varies,
    `before` the (H, W) of the pictures to look in, `size` of those to draw.
    """
    height, width = size
    # grid_sample counts from -1 to 1 between outer edges: g = (2 x + 1) / W - 1
    to_grid = torch.tensor(
        [[2 / before[1], 0, 1 / before[1] - 1], [0, 2 / before[0], 1 / before[0] - 1], [0, 0, 1]],
        device=back.device,
    )
    # A sum of products, not a matmul: see _project
    matrix = (to_grid[None, :, :, None] * back[:, None]).sum(2)
    if not perspective:
        matrix = matrix[:, :2]
    xs = torch.arange(width, device=back.device, dtype=back.dtype)
    ys = torch.arange(height, device=back.device, dtype=back.dtype)
    along_x = matrix[:, :, 0, None] * xs + matrix[:, :, 2, None]  # (B, 3, W)
    along_y = matrix[:, :, 1] * ys[:, None, None]  # (H, B, 3)
    field = along_x + along_y[..., None]  # (H, B, 3, W)
    if offsets is not None:
        # The numerators and the denominator are linear in d + e(d). Rows come first, so
        # that each axis of the spline is one large product, not many small ones.
        shifted = (matrix[:, :, :2, None, None] * offsets[:, None]).sum(2)
        columns = (shifted.permute(2, 0, 1, 3) @ spline(xs, width).T).reshape(GRID, -1)
        field.view(height, -1).addmm_(spline(ys, height), columns)
    if perspective:
        field[:, :, :2] /= field[:, :, 2:]
    return field[:, :, :2].permute(1, 0, 3, 2)
