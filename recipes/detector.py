"""Train the built-in face detector.

    python recipes/detector.py --data DATA --out build/detector      # resumable: same command

DATA contains `lfpw/train` (photos with .pts files), `youtube-faces` (frames with 68 points each)
and `held-out.txt`, the names of the people in the test set, who are not used here. A tenth of the
others is held out to choose the score threshold.

Not every face in these photos is labelled. Other detections of OpenCV's cascades are ignored: they
count neither as face nor as background (`detector_scenes`). After some steps, other detections of
the network itself are ignored too. With --install the model is written to the package.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from detector_photos import scene_photos, without_faces
from detector_scenes import PADDING, SIDE, Gray, ScenePhoto, draw_scene
from detector_targets import Targets, loss
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facepoints._util import files
from facepoints.detection import Detection, iou
from facepoints.detection.builtin import INPUT, KIND, OUTPUTS, decode
from facepoints.errors import FacepointsError
from facepoints.imaging import affine
from facepoints.models.networks.face_detector import DetectorGraph, FaceNet
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import traced
from facepoints.models.quantize import quantize_graph
from facepoints.training.allocator import keep_freed_memory
from facepoints.training.train_state import read_checkpoint, write_checkpoint

SAVE_EVERY = 250
NOTICE_AT, NOTICE_SIDE, NOTICE_SCORE = 2000, 320, 0.45
"""Step at which the network itself looks for unlabelled faces, the size of the photos for that in
pixels, and the minimum score."""
THRESHOLD = 0.5
"""Raw score from which a detection counts. On the validation people it misses no labelled face. Of
its other detections, inspected one by one, a third are false positives: 3 in 100 photos."""
PACKAGE = Path(__file__).resolve().parents[1] / "src" / "facepoints" / "weights"


@dataclass(frozen=True)
class Recipe:
    """Train the built-in face detector."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train, youtube-faces and held-out.txt."""
    out: Path = Path("build/detector")
    """Folder for the run."""
    steps: int = 18000
    """Number of steps."""
    batch: int = 24
    """Scenes per step."""
    learning_rate: float = 3e-3
    """Highest learning rate."""
    install: bool = False
    """Write the finished model to the package, too."""
    seed: int = 0
    """Random seed. The same seed gives the same training."""


RANGES_ON = 8
"""Number of steps whose scenes the ranges of 8-bit values are measured on."""


