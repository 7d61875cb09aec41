"""Random augmentation of whole batches of faces, on the training device.

All images of a batch are changed at once. Their geometry is one resampling, so an image is
interpolated only once. All random numbers come from one CPU generator, always in the same order
and amount. A step can therefore be repeated bit for bit, and switching one change on or off does
not alter what the others draw.

    settings = AUGMENTS["default"]
    images, points, labelled = augment(images, points, labelled, settings, mirror, generator)

The map from an output pixel d to the input is G(d + e(d)): G a 3x3 homography (mirror, rotation,
scale, shift, perspective), e a cubic B-spline field (elastic). Points go the other way, through
the inverse of G and a few fixed-point iterations for e.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facepoints.training.augment.apply import Augmented, apply
from facepoints.training.augment.draws import draw
from facepoints.training.augment.graphed import GraphedAugment
from facepoints.training.augment.presets import AUGMENTS, STRENGTHS, Augment

__all__ = [
    "AUGMENTS",
    "STRENGTHS",
    "Augment",
    "Augmented",
    "GraphedAugment",
    "augment",
    "augment_faces",
]


def augment(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    settings: Augment,
    mirror: Tensor | None,
    generator: torch.Generator,
    size: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """`augment_faces` for faces without visibility. Returns images, points and mask."""
    changed = augment_faces(images, points, labelled, None, settings, mirror, generator, size)
    return changed.images, changed.points, changed.labelled


def augment_faces(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    visibility: Tensor | None,
    settings: Augment,
    mirror: Tensor | None,
    generator: torch.Generator,
    size: tuple[int, int] | None = None,
) -> Augmented:
    """Randomly changed copies of a batch of faces; the inputs are not modified.

    Args:
        images: (B, 1, H, W) float32 in [0, 255], on any device.
        points: (B, K, 2) float32, (x, y) in pixels; the center of the top-left pixel is (0, 0).
        labelled: (B, K) bool.
        visibility: (B, K) int8: 1 visible, 0 hidden, -1 unknown; or None.
        settings: strength of every change.
        mirror: (K,) int64, column k of a mirrored face is column mirror[k] of the
            original (`LandmarkSet.mirror`). None: no face is mirrored.
        generator: CPU generator; it advances by the same amount for all settings and devices.
        size: (height, width) of the output, a window at the center of the input; rotation and
            shift move real surroundings into it. Default: the size of the input.

    Returns:
        The changed faces on the same device, images of `size`. Points outside the image
        (beyond the outer edge of a border pixel) are no longer labeled. Points without a label
        are 0 if the settings change geometry. Points under a cover become hidden.
    """
    before = images.shape[-2], images.shape[-1]
    size = size or before
    device, mirrored = images.device, mirror is not None
    draws = draw(len(images), settings, mirrored, generator, before, size, device).to(device)
    return apply(images, points, labelled, visibility, settings, mirror, draws, size)
