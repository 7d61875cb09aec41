"""What a finished run needs before it is shipped: radii measured on crops as prediction cuts
them, and its files in the package."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.calibration import calibrate
from facepoints.export import export
from facepoints.runs import Predicted, Run, read_header, save_run, save_weights
from facepoints.samples import Samples


@dataclass(frozen=True)
class Aim:
    """Standard deviations of what a crop is off by: degrees, natural logarithm of the size, part
    of the face."""

    turn: float
    scale: float
    shift: float


FINDER = Aim(2.2, 0.041, 0.013)
"""Of the finder of the package, measured on people that the recipes validate on."""
BOX = Aim(12.0, 0.08, 0.055)
"""Of a box that tells no turn."""


def rough_crops(faces: Samples, run: Run, aim: Aim, seed: int) -> list[NDArray[np.float64]]:
    """For each face the affine of a first look: a crop as a face finder's place gives it.

    Args:
        faces: upright faces in the middle of pictures wider than the network sees.
    """
    rng = np.random.default_rng(seed)
    centre, middle = (faces.size[0] - 1) / 2, (run.size[0] - 1) / 2
    face = max(run.crop_rule.face_box[2:])
    matrices = []
    for _ in range(len(faces)):
        matrix = geometry.rotation_matrix(rng.normal(0, aim.turn), (centre, centre))
        matrix *= np.exp(rng.normal(0, aim.scale))
        shift = rng.normal(0, aim.shift * face, 2)
        matrix[:, 2] = middle - matrix[:, :2] @ (centre, centre) + shift
        matrices.append(matrix)
    return matrices


def look(
    run: Run, faces: Samples, matrices: list[NDArray[np.float64]]
) -> tuple[Predicted, Samples]:
    """What the run says of the crops that affines cut, and the truth in the same pixels."""
    side = run.size[0]
    crops = np.stack(
        [geometry.warp(i, m, side, side) for i, m in zip(faces.images, matrices, strict=True)]
    )
    truth = [geometry.apply(m, p) for m, p in zip(matrices, faces.points, strict=True)]
    seen = replace(faces, images=crops).with_points(np.stack(truth), faces.labelled)
    return run.predict(crops), seen


def closer(
    run: Run, matrices: list[NDArray[np.float64]], found: Predicted
) -> list[NDArray[np.float64]]:
    """Affines of the next look: the points found so far lie as those of the training crops."""
    following = []
    for matrix, points, radius in zip(matrices, found.points, found.radius, strict=True):
        step = geometry.similarity(points, run.crop_rule.layout, 1 / radius.astype(float) ** 2)
        following.append(geometry.compose(matrix, step))
    return following


def calibrate_as_used(folder: Path, faces: Samples, seed: int) -> Run:
    """The run with radii that hold in crops as the finder of the package gives them, as its
    ``run.json`` now says too."""
    run = Run.load(folder)
    found, seen = look(run, faces, rough_crops(faces, run, FINDER, seed))
    measured = calibrate(found.points, found.spread, seen)
    assert measured is not None
    save_run(folder, {**read_header(folder), "calibration": measured.to_dict()})
    return Run.load(folder)


def install(run: Run, folder: Path, package: Path) -> None:
    """Put a run into the package: the ONNX file, and weights to start other trainings from."""
    export(run, package / "points.onnx")
    (package / "points" / "weights").mkdir(parents=True, exist_ok=True)
    for number, member in enumerate(run.members):
        save_weights(package / "points" / "weights" / f"{number}.safetensors", member.model, True)
    save_run(package / "points", read_header(folder))
    shutil.copy(folder / "metrics.jsonl", package / "points" / "metrics.jsonl")


def measured(run: Run, faces: Samples, seed: int) -> str:
    """NME by the distance of the outer eye corners, percent, as JSON: one look after the finder
    of the package, one and two after a box."""
    boxes = rough_crops(faces, run, BOX, seed)
    found, _ = look(run, faces, boxes)
    ways = {
        "finder": rough_crops(faces, run, FINDER, seed),
        "box": boxes,
        "box, two looks": closer(run, boxes, found),
    }
    eyes = list(run.landmarks.eye_columns)
    report = {}
    for name, matrices in ways.items():
        found, seen = look(run, faces, matrices)
        apart = np.linalg.norm(np.subtract(*seen.points[:, eyes].swapaxes(0, 1)), axis=-1)
        error = np.linalg.norm(found.points - seen.points, axis=-1).mean(axis=1)
        report[name] = round(100 * float((error / apart).mean()), 3)
    return json.dumps(report)
