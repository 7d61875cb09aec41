"""Training samples per second: batches changed at once against one sample at a time.

    pip install -e '.[train,bench]'
    python benchmarks/throughput.py
    python benchmarks/throughput.py --networks net2 heatnet --seconds 10

All sides train the same network with Adam on a masked MSE, in batches of 32 faces of 96x96
with 15 points, some of them not labelled; all but the last in float32:

samples     a `Dataset` gives one face at a time, changed by albumentations; a `DataLoader`
            with worker processes puts batches together.
batches     all images are one uint8 tensor on the device; a batch is an index into it and
            is changed as a whole by `facepoints.training.augment`. The step is that of `samples`:
            what only the feeding gains.
float32     batches, and the step as facepoints takes it with --precision float32: the same
            Adam in one fused kernel, the network in channels-last memory, and freed memory
            kept for the next step.
facepoints  the same with its defaults: networks compute in bfloat16 where the processor or
            GPU has it (the results say whether).

The changes, as like as the two allow:

samples                                                 batches
rescale to 110, random crop of 96 (zoom 1.15, ±7 px)    scale up to ±15%, shift up to ±7 px
rotate up to ±15 degrees, half of the samples           rotate up to ±15 degrees, all
brightness and contrast ±20%, half of the samples       brightness ±51, contrast ±20%, all
Gaussian blur, 3x3, half of the samples                 Gaussian blur, sigma up to 1, all
mirror half of the samples, names swapped               the same

What the first does to half of the samples the second does to all, so that the comparison
errs against facepoints. The sides take turns on one machine, each turn in a process of its
own; the median of the turns counts. Writes benchmarks/results/throughput.json.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from facepoints._util.files import write_json
from facepoints.errors import MissingExtraError, SettingsError
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.networks import NETWORKS, build
from facepoints.training.allocator import keep_freed_memory
from facepoints.training.augment import Augment, augment
from facepoints.training.distributed import DistributedContext
from facepoints.training.losses import LOSSES, masked_loss
from facepoints.training.member_trainer import precision_of

SIZE = 96
BIGGER = 110
SIDES = ("samples", "batches", "float32", "facepoints")
SETTINGS = Augment(
    rotation=15, scale=0.15, shift=7 / 96, mirror=0.5, brightness=51, contrast=0.2, blur=1.0
)
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Options:
    """What to measure."""

    networks: tuple[str, ...] = tuple(NETWORKS)
    """Names of networks."""
    seconds: float = 6.0
    """Length of one turn of one side."""
    repeats: int = 3
    """Turns of each side."""
    batch: int = 32
    """Samples in a batch."""
    workers: int = 2
    """Worker processes of the DataLoader."""
    rows: int = 2048
    """Faces in the data set."""
    threads: int = 0
    """CPU threads that train; 0 leaves PyTorch's choice."""
    out: Path = Path(__file__).parent / "results" / "throughput.json"
    """File for the figures."""


@dataclass(frozen=True)
class Faces:
    """A data set in memory: images (N, 96, 96) uint8, points (N, 15, 2), labelled (N, 15)."""

    images: np.ndarray
    points: np.ndarray
    labelled: np.ndarray


def random_faces(rows: int) -> Faces:
    """Noise with points anywhere: the time of a step does not depend on what is seen."""
    rng = np.random.default_rng(0)
    k = len(KAGGLE_15)
    return Faces(
        images=rng.integers(0, 256, (rows, SIZE, SIZE), dtype=np.uint8),
        points=rng.uniform(10, SIZE - 10, (rows, k, 2)).astype(np.float32),
        labelled=rng.random((rows, k)) < 0.7,
    )


