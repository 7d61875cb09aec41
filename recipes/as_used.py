"""Last steps before a run is shipped: average the weights of the last trainings, calibrate radii on
crops as prediction makes them, and write the files of the package."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facepoints._util.files import write_bytes
from facepoints.datasets.samples import Photos, Samples
from facepoints.detection import LOW_SCORE_THRESHOLD, Detection
from facepoints.detection.builtin import BuiltinDetector
from facepoints.evaluation.calibration import calibrate
from facepoints.imaging import affine
from facepoints.inference import cropping
from facepoints.models.loading import RunModel
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import graph_of, run_metadata
from facepoints.models.quantize import in_batches, quantize_graph
from facepoints.models.run import Run, read_header, save_run, save_weights


def averaged(folders: Sequence[Path], out: Path) -> None:
    """Average the weights of runs that started from the same weights (model soups, Wortsman et al.
    2022, https://arxiv.org/abs/2203.05482).

    Args:
        folders: of the runs.
        out: folder of the new run.
    """
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(folders[0], out)
    states = [Run.load(folder).members[0].model.state_dict() for folder in folders]
    run = Run.load(out)
    for name, tensor in run.members[0].model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    save_weights(out / "weights" / "0.safetensors", run.members[0].model, half=False)


def as_detected(photos: Photos, faces: Samples, run: Run) -> Samples:
    """The labelled faces of photos in crops as prediction makes them, around the detections of the
    built-in detector. Faces that it misses are left out.

    Args:
        photos: N photos with one labelled face each.
        faces: the same N faces; their images are not used.
        run: to crop for.
    """
    detector, model = BuiltinDetector.load(min_score=LOW_SCORE_THRESHOLD), RunModel(run)
    rows, crops, truths = [], [], []
    for row, (image, points) in enumerate(zip(photos.read_images(), photos.points, strict=True)):
        center = points.mean(axis=0)

        def distance(detection: Detection, center: np.ndarray = center) -> float:
            x, y, width, height = detection.box
            return float(np.hypot(x + width / 2 - center[0], y + height / 2 - center[1])) / width

        nearest = min(detector.detect(image), key=distance, default=None)
        if nearest is not None and distance(nearest) < 0.5:
            matrix = cropping.initial_crop(model, 0, nearest).matrix
            rows.append(row)
            crops.append(cropping.crop(image, matrix, run.size))
            truths.append(affine.apply(matrix, points))
    detected = faces.take(np.isin(np.arange(len(faces)), rows))
    return replace(detected, images=np.stack(crops)).with_points(
        np.stack(truths), detected.labelled
    )


def calibrate_as_used(folder: Path, faces: Samples) -> Run:
    """Calibrate the radii of a run on faces from `as_detected`; ``run.json`` is updated."""
    run = Run.load(folder)
    output = run.predict(faces.images)
    assert output.scale is not None
    measured = calibrate(output.points, output.scale, faces)
    assert measured is not None
    save_run(folder, {**read_header(folder), "calibration": measured.to_dict()})
    return Run.load(folder)


def nme(run: Run, faces: Samples) -> float:
    """NME by the distance of the outer eye corners, percent."""
    eyes = list(run.landmarks.eye_columns)
    apart = np.linalg.norm(np.subtract(*faces.points[:, eyes].swapaxes(0, 1)), axis=-1)
    off = np.linalg.norm(run.predict(faces.images).points - faces.points, axis=-1)
    return 100 * float((off.mean(axis=1) / apart).mean())


def install(run: Run, folder: Path, package: Path, faces: Samples) -> None:
    """Write a run to the package: the ONNX file with 8-bit layers, and the run folder that other
    trainings start from.

    Args:
        run: to install.
        folder: of the run.
        package: folder `facepoints/weights`.
        faces: crops at the run's size, to measure the ranges of 8-bit values on.
    """
    graph = quantize_graph(graph_of(run), in_batches(faces.images))
    write_bytes(package / "points.onnx", with_metadata(graph, run_metadata(run)))
    (package / "points" / "weights").mkdir(parents=True, exist_ok=True)
    for number, member in enumerate(run.members):
        save_weights(package / "points" / "weights" / f"{number}.safetensors", member.model, True)
    save_run(package / "points", read_header(folder))
    shutil.copy(folder / "metrics.jsonl", package / "points" / "metrics.jsonl")
