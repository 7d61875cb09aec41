"""Train the built-in eye state: is an eye open or closed?

    python recipes/eye_state.py --data DATA --install      # resumable: same command

DATA contains eyes/eyes.zip (Closed Eyes in the Wild), the sets of `points_data.SETS`, pictures
without a face, and `held-out.txt`, the names of the people in the test set, who are not used here.
Nor are the eyes of benchmarks/data/eyes-held-out.txt, a tenth of the pictures and people of that
zip, which `benchmarks/eyes.py` measures on. The recipe was chosen on another tenth of the people
and pictures. It takes ten minutes on one processor core, with the cutting of the eyes
(`eye_crops`). Cut them again (remove OUT/crops.npz) when the landmark model changes.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import checkpoints
import numpy as np
import torch
import tyro
from eye_augment import augmented, plain
from eye_crops import EyeCrops, training_eyes
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facepoints._util import files
from facepoints.errors import FacepointsError
from facepoints.inference.eye_state import INPUT, KIND, OUTPUTS, SIDE
from facepoints.models.networks.eye_state import EyeNet, EyeStateGraph
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import traced

ROOT = Path(__file__).resolve().parents[1]
HELD_OUT = ROOT / "benchmarks" / "data" / "eyes-held-out.txt"
PACKAGE = ROOT / "src" / "facepoints" / "weights"

SHARES = {"single": 0.45, "acted": 0.1, "elsewhere": 0.07, "scene": 0.05}
"""Share of each kind of crop in a step; the photos share the rest."""
CLOSED_SHARE = 0.5
"""Share of closed eyes among the single ones."""
SMOOTHING = 0.01
"""Probability that a label is wrong."""
SAVE_EVERY = 100


@dataclass(frozen=True)
class Recipe:
    """Train the built-in eye state."""

    data: Path = Path("../shared/data")
    """Folder of the data sets, with held-out.txt."""
    out: Path = Path("build/eye-state")
    """Folder for the run."""
    steps: int = 1800
    """Number of steps."""
    batch: int = 128
    """Eyes per step."""
    learning_rate: float = 3e-3
    """Highest learning rate."""
    threads: int = 1
    """Processor threads."""
    install: bool = False
    """Write the finished model to the package, too."""
    seed: int = 0
    """Random seed. The same seed gives the same training."""


class Draws:
    """Draws the crops of a step."""

    def __init__(self, eyes: EyeCrops) -> None:
        self.eyes = eyes
        self.images = torch.from_numpy(eyes.images)
        self.without = np.flatnonzero(eyes.seen == 0)
        weight = np.zeros(len(eyes.kind))
        photos = ~np.isin(eyes.kind, list(SHARES))
        for kind, share in SHARES.items():
            rows = eyes.kind == kind
            weight[rows] = share / max(int(rows.sum()), 1)
        closed = (eyes.kind == "single") & (eyes.closed == 1)
        opened = (eyes.kind == "single") & (eyes.closed == 0)
        weight[closed] = SHARES["single"] * CLOSED_SHARE / max(int(closed.sum()), 1)
        weight[opened] = SHARES["single"] * (1 - CLOSED_SHARE) / max(int(opened.sum()), 1)
        # closed eyes are rare in photos, and count as much as twenty open ones
        rare = photos & (eyes.closed == 1)
        inside = photos * 1.0 + 19.0 * rare
        weight += (1 - sum(SHARES.values())) * inside / inside.sum()
        self.weight = weight / weight.sum()

    def step(self, recipe: Recipe, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Views, closed and seen of a step; the same for the same number."""
        rng = np.random.default_rng((recipe.seed, number))
        rows = rng.choice(len(self.weight), recipe.batch, p=self.weight)
        covers = rng.choice(self.without, recipe.batch)
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + number)
        seen = torch.from_numpy(self.eyes.seen[rows].astype(np.int64))
        views, seen = augmented(self.images[rows], seen, self.images[covers], generator)
        closed = torch.from_numpy(self.eyes.closed[rows].astype(np.int64))
        return views, torch.where(seen == 1, closed, -1), seen


def loss(odds: Tensor, closed: Tensor, seen: Tensor) -> Tensor:
    """Cross entropy of both outputs, where the truth is known."""
    total = odds.new_zeros(())
    for column, truth in enumerate((closed, seen)):
        known = truth >= 0
        target = truth.clamp(min=0).float() * (1 - 2 * SMOOTHING) + SMOOTHING
        each = functional.binary_cross_entropy_with_logits(
            odds[:, column], target, reduction="none"
        )
        total = total + (each * known).sum() / known.sum().clamp(min=1)
    return total


