"""Changes a batch of faces by random numbers that were drawn before."""

from __future__ import annotations

import torch
from torch import Tensor

from facepoints.training.augment.draws import Draws
from facepoints.training.augment.face_batch import FaceBatch
from facepoints.training.augment.geometric import warp
from facepoints.training.augment.photometric import change_tones, under_cover
from facepoints.training.augment.presets import Augment

__all__ = ["apply"]


@torch.no_grad()
def apply(
    faces: FaceBatch,
    settings: Augment,
    mirror: Tensor | None,
    draws: Draws,
    size: tuple[int, int],
) -> FaceBatch:
    """Changed copies of a batch of faces; the inputs are not modified. It does not wait for a GPU.

    Args:
        faces, settings, mirror: see `augment_faces`.
        draws: on the device of the images.
        size: (height, width) of the output.
    """
    with torch.autocast(faces.images.device.type, enabled=False):
        faces = faces._replace(images=faces.images.float())
        if draws.maps is not None:
            faces = warp(faces, settings, mirror, draws.maps, size)
        images, points, labelled, visibility = faces
        if settings.photometric:
            if draws.maps is None:
                images = images.clone()
            images = change_tones(images, settings, draws.uniform, draws.noise)
        if visibility is not None:
            hidden = labelled & under_cover(points, settings, draws.uniform, size)
            visibility = torch.where(hidden, torch.zeros_like(visibility), visibility)
    return FaceBatch(images, points, labelled, visibility)
