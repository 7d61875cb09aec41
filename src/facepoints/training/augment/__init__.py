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

from facepoints.training.augment.apply import apply
from facepoints.training.augment.draws import draw
from facepoints.training.augment.face_batch import FaceBatch
from facepoints.training.augment.graphed import GraphedAugment
from facepoints.training.augment.presets import AUGMENTS, STRENGTHS, Augment

__all__ = [
    "AUGMENTS",
    "STRENGTHS",
    "Augment",
    "FaceBatch",
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
    faces = FaceBatch(images, points, labelled)
    return augment_faces(faces, settings, mirror, generator, size)[:3]


def augment_faces(
    faces: FaceBatch,
    settings: Augment,
    mirror: Tensor | None,
    generator: torch.Generator,
    size: tuple[int, int] | None = None,
) -> FaceBatch:
    """Randomly changed copies of a batch of faces; the inputs are not modified.

    Args:
        faces: on any device.
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
    size = size or faces.size
    count, device, mirrored = len(faces.images), faces.images.device, mirror is not None
    draws = draw(count, settings, mirrored, generator, faces.size, size, device).to(device)
    return apply(faces, settings, mirror, draws, size)