class SampleBySample(Dataset):
    """One face at a time through albumentations."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.mirror = KAGGLE_15.mirror
        albumentations = _albumentations()
        self.change = albumentations.Compose(
            [
                albumentations.Resize(BIGGER, BIGGER),
                albumentations.RandomCrop(SIZE, SIZE),
                albumentations.Rotate(limit=15, border_mode=cv2.BORDER_REPLICATE, p=0.5),
                albumentations.RandomBrightnessContrast(0.2, 0.2, p=0.5),
                albumentations.GaussianBlur(blur_limit=3, p=0.5),
            ],
            keypoint_params=albumentations.KeypointParams(format="xy", remove_invisible=False),
        )

    def __len__(self) -> int:
        return len(self.faces.images)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, Tensor]:
        changed = self.change(image=self.faces.images[row], keypoints=self.faces.points[row])
        image, points = changed["image"], np.asarray(changed["keypoints"], dtype=np.float32)
        labelled = self.faces.labelled[row]
        # Outside Compose, which does not tell whether it mirrored: the names must swap too
        if random.random() < 0.5:
            image = image[:, ::-1]
            points = points[self.mirror]
            points[:, 0] = SIZE - 1 - points[:, 0]
            labelled = labelled[self.mirror]
        inside = ((points >= -0.5) & (points <= SIZE - 0.5)).all(axis=1)
        return (
            torch.from_numpy(np.ascontiguousarray(image))[None],
            torch.from_numpy(points),
            torch.from_numpy(labelled & inside),
        )


def _albumentations() -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it looks for news online
    try:
        return importlib.import_module("albumentations")
    except ImportError as error:
        raise MissingExtraError("albumentations", "bench", "This benchmark") from error


def one_thread(worker: int) -> None:
    """One process per core already; OpenCV's own threads would only get in the way."""
    cv2.setNumThreads(0)


def by_samples(faces: Faces, options: Options, device: torch.device) -> Iterator[Batch]:
    """Batches without end from the DataLoader."""
    loader = DataLoader(
        SampleBySample(faces),
        batch_size=options.batch,
        shuffle=True,
        drop_last=True,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
        pin_memory=device.type == "cuda",
        worker_init_fn=one_thread,
    )
    while True:
        for images, points, labelled in loader:
            yield (
                images.to(device, non_blocking=True),
                points.to(device, non_blocking=True),
                labelled.to(device, non_blocking=True),
            )


def by_batches(faces: Faces, options: Options, device: torch.device) -> Iterator[Batch]:
    """Batches without end by index and `augment`."""
    images = torch.from_numpy(faces.images)[:, None].to(device)
    points = torch.from_numpy(faces.points).to(device)
    labelled = torch.from_numpy(faces.labelled).to(device)
    mirror = torch.from_numpy(KAGGLE_15.mirror).to(device)
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(len(images), generator=generator).to(device)
        for rows in order[: len(order) // options.batch * options.batch].split(options.batch):
            yield augment(
                images[rows].float(), points[rows], labelled[rows], SETTINGS, mirror, generator
            )


def trainer(network: str, device: torch.device, side: str) -> Callable[[Batch], None]:
    """One step on a batch with a fresh network, as a side takes it."""
    tuned = side in ("float32", "facepoints")
    precision = "auto" if side == "facepoints" else "float32"
    torch.manual_seed(0)
    model = build(network, len(KAGGLE_15), (SIZE, SIZE), 127.0, 70.0).to(device).train()
    if tuned:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=tuned)
    loss, alone = LOSSES["mse"], DistributedContext(0, 1, device)

    def step(batch: Batch) -> None:
        images, points, labelled = batch
        optimizer.zero_grad(set_to_none=True)
        with precision_of(device, precision):
            predicted = model(images)
        masked_loss(loss, predicted, points, labelled, alone).objective.backward()
        optimizer.step()

    return step


@dataclass(frozen=True)
class Side:
    """One way to train: how batches are made and what is done with one."""

    batches: Iterator[Batch]
    step: Callable[[Batch], None]


def turn(side: Side, options: Options, device: torch.device) -> float:
    """Samples per second over one turn."""

    def run(seconds: float, most: float) -> int:
        start, count = time.perf_counter(), 0
        while count < most and (count < 1 or time.perf_counter() - start < seconds):
            side.step(next(side.batches))
            count += 1
            if device.type == "cuda" and count % 50 == 0:  # not far ahead of the device
                torch.cuda.synchronize()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return count

    # What lies ready in the workers' queues says nothing of their rate
    run(options.seconds / 3, 2 * options.workers + 2)
    start = time.perf_counter()
    count = run(options.seconds, float("inf"))
    return count * options.batch / (time.perf_counter() - start)


