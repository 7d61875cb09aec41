"""Photometric changes: the gray values of a face, not its geometry."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from facepoints.training.augment.presets import Augment
from facepoints.training.augment.random_columns import (
    BLUR,
    BORROWED,
    BORROWED_X,
    BORROWED_Y,
    BRIGHTNESS,
    CENTER_X,
    CENTER_Y,
    CONTRAST,
    COVERED,
    GAMMA,
    GRAIN,
    HALF_X,
    HALF_Y,
    LEVEL,
    NOISE,
    SHADE,
    SHADED_FROM,
    SHAPE,
    signed,
)

__all__ = ["change_tones", "under_cover"]


def change_tones(
    images: Tensor, settings: Augment, uniform: Tensor, noise: Tensor | None
) -> Tensor:
    """Change gray values; `images` is overwritten. The order is that of a camera: light, lens,
    occlusion, sensor noise.

    Args:
        images: (B, 1, H, W) float32 in [0, 255].
        settings: strength of every change.
        uniform: (B, COLUMNS) in [0, 1], on the device of the images.
        noise: (B, 1, H, W) standard normal, on that device; None only if the settings need none.
    """
    images = _tones(images, settings, uniform)
    if settings.blur:
        images = _blur(images, settings, uniform)
    if noise is not None:
        images = _cover_and_grain(images, settings, uniform, noise)
    return images.clamp_(0, 255)


def _tones(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Shade, gamma, contrast and brightness."""
    if settings.shade:
        images = images.mul_(_shade(images, settings, uniform)).clamp_(0, 255)
    if settings.gamma:
        power = (signed(uniform, GAMMA) * settings.gamma).exp().view(-1, 1, 1, 1)
        images = images.mul_(1 / 255).clamp_(min=0).pow_(power).mul_(255)
    if settings.contrast or settings.brightness:
        gain = (1 + signed(uniform, CONTRAST) * settings.contrast).view(-1, 1, 1, 1)
        added = (signed(uniform, BRIGHTNESS) * settings.brightness).view(-1, 1, 1, 1)
        added = added + images.mean((1, 2, 3), keepdim=True) * (1 - gain)
        images = images.mul_(gain).add_(added).clamp_(0, 255)
    return images