@torch.no_grad()
def detections(
    graph: DetectorGraph, photos: list[tuple[Gray, NDArray]], longest: int, least: float
) -> Iterator[list[Detection]]:
    """Detections of a network in images that are shrunk to `longest` pixels."""
    for image, _ in photos:
        height, width = image.shape
        scale = min(1.0, longest / max(height, width))
        new = max(1, round(width * scale)), max(1, round(height * scale))
        fitted = np.full([-(-n // 32) * 32 for n in new[::-1]], PADDING, np.uint8)
        fitted[: new[1], : new[0]] = affine.resize(image, *new)
        cells = graph(torch.from_numpy(fitted)[None])[0].numpy()
        decoded = decode(cells, fitted.shape, least, (1.0, 1.0))
        yield [detection for detection, _ in decoded]


def validate(
    graph: DetectorGraph, photos: list[tuple[Gray, NDArray]], longest: int = SIDE
) -> dict[str, float]:
    """Evaluate a network on labelled photos.

    Returns:
        "missed", the fraction of labelled faces missed at the score `THRESHOLD`; "extra", other
        detections per image, which are not all wrong, since not every face is labelled; "lowest",
        the lowest score of a labelled face.
    """
    faces, rest = [], []
    predictions = detections(graph, photos, longest, 0.02)
    for (image, points), detected in zip(photos, predictions, strict=True):
        scale = min(1.0, longest / max(image.shape))
        box = affine.bounding_box((points + 0.5) * scale - 0.5)
        overlap = [iou(d.box, box) for d in detected]
        scores = [d.score for d, o in zip(detected, overlap, strict=True) if o > 0.4]
        faces.append(max(scores, default=0.0))
        rest += [d.score for d, o in zip(detected, overlap, strict=True) if o < 0.2]
    return {
        "missed": float((np.array(faces) < THRESHOLD).mean()),
        "extra": float((np.array(rest) >= THRESHOLD).sum() / len(photos)),
        "lowest": float(min(faces)),
    }


def write(
    run: Run, validation: list[tuple[Gray, NDArray]], images: Iterable[Gray], path: Path
) -> None:
    """Write the model file. Scores are shifted so that the threshold is 0.5. The validation in its
    metadata is that of the float model.

    Args:
        run: the trained network.
        validation: photos with their points.
        images: batches (n, H, W) to measure the ranges of 8-bit values on.
        path: of the file.
    """
    report = validate(DetectorGraph(run.mean).eval(), validation)
    graph = DetectorGraph(run.mean, float(np.log(THRESHOLD / (1 - THRESHOLD))))
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    model = traced(
        graph,
        torch.zeros(2, 96, 128, dtype=torch.uint8),
        {0: torch.export.Dim("batch"), 1: 32 * rows, 2: 32 * columns},
        [INPUT],
        list(OUTPUTS),
    )
    metadata = {"kind": KIND, "validation": report}
    files.write_bytes(path, with_metadata(quantize_graph(model, images), metadata))
    print(f"{path}: {json.dumps(report)}")


def batch(recipe: Recipe, step: int, faces: list[list[ScenePhoto]], empty: list[ScenePhoto]):
    """Images (B, 1, SIDE, SIDE) and targets of a step; the same for the same step."""
    rng = np.random.default_rng((recipe.seed, step))
    scenes = [draw_scene(rng, faces, empty) for _ in range(recipe.batch)]
    images = torch.from_numpy(np.stack([s.image for s in scenes]))[:, None].float()
    return images.contiguous(memory_format=torch.channels_last), Targets(scenes)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step: a short warm-up, then a half cosine (Loshchilov and Hutter 2017)."""
    warm = min(1.0, (step + 1) / 200)
    done = step / recipe.steps
    return recipe.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))


def ignore_own_detections(
    run: Run, faces: list[list[ScenePhoto]], folder: Path
) -> list[list[ScenePhoto]]:
    """The photos, with other detections of the half-trained network marked as unknown: it detects
    faces that a cascade does not. The detections are kept in the run folder."""
    kept = folder / "noticed.json"
    if kept.exists():
        squares = files.read_json(kept)
    else:
        graph = DetectorGraph(run.mean).eval()
        squares = [[own_detections(graph, photo) for photo in photos] for photos in faces]
        files.write_json(kept, squares)
    return [
        [
            replace(photo, unknown=np.concatenate([photo.unknown, np.reshape(more, (-1, 3))]))
            for photo, more in zip(photos, rows, strict=True)
        ]
        for photos, rows in zip(faces, squares, strict=True)
    ]


def own_detections(graph: DetectorGraph, photo: ScenePhoto) -> list[tuple[float, float, float]]:
    """Center and side of detections other than the labelled face."""
    image = photo.levels[0]
    scale = min(1.0, NOTICE_SIDE / max(image.shape))
    assert photo.face is not None
    own, side = photo.face[:, 2], float(np.hypot(*photo.face[:, 0]))
    places = []
    for detection in next(detections(graph, [(image, photo.points)], NOTICE_SIDE, NOTICE_SCORE)):
        x, y, width, height = detection.box
        x, y = ((np.array([x + width / 2, y + height / 2]) + 0.5) / scale - 0.5).tolist()
        if np.hypot(x - own[0], y - own[1]) > 0.6 * max(side, width / scale):
            places.append((x, y, width / scale))
    return places


class Run:
    """The network, its moving average and the optimizer, saved in a checkpoint."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.path = recipe.out / "checkpoint.safetensors"
        self.net = FaceNet()
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

    def save(self) -> None:
        tensors = {f"net.{n}": t for n, t in self.net.state_dict().items()}
        tensors |= {f"average.{n}": t for n, t in self.average.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{n}": t for n, t in values.items()}
        write_checkpoint(self.path, tensors, {"step": self.step})

    def _restore(self) -> None:
        tensors, numbers = read_checkpoint(self.path)
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        self.net.load_state_dict(parts["net"])
        self.average.load_state_dict(parts["average"])
        state = self.optimizer.state_dict()
        for name, tensor in parts["optimizer"].items():
            index, key = name.split(".", 1)
            state["state"].setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(state)
        for parameter, kept in self.optimizer.state.items():
            for key in ("exp_avg", "exp_avg_sq"):  # the fused step needs the weights' layout
                kept[key] = torch.empty_like(parameter).copy_(kept[key])
        self.step = int(numbers["step"])


def main(recipe: Recipe) -> None:
    keep_freed_memory()
    cv2.setNumThreads(1)
    files.make_folder(recipe.out)
    faces, validation = scene_photos(recipe.data, recipe.out, recipe.seed)
    empty = without_faces()
    print(
        f"{' + '.join(str(len(s)) for s in faces)} photos to train on, {len(validation)} to "
        f"validate on, {sum(len(p.unknown) for s in faces for p in s)} places unknown",
        flush=True,
    )
    run = Run(recipe)
    start, first_step, losses = time.monotonic(), run.step, {}
    photos = faces
    while run.step < recipe.steps:
        if photos is faces and run.step >= NOTICE_AT:
            photos = ignore_own_detections(run, faces, recipe.out)
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, run.step)
        images, targets = batch(recipe, run.step, photos, empty)
        run.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            maps = run.net(images)
        whole, parts = loss(maps, targets)
        run.optimizer.zero_grad()
        whole.backward()
        torch.nn.utils.clip_grad_norm_(run.net.parameters(), 10.0)
        run.optimizer.step()
        run.average.update_parameters(run.net)
        run.step += 1
        for name, part in parts.items():
            losses[name] = losses.get(name, 0.0) + float(part)
        if run.step % SAVE_EVERY == 0 or run.step == recipe.steps:
            run.save()
            row = {name: round(part / SAVE_EVERY, 4) for name, part in losses.items()}
            graph = DetectorGraph(run.mean).eval()
            checked = validation if run.step == recipe.steps else validation[::3]
            row |= {name: round(part, 4) for name, part in validate(graph, checked).items()}
            seconds = (time.monotonic() - start) / (run.step - first_step)
            row |= {"step": run.step, "ms_per_step": round(seconds * 1000)}
            print(json.dumps(row), flush=True)
            with open(recipe.out / "metrics.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            losses = {}
    scenes = (batch(recipe, step, photos, empty)[0][:, 0] for step in range(RANGES_ON))
    written = recipe.out / "detector.onnx"
    write(run, validation, (part.byte().numpy() for part in scenes), written)
    if recipe.install:
        files.write_bytes(PACKAGE / "detector.onnx", written.read_bytes())


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
