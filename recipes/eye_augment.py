"""Random views of stored eye crops: turned and shifted, from the side, in bad light, blurred,
behind glasses, or covered."""

from __future__ import annotations

import math

import torch
from eye_crops import MARGIN
from torch import Tensor
from torch.nn import functional

from facepoints.inference.eye_state import SIDE

__all__ = ["augmented", "plain"]

COVERED = 0.05
"""Share of the eyes that something else covers, and share that sunglasses hide."""
GLASSES = 0.15
"""Share of the eyes behind a frame, and share with a reflection."""
DARK = 0.2
"""Share in low light."""
BLURRED = 0.4
"""Share that is blurred or small."""


def plain(images: Tensor) -> Tensor:
    """The middle (B, 1, SIDE, SIDE) of stored crops (B, WIDE, WIDE) uint8."""
    return _sampled(images, torch.eye(2).expand(len(images), 2, 2), torch.zeros(len(images), 2))


def augmented(
    images: Tensor, seen: Tensor, others: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Random views of stored crops.

    Args:
        images: (B, WIDE, WIDE) uint8.
        seen: (B,) 1 an eye, 0 none, -1 unknown.
        others: (B, WIDE, WIDE) uint8 patches without an eye, to cover eyes with.

    Returns:
        Views (B, 1, SIDE, SIDE) in [0, 255], and `seen` after covering.
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(count, generator=generator)

    def chosen(share: float) -> Tensor:
        return torch.rand(count, generator=generator) < share

    views = _sampled(images, *_random_views(uniform, normal, chosen))
    covers = _sampled(others, torch.eye(2).expand(count, 2, 2), torch.zeros(count, 2))
    y, x = _pixels()
    # something in front of the eye, or a dark lens
    is_eye = seen == 1
    covered, tinted = chosen(COVERED) & is_eye, chosen(COVERED) & is_eye
    reach = uniform(0.75, 1.3)[:, None, None]
    mask = torch.sigmoid((reach - (x**2 + (1.6 * y) ** 2).sqrt()) / 0.08)[:, None]
    views = torch.where(covered[:, None, None, None], views * (1 - mask) + covers * mask, views)
    shade = uniform(5, 70)[:, None, None] * (1 + uniform(-0.5, 0.5)[:, None, None] * y)
    mean = views.mean(dim=(2, 3), keepdim=True)
    lens = shade[:, None] + uniform(0, 0.06)[:, None, None, None] * (views - mean)
    views = torch.where(tinted[:, None, None, None], views * (1 - mask) + lens * mask, views)
    seen = torch.where(covered | tinted, torch.zeros_like(seen), seen)
    views = _behind_glasses(views, uniform, chosen)
    views = _blurred(views, uniform, chosen)
    return _lit(views, uniform, chosen, generator), seen


def _random_views(uniform, normal, chosen) -> tuple[Tensor, Tensor]:
    """Linear maps (B, 2, 2) and shifts (B, 2) from a view to the stored crop; 1 is half a view."""
    turn, size = normal(0.14).clamp(-0.5, 0.5), normal(0.12).exp().clamp(0.72, 1.35)
    flip = torch.where(chosen(0.5), -1.0, 1.0)
    narrow = torch.where(chosen(0.3), uniform(1.0, 1.6), uniform(0.95, 1.05))  # from the side
    cos, sin = turn.cos() * size, turn.sin() * size
    rows = torch.stack([cos * flip * narrow, -sin, sin * flip * narrow, cos], dim=1)
    return rows.view(-1, 2, 2), torch.stack([normal(0.1), normal(0.1)], dim=1).clamp(-0.3, 0.3)


def _sampled(images: Tensor, linear: Tensor, shift: Tensor) -> Tensor:
    """Views (B, 1, SIDE, SIDE) of stored crops."""
    matrix = torch.cat([linear, shift[:, :, None]], dim=2) / MARGIN
    grid = functional.affine_grid(matrix, [len(images), 1, SIDE, SIDE], align_corners=False)
    return functional.grid_sample(
        images[:, None].float(), grid, padding_mode="border", align_corners=False
    )


def _pixels() -> tuple[Tensor, Tensor]:
    """(SIDE, SIDE) y and x of the pixels, -1 to 1."""
    places = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(places, places, indexing="ij")
    return y, x


def _behind_glasses(views: Tensor, uniform, chosen) -> Tensor:
    """A dark or light frame around some eyes, and a bright reflection on some."""
    y, x = (t[None] for t in _pixels())
    power = 2 + 4 * uniform(0, 1)[:, None, None]  # round to square
    width, height = uniform(0.75, 1.2)[:, None, None], uniform(0.5, 1.1)[:, None, None]
    off = uniform(-0.35, 0.35)[:, None, None]
    edge = (x.abs() / width) ** power + ((y - off).abs() / height) ** power
    thick = uniform(0.08, 0.3)[:, None, None]
    frame = torch.exp(-(((edge ** (1 / power) - 1) / thick) ** 2))[:, None]
    frame = frame * (uniform(0.4, 1) * chosen(GLASSES))[:, None, None, None]
    color = torch.where(chosen(0.8), uniform(0, 90), uniform(150, 255))[:, None, None, None]
    views = views * (1 - frame) + color * frame
    left, down = uniform(-0.7, 0.7)[:, None, None], uniform(-0.6, 0.6)[:, None, None]
    wide, tall = uniform(0.08, 0.35)[:, None, None], uniform(0.06, 0.3)[:, None, None]
    spot = torch.exp(-(((x - left) / wide) ** 2) - ((y - down) / tall) ** 2)[:, None]
    spot = spot * (uniform(0.3, 0.9) * chosen(GLASSES))[:, None, None, None]
    return views * (1 - spot) + 250 * spot


def _blurred(views: Tensor, uniform, chosen) -> Tensor:
    """Some views out of focus, or small."""
    sigma = torch.where(chosen(BLURRED), uniform(0.3, 2.2), torch.full_like(uniform(0, 1), 0.2))
    places = torch.arange(-5, 6).float()
    kernel = torch.exp(-0.5 * (places[None] / sigma[:, None]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    rows = functional.pad(views, (5, 5, 5, 5), mode="replicate").transpose(0, 1)
    count = views.shape[0]
    rows = functional.conv2d(rows, kernel[:, None, None, :], groups=count)
    rows = functional.conv2d(rows, kernel[:, None, :, None], groups=count)
    return rows.transpose(0, 1)


def _lit(views: Tensor, uniform, chosen, generator: torch.Generator) -> Tensor:
    """Other light, a gradient of it, and the noise of a camera."""
    y, x = (t[None] for t in _pixels())
    gamma = uniform(-0.5, 0.5).exp()[:, None, None, None]
    views = 255 * (views.clamp(0, 255) / 255) ** gamma
    slope = uniform(-0.4, 0.4)[:, None, None] * x + uniform(-0.4, 0.4)[:, None, None] * y
    views = views * (1 + slope)[:, None]
    dark = uniform(math.log(0.1), math.log(0.4)).exp()
    gain = torch.where(chosen(DARK), dark, uniform(0.6, 1.4))[:, None, None, None]
    views = (views + uniform(-15, 15)[:, None, None, None]) * gain
    noise = (uniform(0, 1) ** 2 * 8)[:, None, None, None]
    views = views + noise * torch.randn(views.shape, generator=generator)
    return views.clamp(0, 255).round()
