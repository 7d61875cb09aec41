"""What changes the gray values of a face in place."""

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
    CENTRE_X,
    CENTRE_Y,
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

__all__ = ["relight"]


def relight(images: Tensor, settings: Augment, uniform: Tensor, seed: int) -> Tensor:
    """Gray values changed; `images` is overwritten. Order as in a camera: light, lens,
    what stands before the face, sensor.

    Args:
        images: (B, 1, H, W) float32 in [0, 255].
        settings: how strongly.
        uniform: (B, DRAWS) in [0, 1], on the device of the images.
        seed: of the noise, which is drawn on that device.
    """
    images = _tones(images, settings, uniform)
    if settings.blur:
        images = _blur(images, settings, uniform)
    if settings.noise or settings.occlusion:
        images = _cover_and_grain(images, settings, uniform, seed)
    return images.clamp_(0, 255)


def _tones(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
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
    """Factors (B, 1, H, W) of light that comes from a side."""
    ys, xs = (torch.linspace(-1, 1, side, device=images.device) for side in images.shape[-2:])
    turn = (2 * math.pi * uniform[:, SHADED_FROM]).view(-1, 1, 1)
    along = xs * turn.cos() + ys[:, None] * turn.sin()
    return (along * (uniform[:, SHADE] * settings.shade).view(-1, 1, 1)).exp_()[:, None]


def _blur(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Gaussian blur of each image with its own sigma, borders repeated.

    By sums of shifted pictures: on the CPU a few times faster than convolutions with a
    kernel per image.
    """
    reach = math.ceil(2.5 * settings.blur)
    sigma = (uniform[:, BLUR] * settings.blur).clamp(min=0.05)
    place = torch.arange(reach + 1, device=images.device)
    # Held off denormals, which are slow
    weights = torch.exp((-0.5 * (place / sigma[:, None]) ** 2).clamp(min=-30))
    weights /= 2 * weights.sum(1, keepdim=True) - weights[:, :1]
    weight = [w.view(-1, 1, 1, 1) for w in weights.unbind(1)]
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    for axis in (2, 3):
        side = images.shape[axis]
        smooth = padded.narrow(axis, reach, side) * weight[0]
        for k in range(1, reach + 1):
            pair = padded.narrow(axis, reach - k, side) + padded.narrow(axis, reach + k, side)
            smooth.addcmul_(pair, weight[k])
        padded = smooth
    return padded


_LARGEST_COVER = 0.25  # half-sides of a cover, part of the picture's
_ROUND, _SQUARE = 2.0, 16.0  # exponents of |x|^p + |y|^p <= 1
_COARSEST_GRAIN = 64.0  # gray levels, standard deviation within a cover


def _covers(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """What covers show, (B, 1, H, W) or (B, 1, 1, 1)."""
    gray = (uniform[:, LEVEL] * 255).view(-1, 1, 1, 1)
    if not settings.borrowed:
        return gray
    others = images.roll(1, dims=0)
    for column, axis in ((BORROWED_Y, 2), (BORROWED_X, 3)):
        side = images.shape[axis]
        start = (uniform[:, column] * side).long()[:, None]
        moved = (start + torch.arange(side, device=images.device)) % side
        shape = [-1, 1, 1, 1]
        shape[axis] = side
        others = others.gather(axis, moved.view(shape).expand_as(others))
    borrows = (uniform[:, BORROWED] < settings.borrowed).view(-1, 1, 1, 1)
    return torch.where(borrows, others, gray)


def _cover_and_grain(images: Tensor, settings: Augment, uniform: Tensor, seed: int) -> Tensor:
    """Covers of an even gray with or without grain, or with what another picture shows, and noise
    everywhere."""
    height, width = images.shape[-2:]
    draws = uniform[:, :, None]
    grain = (draws[:, NOISE] * settings.noise)[..., None, None]
    if settings.occlusion:
        shape = torch.where(draws[:, SHAPE] < 0.5, _ROUND, _SQUARE)
        half = 0.05 + draws[:, HALF_X : HALF_Y + 1] * (_LARGEST_COVER - 0.05)
        xs = torch.linspace(0, 1, width, device=images.device)
        ys = torch.linspace(0, 1, height, device=images.device)
        far_x = ((xs - draws[:, CENTRE_X]) / half[:, 0]).abs() ** shape
        far_y = ((ys - draws[:, CENTRE_Y]) / half[:, 1]).abs() ** shape
        reach = torch.where(draws[:, COVERED] < settings.occlusion, 1.0, -1.0)
        covered = (far_x[:, None, :] + far_y[:, :, None] <= reach[..., None])[:, None]
        images = torch.where(covered, _covers(images, settings, uniform), images)
        coarse = (draws[:, GRAIN] - 0.5).clamp(min=0) * 2 * _COARSEST_GRAIN
        coarse = torch.where(draws[:, BORROWED] < settings.borrowed, grain[:, :, 0, 0], coarse)
        grain = torch.where(covered, coarse[..., None, None], grain)
    # Drawn where it is used: a batch of noise is too much to send to the device each step
    source = torch.Generator(images.device).manual_seed(seed)
    return images.addcmul_(torch.randn(images.shape, generator=source, device=images.device), grain)
