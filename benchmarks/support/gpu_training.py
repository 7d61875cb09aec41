"""Rates of training on a device, and the time in which a network reaches an accuracy."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from facepoints._util.progress import StopRequest, TrainingProgress
from facepoints.datasets import marking_schemes, synthetic
from facepoints.datasets.combine import concatenate
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.models.networks import NETWORKS
from facepoints.training.batches import seed_of
from facepoints.training.distributed import DistributedContext
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.missing_labels import make_plan
from facepoints.training.settings import TrainSettings
from facepoints.training.steps import EagerStep, GraphStep

from .gpu_forward import synchronize
from .noise_faces import noise_faces

__all__ = ["agreement", "make_faces", "reach_rows", "synchronizing_calls", "training_rates"]


class Steps:
    """The steps of a training, one a call, as `MemberTrainer.run` takes them."""

    def __init__(self, rows: Samples, settings: TrainSettings, device: str, graph: bool) -> None:
        chosen = torch.device(device)
        ctx = DistributedContext(0, 1, chosen)
        held = rows.take(slice(0, 0))
        self.trainer = MemberTrainer(0, rows, held, settings, ctx, uses_graph=graph)
        self.settings = settings
        make = GraphStep if graph else EagerStep
        state = self.trainer.state
        self.take = make(state, state.model, settings, ctx)

    def __call__(self) -> None:
        state, trainer = self.trainer.state, self.trainer
        epoch, step = divmod(state.step, trainer.steps)
        seed = seed_of(self.settings.seed, 0, state.step, 0)
        torch.manual_seed(seed)
        batch = trainer.batches.draw(epoch, step, seed, state.model.mirror_bias)
        state.set_learning_rate(self.settings.max_learning_rate)
        state.model.train()
        self.take(batch)
        state.update_ema()


def training_rates(
    device: torch.device, batches: list[int], seconds: float, rows: int
) -> Iterator[dict[str, Any]]:
    """A row per network, batch and way: training samples per second, augmentation included.
    "tuned" lets cuDNN try its algorithms for the convolutions and take the fastest."""
    faces = noise_faces(rows)
    ways = ("eager", "graph") if device.type == "cuda" else ("eager",)
    for network in NETWORKS:
        tuned = ("graph, tuned",) if network in ("heatnet", "net2") else ()
        for batch in batches:
            for way in (*ways, *tuned) if len(ways) > 1 else ways:
                settings = TrainSettings(network=network, batch=batch, init="random")  # pyright: ignore[reportArgumentType]
                row = {"network": network, "augment": "default", "batch": batch, "way": way}
                yield row | _training_rate(faces, settings, device, way, seconds)
    for batch in batches:  # as the built-in network is trained, in eight groups of augmentation
        settings = TrainSettings(network="heatnet", batch=batch, init="random", augment="closer")
        for way in ways:
            row = {"network": "heatnet", "augment": "closer", "batch": batch, "way": way}
            yield row | _training_rate(faces, settings, device, way, seconds)


def _training_rate(
    faces: Samples, settings: TrainSettings, device: torch.device, way: str, seconds: float
) -> dict[str, Any]:
    torch.backends.cudnn.benchmark = way.endswith("tuned")
    try:
        step = Steps(faces, settings, str(device), way.startswith("graph"))
        for _ in range(3):
            step()
        synchronize(device)
        begin, steps = time.perf_counter(), 0
        while steps < 2 or time.perf_counter() - begin < seconds:
            step()
            steps += 1
            if steps % 8 == 0:
                synchronize(device)
        synchronize(device)
        took = time.perf_counter() - begin
        found = {"samples_per_s": round(steps * settings.batch / took, 1)}
        return found | {"ms_per_step": round(1000 * took / steps, 3)}
    except RuntimeError as error:
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}
    finally:
        torch.backends.cudnn.benchmark = False


def agreement(device: torch.device, steps: int = 30) -> Iterator[dict[str, Any]]:
    """Losses of the same steps taken one kernel at a time and as a graph, in float32 and without
    dropout: they differ by rounding only."""
    faces = synthetic.kaggle_like(64, seed=5)
    for network in ("heatnet", "lenet5"):
        losses: dict[str, float] = {}
        for way in ("eager", "eager again", *(("graph",) if device.type == "cuda" else ())):
            settings = TrainSettings(
                network=network, batch=32, init="random", precision="float32", augment="light"
            )  # fmt: skip
            step = Steps(faces, settings, str(device), way == "graph")
            for _ in range(steps):
                step()
            losses[way] = round(float(step.trainer.state.loss_sum) / steps, 6)
        yield {"network": network, "steps": steps, "mean_loss": losses}


def synchronizing_calls(device: torch.device) -> Iterator[dict[str, Any]]:
    """Places of a training step that wait for the GPU; none is best."""
    if device.type != "cuda":
        return
    for augment in ("default", "strong", "closer"):
        settings = TrainSettings(network="heatnet", batch=64, init="random", augment=augment)
        step = Steps(noise_faces(256), settings, str(device), False)
        step()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        places = sorted({f"{Path(w.filename).name}:{w.lineno}" for w in caught})
        yield {"augment": augment, "calls_that_wait": len(caught), "places": places}


def make_faces(rows: int, workers: int) -> Samples:
    """Synthetic faces that are labeled like Kaggle's, rendered by several processes."""
    share = max(12, -(-rows // max(workers, 1)))
    seeds = range(-(-rows // share))
    with ProcessPoolExecutor(max(workers, 1), mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_some_faces, [share] * len(seeds), seeds))
    return concatenate(parts)


def _some_faces(rows: int, seed: int) -> Samples:
    import cv2

    cv2.setNumThreads(1)
    return synthetic.kaggle_like(rows, seed=seed)


ORIGIN = TrainSettings(
    network="net2", missing="drop", loss="mse", epochs=80, learning_rate=1e-3, init="random",
    schedule="constant", weight_decay=0.0, ema=0.0, augment="light",
)  # fmt: skip
"""net2 with the settings of its origin, except for the learning rate (kaggle_like.py)."""


def reach_rows(
    device: torch.device, faces: Samples, epochs: int, batches: list[int], graph: bool
) -> Iterator[dict[str, Any]]:
    """The error of net2 after the training of its origin, and the seconds in which other settings
    reach it; then heatnet's best error and the seconds to within 2 % of it."""
    origin = replace(ORIGIN, epochs=epochs)
    history, total = _train(device, faces, origin, False)
    target = min(row["validation_rmse"] for row in history)
    yield _reached("net2, as its origin", origin, history, total, target, "eager")
    ours = replace(
        origin, missing="per-scheme", schedule="one-cycle", ema=0.998, epochs=max(4, epochs // 3)
    )
    for batch in batches:
        scaled = replace(ours, batch=batch, learning_rate=1e-3 * (batch / 32) ** 0.5)
        ways = ["graph"] if graph else []
        if not graph or batch == batches[len(batches) // 2]:
            ways = ["eager", *ways]
        for way in ways:
            history, total = _train(device, faces, scaled, way == "graph")
            yield _reached("net2, per-scheme, one cycle", scaled, history, total, target, way)
    best = TrainSettings(
        network="heatnet", init="random", epochs=max(4, epochs // 2), batch=batches[-1]
    )
    way = "graph" if graph else "eager"
    history, total = _train(device, faces, best, graph)
    lowest = min(row["validation_rmse"] for row in history)
    yield _reached("heatnet, its best", best, history, total, 1.02 * lowest, way)


def _reached(
    what: str,
    settings: TrainSettings,
    history: list[dict[str, Any]],
    total: float,
    target: float,
    way: str,
) -> dict[str, Any]:
    best = min(row["validation_rmse"] for row in history)
    seconds = next((r["seconds"] for r in history if r["validation_rmse"] <= target), None)
    return {
        "what": what, "batch": settings.batch, "epochs": settings.epochs, "way": way,
        "best_rmse": best, "target_rmse": round(target, 5), "seconds_to_target": seconds,
        "seconds": round(total, 2),
    }  # fmt: skip


def _train(
    device: torch.device, faces: Samples, settings: TrainSettings, graph: bool
) -> tuple[list[dict[str, Any]], float]:
    """The epochs of a training of one network, and its seconds with everything."""
    rows, held_rows = split_groups(faces.group, settings.validation, settings.seed)
    plan = make_plan(faces.take(rows), settings.missing, settings.merge)
    part = plan.parts[0].samples
    held = marking_schemes.in_scheme_columns(faces.take(held_rows), plan.landmarks)
    history: list[dict[str, Any]] = []
    console = Console(quiet=True)
    begin = time.perf_counter()
    trainer = MemberTrainer(
        0, part, held.select(part.landmarks.names), settings, DistributedContext(0, 1, device),
        uses_graph=graph,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        TrainingProgress(console, True) as progress,
        StopRequest() as stop,
    ):
        trainer.run(Path(folder), history, progress, stop)
    return history, time.perf_counter() - begin
