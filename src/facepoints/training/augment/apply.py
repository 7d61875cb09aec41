"""Changes a batch of faces by random numbers that were drawn before."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facepoints.training.augment.draws import Draws
from facepoints.training.augment.geometric import warp
from facepoints.training.augment.photometric import change_tones, under_cover
from facepoints.training.augment.presets import Augment

__all__ = ["Augmented", "apply"]


class Augmented(NamedTuple):
    """A batch of changed faces.

    Attributes:
        images: (B, 1, H, W) float32.
        points: (B, K, 2) float32, pixels.
        labelled: (B, K) bool.
        visibility: (B, K) int8: 1 visible, 0 hidden, -1 unknown; or None.
    """

    images: Tensor
    points: Tensor
    labelled: Tensor
    visibility: Tensor | None


@torch.no_grad()
def apply(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    visibility: Tensor | None,
    settings: Augment,
    mirror: Tensor | None,
    draws: Draws,
    size: tuple[int, int],
) -> Augmented:
    """Changed copies of a batch of faces; the inputs are not modified. It does not wait for a GPU.

    Args:
        images, points, labelled, visibility, settings, mirror: see `augment_faces`.
        draws: on the device of the images.
        size: (height, width) of the output.
    """
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        if draws.maps is not None:
            images, points, labelled, visibility = warp(
                images, points, labelled, settings, mirror, draws.maps, size, visibility
            )
        if settings.photometric:
            if draws.maps is None:
                images = images.clone()
            images = change_tones(images, settings, draws.uniform, draws.noise)
        if visibility is not None:
            hidden = labelled & under_cover(points, settings, draws.uniform, size)
            visibility = torch.where(hidden, torch.zeros_like(visibility), visibility)
    return Augmented(images, points, labelled, visibility)
