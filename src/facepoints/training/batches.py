"""Batches of a training: faces in random order, augmented, plus images without a face.

The same seed gives the same batches, also after a resumed training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepoints.datasets.samples import Samples
from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.devices import to_device
from facepoints.training.augment import (
    STRENGTHS,
    Augment,
    FaceBatch,
    GraphedAugment,
    augment,
    augment_faces,
)
from facepoints.training.distributed import DistributedContext
from facepoints.training.settings import TrainSettings

__all__ = ["Batch", "Batches", "DeviceFaces", "augmentation", "seed_of"]

NEGATIVES = 0.125
"""Images without a face per face of a batch."""


@dataclass(frozen=True)
class DeviceFaces:
    """Images and labels on the training device."""

    images: Tensor  # (N, H, W) uint8
    points: Tensor  # (N, K, 2) pixels
    labelled: Tensor  # (N, K) bool
    scheme: Tensor  # (N,) int64
    visibility: Tensor | None = None  # (N, K) int8

    @classmethod
    def of(cls, samples: Samples, device: torch.device) -> DeviceFaces:
        return cls(
            torch.from_numpy(np.array(samples.images)).to(device),
            torch.from_numpy(samples.points).to(device),
            torch.from_numpy(samples.labelled).to(device),
            torch.from_numpy(samples.scheme.astype(np.int64)).to(device),
            None if samples.visibility is None else torch.from_numpy(samples.visibility).to(device),
        )


class Batch(NamedTuple):
    """The rows of one step.

    Attributes:
        images: (B + M, 1, H, W) float32: B faces, then M images without one.
        points: (B, K, 2) of the faces, in pixels.
        labelled: (B, K) bool.
        scheme: (B,) int64, the marking scheme of each face.
        visibility: (B, K) int8: 1 visible, 0 hidden, -1 unknown; None if it is not known of any
            face.
    """

    images: Tensor
    points: Tensor
    labelled: Tensor
    scheme: Tensor
    visibility: Tensor | None


class Batches:
    """The batches of one member's training.

    Args:
        rows: faces to train on; their images may be larger than the network input.
        negatives: (M, H, W) images without a face, or None.
        size: (height, width) of the network input.
        number: index of the member in its run.
        settings: batch size, augmentation and seed.
        ctx: the processes that train together; each gets its share of every batch.
        uses_graphs: augment with CUDA graphs (`augment.GraphedAugment`); on a GPU only.

    Raises:
        SettingsError: too few rows for a step, or negatives of another size than the faces.
    """

    def __init__(
        self,
        rows: Samples,
        negatives: NDArray[np.uint8] | None,
        size: tuple[int, int],
        number: int,
        settings: TrainSettings,
        ctx: DistributedContext,
        uses_graphs: bool = False,
    ) -> None:
        self.number, self.settings, self.ctx, self.size = number, settings, ctx, size
        self.rows = DeviceFaces.of(rows, ctx.device)
        self.negatives: Tensor | None = None
        if negatives is not None and len(negatives):
            if negatives.shape[1:] != rows.size:
                raise SettingsError(
                    f"images without a face must be {rows.size[1]}x{rows.size[0]} as the faces "
                    f"are, these are {negatives.shape[2]}x{negatives.shape[1]}"
                )
            self.negatives = torch.from_numpy(np.array(negatives)).to(ctx.device)
        self.batch = min(settings.batch, len(rows))
        if self.batch // ctx.size < 2:
            raise SettingsError(
                f"a step of {self.batch} rows over {ctx.size} processes leaves less than 2 "
                f"rows each; raise `batch`, give more data or use fewer processes"
            )
        self.steps = max(1, len(rows) // self.batch)  # a short last batch is left out
        self.strengths, mirror = augmentation(settings, rows.landmarks)
        self.mirror = None if mirror is None else mirror.to(ctx.device)
        self._changes = [self._change(strength, uses_graphs) for strength in self.strengths]
        self._ordered: tuple[int, NDArray[np.int64]] | None = None

    @property
    def has_negatives(self) -> bool:
        """True if there are images without a face to learn from."""
        return self.negatives is not None

    def draw(self, epoch: int, step: int, seed: int, mirror_bias: Tensor) -> Batch:
        """This process's share of a batch.

        Args:
            epoch: decides the order of the rows.
            step: of the epoch, from 0.
            seed: random seed of every draw but the order of the rows.
            mirror_bias: (K, 2) pixels, the part of the labels' position that is not mirrored
                with a face (see `MemberTrainer.estimate_mirror_bias`).
        """
        ctx = self.ctx
        rows_of_step = self._order(epoch)[step * self.batch : (step + 1) * self.batch]
        chosen = rows_of_step[ctx.rank :: ctx.size]
        generator = torch.Generator().manual_seed(seed)
        parts = []
        shares = np.array_split(chosen, len(self._changes))
        for change, rows in zip(self._changes, shares, strict=True):
            index = to_device(torch.from_numpy(rows), ctx.device)
            given = self.rows.visibility
            faces = FaceBatch(
                self.rows.images[index][:, None].float(),
                self.rows.points[index] - mirror_bias,
                self.rows.labelled[index],
                None if given is None else given[index],
            )
            changed = change(faces, generator=generator)
            parts.append(changed._replace(points=changed.points + mirror_bias))
        images = torch.cat([part.images for part in parts])
        points = torch.cat([part.points for part in parts])
        labelled = torch.cat([part.labelled for part in parts])
        known = [part.visibility for part in parts if part.visibility is not None]
        visibility = torch.cat(known) if known else None
        if self.negatives is not None:
            images = torch.cat([images, self._draw_negatives(len(chosen), generator)])
        scheme = self.rows.scheme[to_device(torch.from_numpy(chosen), ctx.device)]
        return Batch(images, points, labelled, scheme, visibility)

    def _change(self, strength: Augment, graph: bool) -> Callable[..., FaceBatch]:
        """The augmentation of a share of the faces."""
        if graph:
            return GraphedAugment(strength, self.mirror, self.size)
        return partial(augment_faces, settings=strength, mirror=self.mirror, size=self.size)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The order of all rows in an epoch."""
        if self._ordered is None or self._ordered[0] != epoch:
            seed = seed_of(self.settings.seed, self.number, epoch)
            order = np.random.default_rng(seed).permutation(len(self.rows.images))
            self._ordered = epoch, order
        return self._ordered[1]

    def _draw_negatives(self, faces: int, generator: torch.Generator) -> Tensor:
        """Random images without a face: `NEGATIVES` per face, at least one.

        They get the mildest augmentation of the preset: some show a face just outside the
        reach of a detector's crop, and a stronger change could move it back into view.
        """
        assert self.negatives is not None
        count = max(1, round(faces * NEGATIVES))
        index = torch.randint(len(self.negatives), (count,), generator=generator)
        images = self.negatives[to_device(index, self.negatives.device)][:, None].float()
        points = images.new_zeros((count, 1, 2))
        mirror = torch.zeros(1, dtype=torch.int64, device=images.device)
        labelled = torch.ones_like(points[..., 0], dtype=torch.bool)
        strength = self.strengths[-1]
        return augment(images, points, labelled, strength, mirror, generator, self.size)[0]


def augmentation(
    settings: TrainSettings, landmarks: LandmarkSet
) -> tuple[tuple[Augment, ...], Tensor | None]:
    """The augmentations of the settings' preset, which share the faces of every step evenly, and
    the mirror permutation (K,); None and no mirroring if the points have no mirror partners."""
    strengths = STRENGTHS[settings.augment]
    if not landmarks.mirrorable:
        return tuple(replace(strength, mirror=0.0) for strength in strengths), None
    return strengths, torch.from_numpy(landmarks.mirror)


def seed_of(*numbers: int) -> int:
    """One seed from several numbers; different numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