def auc(score: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Area under the receiver operating curve: how often a positive scores above a negative."""
    order = np.argsort(np.concatenate([score[truth], score[~truth]]), kind="stable")
    ranks = np.empty(len(order))
    values = np.concatenate([score[truth], score[~truth]])[order]
    _, first, counts = np.unique(values, return_index=True, return_counts=True)
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    positive = int(truth.sum())
    whole = ranks[:positive].sum() - positive * (positive + 1) / 2
    return float(whole / max(positive * int((~truth).sum()), 1))


@torch.no_grad()
def validate(net: EyeNet, eyes: EyeCrops) -> dict[str, float]:
    """Areas under the curve on crops, of both outputs, by kind where there are both answers."""
    net.eval()
    odds = torch.cat([net(plain(part)) for part in torch.from_numpy(eyes.images).split(256)])
    report: dict[str, float] = {}
    closed, seen = odds[:, 0].numpy(), odds[:, 1].numpy()
    photos = ~np.isin(eyes.kind, list(SHARES))
    for name, rows in (("single", eyes.kind == "single"), ("photos", photos)):
        known = rows & (eyes.closed >= 0)
        if known.any():
            report[f"closed_{name}"] = auc(closed[known], eyes.closed[known] == 1)
    known = eyes.seen >= 0
    report["seen"] = auc(seen[known], eyes.seen[known] == 1)
    return report


class Run:
    """The network, its moving average and the optimizer, saved in a checkpoint."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.path = recipe.out / "checkpoint.safetensors"
        self.net = EyeNet()
        self.average = AveragedModel(
            self.net, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(self.net.parameters(), weight_decay=0.05, fused=True)
        self.step = 0
        if self.path.exists():
            self._restore()

    @property
    def mean(self) -> EyeNet:
        """The network with the averaged weights."""
        network = self.average.module
        assert isinstance(network, EyeNet)
        return network

    def learn(self, recipe: Recipe, views: Tensor, closed: Tensor, seen: Tensor) -> float:
        """Take one step; returns the loss."""
        warm = min(1.0, (self.step + 1) / 100)
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm * (0.005 + 0.995 * cosine)
        self.net.train()
        whole = loss(self.net(views), closed, seen)
        self.optimizer.zero_grad()
        whole.backward()
        self.optimizer.step()
        self.average.update_parameters(self.net)
        self.step += 1
        return float(whole.detach())

    def save(self) -> None:
        checkpoints.save(self.path, self.net, self.average, self.optimizer, self.step)

    def _restore(self) -> None:
        self.step = checkpoints.restore(self.path, self.net, self.average, self.optimizer)


def model_file(net: EyeNet, report: dict[str, float]) -> bytes:
    """The contents of the model file."""
    example = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    graph = traced(
        EyeStateGraph(net), example, {0: torch.export.Dim("batch")}, [INPUT], list(OUTPUTS)
    )
    return with_metadata(graph, {"kind": KIND, "validation": report})


def main(recipe: Recipe) -> None:
    console = Console()
    torch.set_num_threads(recipe.threads)
    files.make_folder(recipe.out)
    eyes = training_eyes(recipe.data, HELD_OUT, recipe.out, recipe.seed)
    training, held = eyes.take(np.flatnonzero(~eyes.held)), eyes.take(np.flatnonzero(eyes.held))
    for kind in np.unique(training.kind):
        rows = training.kind == kind
        counts = [int((training.closed[rows] == value).sum()) for value in (1, 0, -1)]
        console.print(f"{kind}: {counts[0]} closed, {counts[1]} open, {counts[2]} unknown or none")
    draws, run, losses = Draws(training), Run(recipe), []
    begin, first = time.monotonic(), run.step
    while run.step < recipe.steps:
        losses.append(run.learn(recipe, *draws.step(recipe, run.step)))
        if run.step % SAVE_EVERY == 0 or run.step == recipe.steps:
            run.save()
            row = {"step": run.step, "loss": round(float(np.mean(losses)), 4)}
            row |= {name: round(value, 5) for name, value in validate(run.mean, held).items()}
            row["ms_per_step"] = round(1000 * (time.monotonic() - begin) / (run.step - first))
            print(json.dumps(row), flush=True)
            losses = []
    report = validate(run.mean, held)
    written = recipe.out / "eyes.onnx"
    files.write_bytes(written, model_file(run.mean, report))
    console.print(f"{written}: {report}")
    if recipe.install:
        files.write_bytes(PACKAGE / "eyes.onnx", written.read_bytes())


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
