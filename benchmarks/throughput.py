"""Training samples per second: augmentation of whole batches, or sample by sample.

    pip install -e '.[train,bench]'
    python benchmarks/throughput.py
    python benchmarks/throughput.py --networks net2 heatnet --seconds 10

All sides train the same network with Adam on a masked MSE, in batches of 32 faces of 96x96
with 15 points, some of them not labeled; all but the last in float32:

samples     a `Dataset` returns one face at a time, augmented by albumentations; a `DataLoader`
            with worker processes collates batches.
batches     all images are one uint8 tensor on the device; a batch is an index into it and
            is augmented as a whole by `facepoints.training.augment`. The training step is that of
            `samples`, so the difference is the gain of the feeding alone.
float32     batches, and the training step of facepoints with --precision float32: Adam in one
            fused kernel, the network in channels-last memory, and freed memory kept for the
            next step.
facepoints  the same with the defaults: networks compute in bfloat16 where the processor or
            GPU has it (the results say whether).

The augmentation, as similar as the two libraries allow:

samples                                                 batches
rescale to 110, random crop of 96 (zoom 1.15, ±7 px)    scale up to ±15%, shift up to ±7 px
rotate up to ±15 degrees, half of the samples           rotate up to ±15 degrees, all
brightness and contrast ±20%, half of the samples       brightness ±51, contrast ±20%, all
Gaussian blur, 3x3, half of the samples                 Gaussian blur, sigma up to 1, all
mirror half of the samples, names swapped               the same

The second changes all samples where the first changes half of them, so the comparison favors
the first. The sides take turns on one machine, each turn in a process of its own; the median of
the turns counts. Results: benchmarks/results/throughput.json and throughput.md.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
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
from support import tables
from support.cli import RESULTS
from support.noise_faces import noise_faces
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from facepoints.datasets.samples import Samples
from facepoints.errors import MissingExtraError, SettingsError
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.networks import NETWORKS, build_model
from facepoints.training.allocator import keep_freed_memory
from facepoints.training.augment import Augment, augment
from facepoints.training.distributed import DistributedContext
from facepoints.training.losses import LOSSES, masked_loss
from facepoints.training.steps import precision_of

SIZE = 96
BIGGER = 110
SIDES = ("samples", "batches", "float32", "facepoints")
SETTINGS = Augment(
    rotation=15, scale=0.15, shift=7 / 96, mirror=0.5, brightness=51, contrast=0.2, blur=1.0
)
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

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
    out: Path = RESULTS
    """Folder for the results."""


class SampleBySample(Dataset):
    """One face at a time through albumentations."""

    def __init__(self, faces: Samples) -> None:
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
        # Outside Compose, which does not report mirroring: the names must swap, too
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
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it checks for updates online
    try:
        return importlib.import_module("albumentations")
    except ImportError as error:
        raise MissingExtraError("albumentations", "bench", "This benchmark") from error


def one_thread(worker: int) -> None:
    """Turn off OpenCV's own threads: there is one process per core already."""
    cv2.setNumThreads(0)


def by_samples(faces: Samples, options: Options, device: torch.device) -> Iterator[Batch]:
    """Endless batches from the DataLoader."""
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


def by_batches(faces: Samples, options: Options, device: torch.device) -> Iterator[Batch]:
    """Endless batches by index and `augment`."""
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
    """A function for one training step of a side, with a new network."""
    tuned = side in ("float32", "facepoints")
    precision = "auto" if side == "facepoints" else "float32"
    torch.manual_seed(0)
    model = build_model(network, len(KAGGLE_15), (SIZE, SIZE), 127.0, 70.0).to(device).train()
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
    """One way to train: where batches come from, and the training step."""

    batches: Iterator[Batch]
    step: Callable[[Batch], None]


def turn(side: Side, options: Options, device: torch.device) -> float:
    """Samples per second in one turn."""

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

    # First use up the batches that wait in the workers' queues
    run(options.seconds / 3, 2 * options.workers + 2)
    start = time.perf_counter()
    count = run(options.seconds, float("inf"))
    return count * options.batch / (time.perf_counter() - start)


def side(network: str, name: str, options: Options, device: torch.device) -> Side:
    """The side called `name` with a new network."""
    faces = noise_faces(options.rows, SIZE)
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
                    speed = process.submit(turn_alone, network, name, options, device).result()
                rates[name].append(round(speed, 1))
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


def table(results: dict[str, Any]) -> tables.Cells:
    """A row per network on the CPU, and on the GPU if there is one."""
    cells = [["network", "sample by sample", "facepoints, float32", "facepoints", "ratio"]]
    for device, networks in results.items():
        for network, row in networks.items():
            per_second = row["samples_per_s"]
            figures = [f"{per_second[side]:.0f}" for side in ("samples", "float32", "facepoints")]
            name = network if device == "cpu" else f"{network} on {device}"
            cells.append([name, *figures, f"{row['ratio']:.2f}"])
    return cells


def main(options: Options) -> None:
    """Measure, show and write."""
    unknown = [n for n in options.networks if n not in NETWORKS]
    if unknown:
        raise SettingsError(f"no network '{unknown[0]}'; choose from: {', '.join(NETWORKS)}")
    if options.threads:
        torch.set_num_threads(options.threads)
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    results = {name: measure(options, name) for name in devices}
    cells = table(results)
    tables.show(f"training samples/s, batch {options.batch}", cells)
    settings = {key: value for key, value in asdict(options).items() if key != "out"}
    content = {
        "settings": {**settings, "threads": torch.get_num_threads(), "augment": asdict(SETTINGS)},
        "versions": {
            "bfloat16": [name for name in devices if _in_bfloat16(name)],
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "torch": torch.__version__,
            "albumentations": _albumentations().__version__,
        },
        "results": results,
    }
    tables.write(options.out, "throughput", content, tables.markdown(cells))


if __name__ == "__main__":
    try:
        main(tyro.cli(Options, description=__doc__))
    except (MissingExtraError, SettingsError) as error:
        raise SystemExit(str(error)) from None
