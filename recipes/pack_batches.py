"""Batches of the packed training data (`points_pack.py`) on a device, and errors on its validation
faces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from points_pack import decoded, joined, read_faces, taken
from torch import Tensor

from facepoints.models.networks import RawOutput
from facepoints.training.augment import STRENGTHS, FaceBatch, augment, augment_faces
from facepoints.training.batches import NEGATIVES, Batch, DeviceFaces
from facepoints.training.distributed import DistributedContext

__all__ = ["FULL", "Pack"]

FULL = ("lfpw", "helen", "afw", "youtube-faces")
"""Marking schemes that label all 68 points."""
TOGETHER = 1024
"""Faces that are augmented at a time, with each strength of the preset: the more, the less a GPU
waits for Python."""


class Pack:
    """Packed training data on a device.

    Args:
        folder: that `points_pack.write_pack` wrote.
        device: for the data and the training.
        view: side of the network input in pixels.
    """

    def __init__(self, folder: Path, device: torch.device, view: int = 96) -> None:
        self.about = json.loads((folder / "about.json").read_text())
        self.device, self.view = device, view
        self.ctx = DistributedContext(rank=0, size=1, device=device)
        faces = read_faces(folder / "faces.npz", device)
        made = [read_faces(path, device) for path in sorted(folder.glob("made-*.npz"))]
        with np.load(folder / "faces.npz") as file:
            repeated = file["repeated"]
        # All sets of morphs are part of an epoch, so every face is repeated as often.
        own = np.repeat(np.arange(len(repeated)), len(made) * repeated)
        morphed = sum(len(part.scheme) for part in made)
        every = np.concatenate([own, len(repeated) + np.arange(morphed)])
        self.index = torch.from_numpy(every)
        self.faces = joined([faces, *made])
        with np.load(folder / "negatives.npz") as file:
            self.negatives = torch.from_numpy(decoded(file["images"], file["ends"])).to(device)
        self.held = read_faces(folder / "held.npz", device)
        with np.load(folder / "held.npz") as file:
            self.held_sets, self.held_number = file["sets"].tolist(), file["number"]
        self.mirror = torch.tensor(self.about["mirror"], device=device)
        full = [name in FULL for name in self.about["schemes"]]
        self.full = torch.tensor(full, device=device)

    def batches(self, seed: int, mirrored: bool, size: int) -> Iterator[Batch]:
        """Endless batches of `size` augmented faces and of images without a face."""
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        strengths = STRENGTHS["closer" if mirrored else "settle"]
        view = (self.view, self.view)
        mirror = self.mirror if mirrored else None
        each = max(TOGETHER, -(-size // len(strengths)))
        while True:
            parts = []
            for strength in strengths:
                given = taken(self.faces, self._drawn(rng, self.index, each))
                faces = FaceBatch(
                    given.images[:, None].float(), given.points, given.labelled, given.visibility
                )
                changed = augment_faces(faces, strength, mirror, generator, view)
                images, points, labelled, visibility = changed
                parts.append(DeviceFaces(images, points, labelled, given.scheme, visibility))
            every = joined(parts)
            count = len(every.scheme) // size
            without = round(size * NEGATIVES)
            rows = self._drawn(rng, torch.arange(len(self.negatives)), count * without)
            images = self.negatives[rows][:, None].float()
            nothing = images.new_zeros((len(images), 1, 2))
            all_labelled = nothing[..., 0] == 0
            empty = augment(images, nothing, all_labelled, strengths[-1], None, generator, view)[0]
            order = torch.from_numpy(rng.permutation(len(every.scheme))).to(self.device)
            for n in range(count):
                some = taken(every, order[n * size : (n + 1) * size])
                images = torch.cat([some.images, empty[n * without : (n + 1) * without]])
                yield Batch(images, some.points, some.labelled, some.scheme, some.visibility)

    def _drawn(self, rng: np.random.Generator, rows: Tensor, count: int) -> Tensor:
        """So many random rows, on the device."""
        chosen = rows[torch.from_numpy(rng.integers(len(rows), size=count))]
        return chosen.to(self.device, non_blocking=True)

    @torch.no_grad()
    def errors(self, model: Callable[[Tensor], RawOutput]) -> dict[str, float]:
        """Mean error on the validation faces of each set, percent of the distance of the outer eye
        corners, or of the box where the set does not label them all."""
        start = (self.held.images.shape[-1] - self.view) // 2
        window = slice(start, start + self.view)
        points = [
            model(part[:, None, window, window]).points for part in self.held.images.split(256)
        ]
        truth = self.held.points - start
        off = torch.linalg.vector_norm(torch.cat(points) - truth, dim=-1)
        seen = self.held.labelled & (self.held.visibility != 0)
        first, second = self.about["eyes"]
        eyes = torch.linalg.vector_norm(truth[:, first] - truth[:, second], dim=-1)
        low = torch.where(seen[..., None], truth, torch.inf).amin(1)
        high = torch.where(seen[..., None], truth, -torch.inf).amax(1)
        box = (high - low).prod(-1).sqrt()
        own = (off * seen).sum(1) / seen.sum(1)
        result = {}
        for number, name in enumerate(self.held_sets):
            rows = torch.from_numpy(self.held_number == number).to(self.device)
            size = eyes if name in FULL[:3] else box
            result[name] = round(100 * float((own / size)[rows].mean()), 3)
        return result
