"""Geometric changes: one random map per face, for the image and its points."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from facepoints.models.devices import to_device
from facepoints.training.augment.elastic import GRID, spline, undo_elastic
from facepoints.training.augment.face_batch import FaceBatch
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

__all__ = ["Maps", "random_maps", "warp"]


class Maps(NamedTuple):
    """The random maps of B faces.

    Attributes:
        flipped: (B,) bool, whether a face is mirrored.
        offsets: (B, 2, GRID, GRID) pixels, of the control points of the elastic field.
        back: (B, 3, 3) homographies from output pixels to input pixels.
        forward: (B, 3, 3) from input pixels to output pixels.
    """

    flipped: Tensor
    offsets: Tensor
    back: Tensor
    forward: Tensor


def random_maps(
    uniform: Tensor,
    control: Tensor,
    settings: Augment,
    mirrored: bool,
    input_size: tuple[int, int],
    size: tuple[int, int],
) -> Maps:
    """The maps that random numbers make, on the CPU.

    Args:
        uniform: (B, COLUMNS) in [0, 1], on the CPU.
        control: (B, 2 GRID^2) in [0, 1], on the CPU, for the elastic field.
        settings: strength of every change.
        mirrored: whether faces may be mirrored.
        input_size, size: (height, width) of input and output.
    """
    flipped = uniform[:, MIRROR] < (settings.mirror if mirrored else 0.0)
    forward = _homographies(uniform, settings, flipped, input_size, size)
    amount = settings.elastic * min(size)
    offsets = ((control * 2 - 1) * amount).view(-1, 2, GRID, GRID)
    return Maps(flipped, offsets, torch.linalg.inv(forward).float(), forward.float())


def warp(
    faces: FaceBatch,
    settings: Augment,
    mirror: Tensor | None,
    maps: Maps,
    size: tuple[int, int],
) -> FaceBatch:
    """Warp image, points and masks by one random map per face.

    Args:
        faces: to warp; they are not modified.
        settings: strength of every change.
        mirror: (K,) columns of a mirrored face; None: no face is mirrored.
        maps: of the faces, on the device of the images.
        size: (height, width) of the output, a window at the center of the input.

    Returns:
        The warped faces. Points outside the image are no longer labeled; points without a label
        are 0.
    """
    images, points, labelled, visibility = faces
    height, width = size
    amount = settings.elastic * min(height, width)
    offsets, back = maps.offsets, maps.back
    moved = _project(maps.forward, points)
    if amount:
        moved = undo_elastic(moved, offsets, height, width, amount)
    if mirror is not None and settings.mirror:
        column = mirror.to(images.device, non_blocking=True)
        flips = maps.flipped[:, None]
        moved = torch.where(flips[..., None], moved[:, column], moved)
        labelled = torch.where(flips, labelled[:, column], labelled)
        if visibility is not None:
            visibility = torch.where(flips, visibility[:, column], visibility)
    x, y = moved.unbind(-1)
    labelled = labelled & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    moved = torch.where(labelled[..., None], moved, torch.zeros_like(moved))
    grid = _sampling_grid(
        back, offsets if amount else None, settings.perspective > 0, faces.size, size
    )
    images = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return FaceBatch(images, moved, labelled, visibility)


def _homographies(
    uniform: Tensor,
    settings: Augment,
    flipped: Tensor,
    input_size: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    """(B, 3, 3) float64 on the CPU: from input pixels to output pixels, without the elastic
    field. Sizes are (H, W)."""
    height, width = size
    uniform = uniform.double()
    angle = signed(uniform, ROTATION) * math.radians(settings.rotation)
    zoom = (1 + settings.scale) ** signed(uniform, SCALE)
    rotation = torch.zeros(len(uniform), 3, 3, dtype=torch.float64)
    side = torch.where(flipped, -1.0, 1.0)  # mirrored first: about the center, x -> -x
    rotation[:, 0, 0], rotation[:, 0, 1] = zoom * angle.cos() * side, -zoom * angle.sin()
    rotation[:, 1, 0], rotation[:, 1, 1] = zoom * angle.sin() * side, zoom * angle.cos()
    rotation[:, 2, 2] = 1
    tilt = torch.eye(3, dtype=torch.float64).repeat(len(uniform), 1, 1)
    tilt[:, 2, 0] = signed(uniform, TILT_X) * settings.perspective * 2 / width
    tilt[:, 2, 1] = signed(uniform, TILT_Y) * settings.perspective * 2 / height
    center = torch.eye(3, dtype=torch.float64)
    center[0, 2], center[1, 2] = -(input_size[1] - 1) / 2, -(input_size[0] - 1) / 2
    shift = torch.eye(3, dtype=torch.float64).repeat(len(uniform), 1, 1)
    shift[:, 0, 2] = (width - 1) / 2 + signed(uniform, SHIFT_X) * settings.shift * width
    shift[:, 1, 2] = (height - 1) / 2 + signed(uniform, SHIFT_Y) * settings.shift * height
    return shift @ tilt @ rotation @ center


def _project(matrix: Tensor, points: Tensor) -> Tensor:
    """Apply homographies (B, 3, 3) to points (B, K, 2).

    Avoids matmul, whose precision a program may have lowered on CUDA.
    """
    x, y = points[..., :1], points[..., 1:]
    columns = matrix.transpose(1, 2)[:, :, None]  # (B, 3, 1, 3)
    mapped = x * columns[:, 0] + y * columns[:, 1] + columns[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def _sampling_grid(
    back: Tensor,
    offsets: Tensor | None,
    perspective: bool,
    input_size: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    """Sampling positions (B, H, W, 2) of the output pixels, for `grid_sample` without aligned
    corners.

    Args:
        back: (B, 3, 3) from output pixels to input pixels.
        offsets: (B, 2, GRID, GRID) control points of e, or None.
        perspective: whether the denominator of the homography varies.
        input_size, size: (H, W) of input and output.
    """
    height, width = size
    to_grid = _to_grid(input_size, back.device)
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
        # Numerators and denominator are linear in d + e(d). With rows as the first axis, each
        # axis of the spline is one large product, not many small ones.
        shifted = (matrix[:, :, :2, None, None] * offsets[:, None]).sum(2)
        columns = (shifted.permute(2, 0, 1, 3) @ spline(xs, width).T).reshape(GRID, -1)
        field.view(height, -1).addmm_(spline(ys, height), columns)
    if perspective:
        field[:, :, :2] /= field[:, :, 2:]
    return field[:, :, :2].permute(1, 0, 3, 2)


@lru_cache(maxsize=16)
def _to_grid(input_size: tuple[int, int], device: torch.device) -> Tensor:
    """(3, 3) from pixels to `grid_sample`'s coordinates: from -1 to 1 between the outer edges,
    g = (2 x + 1) / W - 1. It is kept, because a CUDA graph cannot make it."""
    height, width = input_size
    rows = [[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]]
    return to_device(torch.tensor(rows), device)
