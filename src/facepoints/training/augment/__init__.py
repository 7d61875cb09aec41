"""Random changes of whole batches of faces, on the training device.

All of a batch is changed at once and its geometry by one resampling, so that an image is
interpolated only once. What is random comes from one CPU generator, always in the same
order and amount, so a step can be repeated bit for bit and switching one change on or off
does not alter what the others draw.

    settings = AUGMENTS["default"]
    images, points, labelled = augment(images, points, labelled, settings, mirror, generator)

The sampling map from an output pixel d to the input is G(d + e(d)): G a 3x3 homography
(mirror, rotation, scale, shift, perspective), e a cubic B-spline field (elastic). Points
go the other way, through the inverse of G and a few fixed-point steps for e.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facepoints.training.augment.elastic import GRID
from facepoints.training.augment.geometric import move
from facepoints.training.augment.photometric import relight
from facepoints.training.augment.presets import AUGMENTS, STRENGTHS, Augment
from facepoints.training.augment.random_columns import DRAWS

__all__ = ["AUGMENTS", "STRENGTHS", "Augment", "augment"]


@torch.no_grad()
def augment(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    settings: Augment,
    mirror: Tensor | None,
    generator: torch.Generator,
    size: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Randomly changed copies of a batch of faces; what comes in is left as it is.

    Args:
        images: (B, 1, H, W) float32 in [0, 255], on any device.
        points: (B, K, 2) float32, (x, y) in pixels, centre of the top-left pixel (0, 0).
        labelled: (B, K) bool.
        settings: what to change and how strongly.
        mirror: (K,) int64, column k of a mirrored face is column mirror[k] of the
            original (`LandmarkSet.mirror`). None: no face is mirrored.
        generator: CPU generator; it moves on by the same amount whatever the settings
            and the device.
        size: (height, width) of the pictures that come out: a window about the middle of
            those that came in, with whatever surrounds it turned and shifted into view.
            None: as they came.

    Returns:
        The triple, of the same shapes but for `size`, on the same device. Points that left the
        picture (beyond the outer edge of a border pixel) are no longer labelled; points
        not labelled are 0 if the settings move points at all.
    """
    batch, device = len(images), images.device
    uniform = torch.rand(batch, DRAWS, generator=generator)
    control = torch.rand(batch, 2 * GRID**2, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    size = size or (images.shape[-2], images.shape[-1])
    moves = settings.geometric or size != images.shape[-2:]
    with torch.autocast(device.type, enabled=False):
        images = images.float()
        if moves:
            images, points, labelled = move(
                images, points, labelled, settings, mirror, uniform, control, size
            )
        if settings.photometric:
            if not moves:
                images = images.clone()
            images = relight(images, settings, uniform.to(device, non_blocking=True), seed)
    return images, points, labelled
