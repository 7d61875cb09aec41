"""Last steps before a run is shipped: crops as prediction makes them, to calibrate and measure on,
and the files of the package."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from points_data import LabeledSet

from facepoints._util.files import write_bytes
from facepoints.datasets.samples import Samples
from facepoints.detection import LOW_SCORE_THRESHOLD, Detection
from facepoints.detection.builtin import BuiltinDetector
from facepoints.imaging import affine
from facepoints.inference import cropping, refinement
from facepoints.models.loading import RunModel
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import graph_of, run_metadata
from facepoints.models.quantize import in_batches, quantize_graph
from facepoints.models.run import Run, read_header, save_run, save_weights

__all__ = ["as_predicted", "install", "nme"]


def as_predicted(given: LabeledSet, run: Run) -> tuple[Samples, NDArray[np.bool_]]:
    """The labelled faces of a set in crops as prediction makes them: around the detections of the
    built-in detector, and cropped again by the points where prediction does.

    Args:
        given: N faces.
        run: to crop for.

    Returns:
        The crops of the faces that were detected, and which these are (N,).
    """
    detector, model = BuiltinDetector.load(min_score=LOW_SCORE_THRESHOLD), RunModel(run)
    photos, rows, crops, truths = given.photos, [], [], []
    for row, (image, points) in enumerate(zip(photos.read_images(), photos.points, strict=True)):
        center = points.mean(axis=0)

        def distance(detection: Detection, center: np.ndarray = center) -> float:
            x, y, width, height = detection.box
            return float(np.hypot(x + width / 2 - center[0], y + height / 2 - center[1])) / width

        nearest = min(detector.detect(image), key=distance, default=None)
        if nearest is None or distance(nearest) > 0.5:
            continue
        first = [cropping.initial_crop(model, 0, nearest)]
        last, _ = refinement.predict_refined(model, [image], first, min_score=0.0)
        matrix = last[0].matrix
        rows.append(row)
        crops.append(cropping.crop(image, matrix, run.size))
        truths.append(affine.apply(matrix, points))
    faces = photos.as_samples(np.stack(crops), np.stack(truths), np.array(rows))
    found = np.isin(np.arange(len(photos)), rows)
    return replace(faces, visibility=given.visibility[found]), found


def nme(run: Run, faces: Samples, normalizer: str) -> float:
    """Mean error of the visible labeled points of faces, percent.

    Args:
        normalizer: "eyes": by the distance of the outer eye corners. "box": by the square root of
            the area of the box of the visible labeled points.
    """
    seen = faces.labelled & (faces.visibility != 0)
    off = np.linalg.norm(run.predict(faces.images).points - faces.points, axis=-1)
    if normalizer == "eyes":
        eyes = list(run.landmarks.eye_columns)
        size = np.linalg.norm(np.subtract(*faces.points[:, eyes].swapaxes(0, 1)), axis=-1)
    else:
        every = np.where(seen[..., None], faces.points, np.nan)
        size = np.sqrt(np.prod(np.nanmax(every, axis=1) - np.nanmin(every, axis=1), axis=1))
    return 100 * float(np.mean((off * seen).sum(axis=1) / seen.sum(axis=1) / size))


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
