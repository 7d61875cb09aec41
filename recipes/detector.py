"""Train the built-in face detector.

    python recipes/detector.py --data DATA --out build/detector      # resumable: same command

DATA contains the data sets of `detector_photos.SETS`, pictures without a face, and `held-out.txt`,
the names of the people in the test set, who are not used here. A tenth of the others, and a quarter
of the pictures without a face, are kept for validation. DATA may also be the file that
`detector_pack` writes, to train where the data sets are not:

    python recipes/detector.py --data photos.npz --device cuda --workers 15 --seconds 150

Not every face in these photos is labelled. Places that the network itself takes for a face before
the training, or early in it, are ignored: they count neither as face nor as background. With
--install the model is written to the package.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import checkpoints
import cv2
import numpy as np
import torch
import tyro
from detector_pack import read_pack
from detector_photos import LabelledPhoto, Material, kept_squares, read_material, to_scene_photo
from detector_scenes import PADDING, Gray, ScenePhoto, draw_scene, scene_photo
from detector_start import start_from
from detector_targets import Targets, loss
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from facepoints._util import files
from facepoints.detection import Detection, iou, overlap_of_smaller
from facepoints.detection.builtin import INPUT, KIND, OUTPUTS, decode
from facepoints.errors import FacepointsError
from facepoints.imaging import affine
from facepoints.models.networks.face_detector import DetectorGraph, FaceNet
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import traced
from facepoints.models.quantize import quantize_graph
from facepoints.training.allocator import keep_freed_memory

SAVE_EVERY, VALIDATE_EVERY = 250, 1000
NOTICE_AT, NOTICE_SCORE = 2000, 0.35
"""Step at which a network from random weights itself looks for unlabelled faces (one from a model
file does so before the first step), and the minimum score."""
NOTICE_SIDE, NOTICE_CROWDS = 640, ("afw", "inthewild21")
"""Longest side in pixels of the photos for that. Photos of these sets, which show small faces, are
enlarged twice as far."""
THRESHOLD = 0.5
"""Raw score from which a detection counts."""
SHARES = {
    "lfpw": 0.10,
    "youtube-faces": 0.08,
    "helen": 0.16,
    "afw": 0.16,
    "cfp": 0.26,
    "inthewild21": 0.24,
}
"""How likely a photo of a scene comes from each data set, before the missing ones are left out."""
PACKAGE = Path(__file__).resolve().parents[1] / "src" / "facepoints" / "weights"


@dataclass(frozen=True)
class Recipe:
    """Train the built-in face detector."""

    data: Path = Path("../shared/data")
    """Folder of the data sets, with held-out.txt; or a file of `detector_pack`."""
    out: Path = Path("build/detector")
    """Folder for the run."""
    start: str = str(PACKAGE / "detector.onnx")
    """Model file to start from, whose weights are dequantized; "none": random weights, which need
    three times as many steps and twice the learning rate."""
    steps: int = 6500
    """Number of steps."""
    seconds: float = math.inf
    """Time for the steps: the learning rate falls such that the training ends by then. To write the
    model of such a training later, name the step that it ended at as `steps`."""
    batch: int = 24
    """Scenes per step."""
    learning_rate: float = 1.5e-3
    """Highest learning rate."""
    eight_bits: bool = True
    """Write the model with 8-bit integers; else with 32-bit floats."""
    bfloat16: bool = False
    """Compute with bfloat16. Faster on processors that have instructions for it (AMX), ten times
    slower on others."""
    device: str = "cpu"
    """Device to train on: cpu or cuda."""
    workers: int = 0
    """Processes that draw scenes. 0: this one."""
    install: bool = False
    """Write the finished model to the package, too."""
    seed: int = 0
    """Random seed. The same seed gives the same training."""


RANGES_ON = 8
"""Number of steps whose scenes the ranges of 8-bit values are measured on."""


@torch.no_grad()
def detections(
    graph: DetectorGraph, images: Iterable[Gray], longest: int, least: float, enlarge: float = 1.0
) -> Iterator[list[Detection]]:
    """Detections of a network in images that are resized to `longest` pixels, in pixels of the
    images. They are enlarged by at most `enlarge`."""
    device = next(graph.parameters()).device
    for image in images:
        height, width = image.shape
        scale = min(enlarge, longest / max(height, width))
        new = max(1, round(width * scale)), max(1, round(height * scale))
        fitted = np.full([-(-n // 32) * 32 for n in new[::-1]], PADDING, np.uint8)
        fitted[: new[1], : new[0]] = affine.resize(image, *new)
        cells = graph(torch.from_numpy(fitted)[None].to(device))[0].cpu().numpy()
        decoded = decode(cells, fitted.shape, least, (new[0] / width, new[1] / height))
        yield [detection for detection, _ in decoded]


def validate(graph: DetectorGraph, material: Material, every: int = 1) -> dict[str, float]:
    """Evaluate a network on labelled photos and on pictures without a face.

    Args:
        every: of the photos, only each of this number.

    Returns:
        For each data set the fraction of labelled faces missed at the score `THRESHOLD`; "extra",
        other detections per photo, which are not all wrong, since not every face is labelled;
        "empty", the fraction of pictures without a face in which there is a detection, and
        "empty_low", the same at a score of 0.15.
    """
    report: dict[str, float] = {}
    extra, count = 0, 0
    for name, photos in material.validation.items():
        some = photos[::every]
        scores: list[float] = []
        found = detections(graph, (p.image for p in some), SIDE_FOR.get(name, 320), 0.02)
        for photo, detected in zip(some, found, strict=True):
            boxes = photo.boxes
            scores += [
                max((d.score for d in detected if iou(d.box, box) > 0.35), default=0.0)
                for box in boxes
            ]
            extra += sum(
                d.score >= THRESHOLD and all(iou(d.box, box) < 0.2 for box in boxes)
                for d in detected
            )
        count += len(some)
        report[name] = float((np.array(scores) < THRESHOLD).mean())
    report["extra"] = extra / max(count, 1)
    empty = [
        max((d.score for d in detected), default=0.0)
        for detected in detections(graph, material.empty_held[::every], 320, 0.02)
    ]
    report["empty"] = float((np.array(empty) >= THRESHOLD).mean())
    report["empty_low"] = float((np.array(empty) >= 0.15).mean())
    return report


SIDE_FOR = {"afw": 640, "inthewild21": 640}
"""Longest side for validation where it is not 320 pixels: sets with small faces."""


def write(run: Run, material: Material, images: Iterable[Gray], path: Path, eight: bool) -> None:
    """Write the model file. Scores are shifted so that the threshold is 0.5. The validation in its
    metadata is that of the float model.

    Args:
        run: the trained network.
        images: batches (n, H, W) to measure the ranges of 8-bit values on.
        path: of the file.
        eight: write 8-bit integers.
    """
    report = validate(DetectorGraph(run.mean).eval(), material)
    graph = DetectorGraph(run.mean.cpu(), float(np.log(THRESHOLD / (1 - THRESHOLD))))
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    model = traced(
        graph,
        torch.zeros(2, 96, 128, dtype=torch.uint8),
        {0: torch.export.Dim("batch"), 1: 32 * rows, 2: 32 * columns},
        [INPUT],
        list(OUTPUTS),
    )
    metadata = {"kind": KIND, "validation": report}
    model = quantize_graph(model, images) if eight else model
    files.write_bytes(path, with_metadata(model, metadata))
    print(f"{path}: {json.dumps(report)}")


Sets = dict[str, list[ScenePhoto]]


def batch(recipe: Recipe, step: int, faces: Sets, empty: list[ScenePhoto]):
    """Images (B, 1, SIDE, SIDE) and targets of a step; the same for the same step."""
    rng = np.random.default_rng((recipe.seed, step))
    shares = np.array([SHARES[name] for name in faces])
    sets = list(faces.values())
    scenes = [draw_scene(rng, sets, empty, shares / shares.sum()) for _ in range(recipe.batch)]
    images = torch.from_numpy(np.stack([s.image for s in scenes]))[:, None].float()
    return images.contiguous(memory_format=torch.channels_last), Targets(scenes)


class Batches(Dataset):
    """`batch` of every step, for a `DataLoader` with several processes."""

    def __init__(self, recipe: Recipe, faces: Sets, empty: list[ScenePhoto]) -> None:
        self._with = recipe, faces, empty

    def __getitem__(self, step: int) -> tuple[Tensor, Targets]:
        recipe, faces, empty = self._with
        return batch(recipe, step, faces, empty)


def batches(
    recipe: Recipe, steps: range, faces: Sets, empty: list[ScenePhoto]
) -> Iterator[tuple[Tensor, Targets]]:
    """`batch` of each of the steps, drawn ahead by `recipe.workers` processes."""
    ahead = 4 if recipe.workers else None
    drawn = Batches(recipe, faces, empty)
    yield from DataLoader(
        drawn, batch_size=None, sampler=steps, num_workers=recipe.workers, prefetch_factor=ahead
    )


def learning_rate(recipe: Recipe, step: int, seconds: float = 0.0) -> float:
    """Learning rate of a step: a short warm-up, then a half cosine (Loshchilov and Hutter 2017).

    Args:
        seconds: that the training has taken so far.
    """
    warm = min(1.0, (step + 1) / 200)
    done = min(1.0, max(step / recipe.steps, seconds / recipe.seconds))
    return recipe.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))


def scene_photos(material: Material, run: Run | None, folder: Path) -> Sets:
    """The training photos, in which other detections of the network count as unknown. They are
    kept in the run folder.

    Args:
        run: the network that looks for them; None: nothing is unknown.
    """
    photos: Sets = {}
    for name, labelled in material.training.items():
        squares = [[] for _ in labelled]
        if run is not None:
            graph = DetectorGraph(run.mean).eval()
            enlarge = 2 if name in NOTICE_CROWDS else 1
            squares = kept_squares(folder, name, unlabelled(graph, labelled, enlarge))
        rows = zip(labelled, squares, strict=True)
        photos[name] = [to_scene_photo(p, np.reshape(more, (-1, 3))) for p, more in rows]
    return photos


def unlabelled(
    graph: DetectorGraph, photos: list[LabelledPhoto], enlarge: int
) -> Iterator[list[tuple[float, float, float]]]:
    """Center and side of detections apart from the labelled faces, for each photo."""
    images = (photo.image for photo in photos)
    found = detections(graph, images, enlarge * NOTICE_SIDE, NOTICE_SCORE, enlarge)
    for photo, detected in zip(photos, found, strict=True):
        boxes = photo.boxes
        yield [
            (x + width / 2, y + height / 2, max(width, height))
            for x, y, width, height in (detection.box for detection in detected)
            if all(overlap_of_smaller((x, y, width, height), box) < 0.25 for box in boxes)
        ]


class Run:
    """The network, its moving average and the optimizer, saved in a checkpoint."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.path = recipe.out / "checkpoint.safetensors"
        self.net = FaceNet().to(recipe.device)
        # its signature is missing in PyTorch's own types
        self.net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        keep = get_ema_multi_avg_fn(0.998)
        self.average = AveragedModel(self.net, multi_avg_fn=keep, use_buffers=True)
        groups = [
            {"params": [p for p in self.net.parameters() if p.ndim > 1], "weight_decay": 0.03},
            {"params": [p for p in self.net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.step = 0
        if self.path.exists():
            self._restore()

    @property
    def mean(self) -> FaceNet:
        """The network with the averaged weights."""
        network = self.average.module
        assert isinstance(network, FaceNet)
        return network

    def learn(
        self, recipe: Recipe, images: Tensor, targets: Targets, seconds: float
    ) -> dict[str, Tensor]:
        """Take one step; returns the terms of the loss.

        Args:
            seconds: that the training has taken so far.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.step, seconds)
        self.net.train()
        with torch.autocast(recipe.device, torch.bfloat16, enabled=recipe.bfloat16):
            maps = self.net(images.to(recipe.device))
        whole, parts = loss(maps, targets.to(recipe.device))
        self.optimizer.zero_grad()
        whole.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimizer.step()
        self.average.update_parameters(self.net)
        self.step += 1
        return parts

    def save(self) -> None:
        checkpoints.save(self.path, self.net, self.average, self.optimizer, self.step)

    def _restore(self) -> None:
        self.step = checkpoints.restore(self.path, self.net, self.average, self.optimizer)
        for parameter, kept in self.optimizer.state.items():
            for key in ("exp_avg", "exp_avg_sq"):  # the fused step needs the weights' layout
                kept[key] = torch.empty_like(parameter).copy_(kept[key])


def begin(recipe: Recipe, run: Run, material: Material) -> None:
    """Give a run that has no checkpoint the weights of the model file to start from."""
    if run.step or recipe.start == "none":
        return
    nothing = scene_photos(material, None, recipe.out)
    empty = [scene_photo(picture) for picture in material.empty]
    images = torch.cat([batch(recipe, 10**6 + k, nothing, empty)[0] for k in range(4)])
    for net in (run.net, run.mean):
        start_from(net.cpu(), Path(recipe.start), images[:96])
        net.to(recipe.device)
    run.save()


def train(
    recipe: Recipe, run: Run, material: Material, photos: Sets, empty: list[ScenePhoto], until: int
) -> None:
    """Train up to a step, or until the time is over; with a checkpoint every `SAVE_EVERY` steps."""
    start, first_step, losses = time.monotonic(), run.step, {}
    for images, targets in batches(recipe, range(run.step, until), photos, empty):
        seconds = time.monotonic() - start
        last = run.step + 1 == until or seconds > recipe.seconds
        for name, part in run.learn(recipe, images, targets, seconds).items():
            losses[name] = losses.get(name, 0.0) + part / SAVE_EVERY
        if run.step % SAVE_EVERY == 0 or last:
            run.save()
            row = {name: round(float(part), 4) for name, part in losses.items()}
            if run.step % VALIDATE_EVERY == 0 and not last:
                checked = validate(DetectorGraph(run.mean).eval(), material, every=2)
                row |= {name: round(part, 4) for name, part in checked.items()}
            pace = (time.monotonic() - start) / (run.step - first_step)
            row |= {"step": run.step, "ms_per_step": round(pace * 1000)}
            print(json.dumps(row), flush=True)
            with open(recipe.out / "metrics.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            losses = {}
        if last:
            break


def main(recipe: Recipe) -> None:
    keep_freed_memory()
    cv2.setNumThreads(1)
    files.make_folder(recipe.out)
    packed = recipe.data.is_file()
    material = read_pack(recipe.data) if packed else read_material(recipe.data, recipe.seed)
    run = Run(recipe)
    begin(recipe, run, material)
    warm = recipe.start != "none"
    photos = scene_photos(material, run if warm or run.step >= NOTICE_AT else None, recipe.out)
    empty = [scene_photo(picture) for picture in material.empty]
    faces = {n: sum(len(p.points) for p in part) for n, part in material.training.items()}
    unknown = sum(len(photo.unknown) for part in photos.values() for photo in part)
    print(f"faces: {faces}; {len(empty)} pictures without; {unknown} places unknown", flush=True)
    if not warm and run.step < NOTICE_AT:
        train(recipe, run, material, photos, empty, NOTICE_AT)
        photos = scene_photos(material, run, recipe.out)
    train(recipe, run, material, photos, empty, recipe.steps)
    scenes = (batch(recipe, step, photos, empty)[0][:, 0] for step in range(RANGES_ON))
    written = recipe.out / "detector.onnx"
    ranges = (part.byte().numpy() for part in scenes)
    write(run, material, ranges, written, recipe.eight_bits)
    if recipe.install:
        files.write_bytes(PACKAGE / "detector.onnx", written.read_bytes())


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