def _shade(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Factors (B, 1, H, W) of light from one side."""
    ys, xs = (torch.linspace(-1, 1, side, device=images.device) for side in images.shape[-2:])
    direction = (2 * math.pi * uniform[:, SHADED_FROM]).view(-1, 1, 1)
    along = xs * direction.cos() + ys[:, None] * direction.sin()
    return (along * (uniform[:, SHADE] * settings.shade).view(-1, 1, 1)).exp_()[:, None]


def _blur(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Gaussian blur of each image with its own sigma; border pixels are repeated.

    Sums of shifted images are a few times faster on the CPU than convolutions with a kernel per
    image.
    """
    radius = math.ceil(2.5 * settings.blur)
    sigma = (uniform[:, BLUR] * settings.blur).clamp(min=0.05)
    offset = torch.arange(radius + 1, device=images.device)
    # Clamped, because denormals are slow
    weights = torch.exp((-0.5 * (offset / sigma[:, None]) ** 2).clamp(min=-30))
    weights /= 2 * weights.sum(1, keepdim=True) - weights[:, :1]
    weight = [w.view(-1, 1, 1, 1) for w in weights.unbind(1)]
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    for axis in (2, 3):
        side = images.shape[axis]
        smooth = padded.narrow(axis, radius, side) * weight[0]
        for k in range(1, radius + 1):
            pair = padded.narrow(axis, radius - k, side) + padded.narrow(axis, radius + k, side)
            smooth.addcmul_(pair, weight[k])
        padded = smooth
    return padded


_SMALLEST_COVER, _LARGEST_COVER = 0.05, 0.25  # half sides, as fractions of the image sides
_ROUND, _SQUARE = 2.0, 16.0  # exponents of |x|^p + |y|^p <= 1
_STRONGEST_GRAIN = 64.0  # gray levels, standard deviation of the noise within a cover


def _covers(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Gray values of the covers, (B, 1, H, W) or (B, 1, 1, 1): one gray level, or a part of
    another image of the batch."""
    gray = (uniform[:, LEVEL] * 255).view(-1, 1, 1, 1)
    if not settings.borrowed:
        return gray
    others = images.roll(1, dims=0)
    for column, axis in ((BORROWED_Y, 2), (BORROWED_X, 3)):
        side = images.shape[axis]
        start = (uniform[:, column] * side).long()[:, None]
        index = (start + torch.arange(side, device=images.device)) % side
        shape = [-1, 1, 1, 1]
        shape[axis] = side
        others = others.gather(axis, index.view(shape).expand_as(others))
    borrows = (uniform[:, BORROWED] < settings.borrowed).view(-1, 1, 1, 1)
    return torch.where(borrows, others, gray)


def _distances(
    xs: Tensor, ys: Tensor, settings: Augment, uniform: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Parts along x (B, n) and y (B, m) of the distance from the center of each image's cover, and
    the limit (B, 1): a place is covered if the sum of its parts is at most the limit.

    Args:
        xs, ys: (B, n) and (B, m) as fractions of the image, 0 at the center of the first pixel and
            1 at that of the last.
    """
    column = uniform[:, :, None]
    # Filled, because a choice between two numbers of Python would wait for a GPU
    shape = torch.full_like(column[:, SHAPE], _SQUARE)
    shape.masked_fill_(column[:, SHAPE] < 0.5, _ROUND)
    half = _SMALLEST_COVER + column[:, HALF_X : HALF_Y + 1] * (_LARGEST_COVER - _SMALLEST_COVER)
    far_x = ((xs - column[:, CENTER_X]) / half[:, 0]).abs() ** shape
    far_y = ((ys - column[:, CENTER_Y]) / half[:, 1]).abs() ** shape
    limit = torch.full_like(column[:, COVERED], -1.0)
    limit.masked_fill_(column[:, COVERED] < settings.occlusion, 1.0)
    return far_x, far_y, limit


def under_cover(
    points: Tensor, settings: Augment, uniform: Tensor, size: tuple[int, int]
) -> Tensor:
    """Mask (B, K) of the points that the cover of their image hides.

    Args:
        points: (B, K, 2) pixels of the output.
        settings, uniform: as for `change_tones`.
        size: (height, width) of the output.
    """
    if not settings.occlusion:
        return torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    xs, ys = points[..., 0] / (size[1] - 1), points[..., 1] / (size[0] - 1)
    far_x, far_y, limit = _distances(xs, ys, settings, uniform)
    return far_x + far_y <= limit


def _cover_and_grain(images: Tensor, settings: Augment, uniform: Tensor, noise: Tensor) -> Tensor:
    """Occlude a rectangle or ellipse, and add noise to the whole image."""
    height, width = images.shape[-2:]
    column = uniform[:, :, None]
    grain = (column[:, NOISE] * settings.noise)[..., None, None]
    if settings.occlusion:
        xs = torch.linspace(0, 1, width, device=images.device).expand(len(images), -1)
        ys = torch.linspace(0, 1, height, device=images.device).expand(len(images), -1)
        far_x, far_y, limit = _distances(xs, ys, settings, uniform)
        covered = (far_x[:, None, :] + far_y[:, :, None] <= limit[..., None])[:, None]
        images = torch.where(covered, _covers(images, settings, uniform), images)
        strong = (column[:, GRAIN] - 0.5).clamp(min=0) * 2 * _STRONGEST_GRAIN
        strong = torch.where(column[:, BORROWED] < settings.borrowed, grain[:, :, 0, 0], strong)
        grain = torch.where(covered, strong[..., None, None], grain)
    return images.addcmul_(noise, grain)
