"""What each step of a training sees: faces in random order, changed at random, and pictures
without a face among them. The same for the same seed, wherever training was resumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepoints.datasets.samples import Samples
from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.training.augment import STRENGTHS, Augment, augment
from facepoints.training.distributed import DistributedContext
from facepoints.training.settings import TrainSettings

__all__ = ["Batch", "Batches", "DeviceFaces", "augmentation", "seed_of"]

NEGATIVES = 0.125
"""Pictures without a face that a step sees, over its faces."""


@dataclass(frozen=True)
class DeviceFaces:
    """Rows of one part on the training device."""

    images: Tensor  # (N, H, W) uint8
    points: Tensor  # (N, K, 2) pixels
    labelled: Tensor  # (N, K) bool

    @classmethod
    def of(cls, samples: Samples, device: torch.device) -> DeviceFaces:
        return cls(
            torch.from_numpy(np.array(samples.images)).to(device),
            torch.from_numpy(samples.points).to(device),
            torch.from_numpy(samples.labelled).to(device),
        )


class Batch(NamedTuple):
    """A step's rows.

    Attributes:
        images: (B + M, 1, H, W) float32: B faces, then M pictures without one.
        points: (B, K, 2) in pixels, of the faces.
        labelled: (B, K).
    """

    images: Tensor
    points: Tensor
    labelled: Tensor


class Batches:
    """Steps of one member's training.

    Args:
        rows: faces to train on; their pictures may be larger than what the network sees.
        negatives: (M, H, W) pictures without a face, or None.
        size: (height, width) that the network sees.
        number: of the member in its run.

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
        here: DistributedContext,
    ) -> None:
        self.number, self.settings, self.here, self.size = number, settings, here, size
        self.rows = DeviceFaces.of(rows, here.device)
        self.negatives: Tensor | None = None
        if negatives is not None and len(negatives):
            if negatives.shape[1:] != rows.size:
                raise SettingsError(
                    f"pictures without a face must be {rows.size[1]}x{rows.size[0]} as the faces "
                    f"are, these are {negatives.shape[2]}x{negatives.shape[1]}"
                )
            self.negatives = torch.from_numpy(np.array(negatives)).to(here.device)
        self.batch = min(settings.batch, len(rows))
        if self.batch // here.size < 2:
            raise SettingsError(
                f"a step of {self.batch} rows over {here.size} processes leaves less than 2 "
                f"rows each; raise --batch, give more data or use fewer processes"
            )
        self.steps = max(1, len(rows) // self.batch)  # a short last batch is left out
        self.strengths, mirror = augmentation(settings, rows.landmarks)
        self.mirror = None if mirror is None else mirror.to(here.device)

    @property
    def has_negatives(self) -> bool:
        """Whether there are pictures without a face to learn from."""
        return self.negatives is not None

    def draw(self, epoch: int, place: int, seed: int, offset: Tensor) -> Batch:
        """This process's share of step `place` of `epoch`.

        Args:
            seed: of all that is random but for the order of rows.
            offset: (K, 2) pixels by which labels lie off what a mirrored training finds.
        """
        settings, here = self.settings, self.here
        order = np.random.default_rng(seed_of(settings.seed, self.number, epoch)).permutation(
            len(self.rows.images)
        )
        chosen = order[place * self.batch : (place + 1) * self.batch][here.rank :: here.size]
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for strength, rows in zip(
            self.strengths, np.array_split(chosen, len(self.strengths)), strict=True
        ):
            index = torch.from_numpy(rows).to(here.device)
            images, points, labelled = augment(
                self.rows.images[index][:, None].float(),
                self.rows.points[index] - offset,
                self.rows.labelled[index],
                strength,
                self.mirror,
                generator,
                self.size,
            )
            parts.append((images, points + offset, labelled))
        images, points, labelled = (torch.cat(part) for part in zip(*parts, strict=True))
        if self.negatives is not None:
            images = torch.cat([images, self._without(len(chosen), generator)])
        return Batch(images, points, labelled)

    def _without(self, faces: int, generator: torch.Generator) -> Tensor:
        """Pictures without a face beside so many faces, changed as little as any face is: some
        are faces beyond the reach of a first look, which more change would bring back."""
        assert self.negatives is not None
        count = max(1, round(faces * NEGATIVES))
        index = torch.randint(len(self.negatives), (count,), generator=generator)
        images = self.negatives[index.to(self.negatives.device)][:, None].float()
        nowhere = images.new_zeros((count, 1, 2))
        flips = torch.zeros(1, dtype=torch.int64, device=images.device)
        mask = torch.ones_like(nowhere[..., 0], dtype=torch.bool)
        return augment(images, nowhere, mask, self.strengths[-1], flips, generator, self.size)[0]


def augmentation(
    settings: TrainSettings, landmarks: LandmarkSet
) -> tuple[tuple[Augment, ...], Tensor | None]:
    """Settings that share the faces of every step, and how columns mirror, if they do."""
    strengths = STRENGTHS[settings.augment]
    if not landmarks.mirrorable:
        return tuple(replace(strength, mirror=0.0) for strength in strengths), None
    return strengths, torch.from_numpy(landmarks.mirror)


def seed_of(*numbers: int) -> int:
    """One seed out of several numbers; other numbers, unrelated seed."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