def side(network: str, name: str, options: Options, device: torch.device) -> Side:
    """The side called `name` with a fresh network."""
    faces = random_faces(options.rows)
    if name in ("float32", "facepoints") and device.type == "cpu":
        keep_freed_memory()
    make = by_samples if name == "samples" else by_batches
    return Side(make(faces, options, device), trainer(network, device, name))


def turn_alone(network: str, name: str, options: Options, device: str) -> float:
    """`turn` in a process of its own, so that no side inherits another's memory."""
    if options.threads:
        torch.set_num_threads(options.threads)
    chosen = torch.device(device)
    return turn(side(network, name, options, chosen), options, chosen)


def measure(options: Options, device: str) -> dict[str, dict[str, Any]]:
    """For each network the rates of all sides in samples/s and their ratios to `samples`."""
    results = {}
    spawn = multiprocessing.get_context("spawn")
    for network in options.networks:
        rates: dict[str, list[float]] = {name: [] for name in SIDES}
        for _ in range(options.repeats):
            for name in SIDES:
                with ProcessPoolExecutor(1, mp_context=spawn) as process:
                    rate = process.submit(turn_alone, network, name, options, device).result()
                rates[name].append(round(rate, 1))
        medians = {name: statistics.median(values) for name, values in rates.items()}
        results[network] = {
            "samples_per_s": medians,
            "ratio_feeding": round(medians["batches"] / medians["samples"], 2),
            "ratio_float32": round(medians["float32"] / medians["samples"], 2),
            "ratio": round(medians["facepoints"] / medians["samples"], 2),
            "turns": rates,
        }
        print(f"{device} {network}: {results[network]['ratio']}x", flush=True)
    return results


def _in_bfloat16(device: str) -> bool:
    with precision_of(torch.device(device), "auto"):
        return torch.is_autocast_enabled(device)


def show(results: dict[str, dict[str, dict[str, Any]]], options: Options) -> None:
    """Table of the results on the terminal."""
    table = Table(
        title=f"training samples/s, batch {options.batch}, {torch.get_num_threads()} threads, "
        f"{options.workers} loader workers"
    )
    for column in ("device", "network"):
        table.add_column(column)
    for column in ("samples", "batches", "ratio", "float32", "ratio", "facepoints", "ratio"):
        table.add_column(column, justify="right")
    for device, networks in results.items():
        for network, row in networks.items():
            rate = {name: f"{value:.0f}" for name, value in row["samples_per_s"].items()}
            cells = [device, network, rate["samples"]]
            for name, key in zip(SIDES[1:], ("_feeding", "_float32", ""), strict=True):
                cells += [rate[name], f"{row[f'ratio{key}']:.2f}"]
            table.add_row(*cells)
    Console().print(table)


def main(options: Options) -> None:
    """Measure, show and write."""
    unknown = [n for n in options.networks if n not in NETWORKS]
    if unknown:
        raise SettingsError(f"no network '{unknown[0]}'; choose from: {', '.join(NETWORKS)}")
    if options.threads:
        torch.set_num_threads(options.threads)
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    results = {name: measure(options, name) for name in devices}
    show(results, options)
    settings = {key: value for key, value in asdict(options).items() if key != "out"}
    report = {
        "settings": {**settings, "threads": torch.get_num_threads(), "augment": asdict(SETTINGS)},
        "machine": {
            "cores": os.cpu_count(),
            "bfloat16": [name for name in devices if _in_bfloat16(name)],
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "albumentations": _albumentations().__version__,
        },
        "results": results,
    }
    write_json(options.out, report)


if __name__ == "__main__":
    try:
        main(tyro.cli(Options, description=__doc__))
    except (MissingExtraError, SettingsError) as error:
        raise SystemExit(str(error)) from None
