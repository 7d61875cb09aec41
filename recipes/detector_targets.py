"""Training targets of the face detector's cells, and the loss."""

from __future__ import annotations

import numpy as np
import torch
from detector_scenes import SIDE, Scene
from torch import Tensor
from torch.nn import functional

from facepoints.models.networks.face_detector import REFERENCE, DetectorMaps, cells

__all__ = ["Targets", "loss"]

REACH = ((0.0, 38.0), (30.0, 100.0), (78.0, 1e9))
"""Range of face sizes (longer side, pixels) that each map learns; the ranges overlap on purpose."""
NEAR = 0.18
"""Standard deviation of the target around a face's center, as a fraction of its longer side."""


class Targets:
    """Targets of every cell of a batch.

    Attributes:
        quality: (B, N) in [0, 1]: 1 at the cell nearest to a face's center.
        counts: (B, N) bool: False where it is unknown whether there is a face.
        face: (B, N, 15): the nearest face, as in `Scene.faces`.
    """

    def __init__(self, scenes: list[Scene]) -> None:
        self.place, self.reference = cells(SIDE, SIDE)
        most = max(1, *(len(s.faces) for s in scenes))
        faces = torch.zeros(len(scenes), most, 15)
        faces[..., :2] = -1e4  # nowhere near
        faces[..., 2] = 1.0
        for row, scene in enumerate(scenes):
            if scene.faces:
                faces[row, : len(scene.faces)] = torch.from_numpy(np.stack(scene.faces)).float()
        far = (self.place[None, :, None] - faces[:, None, :, :2]).square().sum(-1)
        side = faces[:, None, :, 2]
        near = torch.exp(-0.5 * far / (NEAR * side) ** 2)
        doubt = torch.zeros(far.shape[:2], dtype=torch.bool)
        start = 0
        for reference, (low, high) in zip(REFERENCE, REACH, strict=True):
            rows = self.reference == reference
            here = slice(start, start + int(rows.sum()))
            start = here.stop
            closest = far[:, here].amin(1, keepdim=True)
            part = near[:, here]
            part = torch.where(far[:, here] <= closest, torch.ones_like(part), part)
            part[part < 0.1] = 0
            mine = (side > low) & (side < high)
            beside = (side > low / 1.2) & (side < high * 1.2) & ~mine
            doubt[:, here] = ((part > 0) & beside).any(-1)
            near[:, here] = part * mine
        near[far > 1e7] = 0
        self.quality, index = near.max(-1)
        self.face = faces.gather(1, index[..., None].expand(-1, -1, 15))
        for row, scene in enumerate(scenes):
            for x, y, size in scene.unknown:
                off = (self.place - torch.tensor([x, y])).abs().amax(-1)
                doubt[row] |= off < 0.6 * size
        self.counts = (self.quality > 0) | ~doubt

    def to(self, device: str) -> Targets:
        """The targets with all tensors on a device; changed in place."""
        for name, tensor in vars(self).items():
            setattr(self, name, tensor.to(device))
        return self


def loss(maps: DetectorMaps, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of a batch, and its terms, per face.

    The score's loss is the quality focal loss (Li et al. 2020, https://arxiv.org/abs/2006.04388):
    cells that are predicted well, nearly all, hardly count. The other terms are absolute errors at
    the faces, as fractions of the face's side.
    """
    quality = targets.quality
    many = quality.sum().clamp(min=1)
    logit = maps.logit.float()
    error = functional.binary_cross_entropy_with_logits(logit, quality, reduction="none")
    focus = (logit.sigmoid() - quality).square()
    score = (error * focus * targets.counts).sum() / many
    rows = quality > 0.15
    weight = quality[rows] / many
    face = targets.face[rows]
    reference = targets.reference.expand_as(rows)[rows]
    place = targets.place.expand(*rows.shape, 2)[rows]
    side = face[:, 2]
    scale = (reference / side)[:, None]
    want = (face[:, :2] - place) / reference[:, None]
    shift = ((maps.shift[rows].float() - want).abs() * scale).mean(1)
    size = (maps.size[rows].float() - (side / reference).log()).abs()
    turn = (maps.turn[rows].float() - face[:, 3:5]).abs().mean(1)
    want = (face[:, 5:].view(-1, 5, 2) - place[:, None]) / reference[:, None, None]
    points = ((maps.points[rows].float() - want).abs() * scale[:, None]).mean((1, 2))
    parts = {"score": score}
    for name, part in (("shift", shift), ("size", size), ("turn", turn), ("points", points)):
        parts[name] = (part * weight).sum()
    whole = score + 2 * (parts["shift"] + parts["points"]) + parts["size"] + parts["turn"]
    return whole, {name: part.detach() for name, part in parts.items()}
