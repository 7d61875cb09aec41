"""Measure the factors that calibrate the radii of measures to 90 %.

    python recipes/measure_factors.py --data DATA               # half a minute on one core
    python recipes/measure_factors.py --data DATA --install     # and write them to the package
    python recipes/measure_factors.py --data DATA --held-out    # check on the test set

DATA contains the sets of `points_data.SETS` and `held-out.txt`. Run it again, with --install,
whenever the built-in model changes.

Faces are detected and measured with the built-in model; the true measures are those of the labels.
The radius of a measure is propagated from the radii of the points, whose errors are assumed to be
independent and normal. Neither is true, so the radius is multiplied by a factor: the 90 % quantile
of error over radius on the people whom `points.py` holds out for calibration (split conformal
prediction, as for the points in `evaluation.calibration`). Photos (HELEN) and frames (YouTube
Faces) count half each; left and right share a factor. --held-out measures on the people of the test
set, who are not used for any choice.

The radius of the asymmetry is a noise floor: the asymmetry that point errors make of a symmetric
face. Its factor is measured with the errors of each face on the mean head, turned like the face.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from points_data import read_sets

import facepoints
from facepoints._util.angles import wrap_degrees
from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement import MEASURES, head_pose, measure, radius_factors
from facepoints.measurement.pose import ANGLES, head_points
from facepoints.measurement.radius_factors import RADIUS_FACTORS
from facepoints.measurement.symmetry import asymmetry

Array = NDArray[np.floating]
Ratios = dict[str, Array]
"""Error over radius by measure, on each face that has the measure."""

BATCH = 16
"""Images per prediction."""
MAX_ERROR = 0.2
"""Maximum mean error of the labelled face's prediction, as a fraction of the face's side."""

INSTALLED = Path(radius_factors.__file__)
"""File of the package that `install` changes."""


@dataclass(frozen=True)
class Recipe:
    """Measure the factors of the measures' radii."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    install: bool = False
    """Write the factors to the package (src/facepoints/measurement/radius_factors.py)."""
    held_out: bool = False
    """Measure the coverage of the package's radii on the people of the test set instead."""


def photos_of(data: Path, held_out: bool) -> dict[str, list[Photos]]:
    """Photos of the calibration people of `points.py`, or of the test set, by data set."""
    chosen = read_people(data / "held-out.txt")
    if not held_out:
        known = read_sets(data, 0).values()
        chosen = {str(name) for given in known for name in given.photos.group[given.held]}
    sets: dict[str, list[Photos]] = {}
    for name, folder, parts in (
        ("helen", "helen", ("training",)),
        ("youtube-faces", "youtube-faces", ("training", "test")),
    ):
        read = [readers.read(data / folder, split=part) for part in parts]
        if not all(isinstance(photos, Photos) for photos in read):
            raise DataError(f"{data / folder} should hold photos with points")
        whole = [photos for photos in read if isinstance(photos, Photos)]
        sets[name] = [p.take(np.isin(p.group, sorted(chosen))) for p in whole]
    return sets


def predictions(photos: Photos) -> Iterator[tuple[Face, Array]]:
    """Each detected face with its true points (K, 2)."""
    model = facepoints.load()
    images = list(photos.read_images())
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        truths = photos.points[start : start + BATCH]
        for detected, truth in zip(model(batch), truths, strict=True):
            faces = [face.as_landmarks(IBUG_68) for face in detected]
            off = [np.linalg.norm(face.points - truth, axis=1).mean() for face in faces]
            if off and min(off) < MAX_ERROR * np.ptp(truth, axis=0).max():
                yield faces[int(np.argmin(off))], truth


def ratios(faces: list[tuple[Face, Array]]) -> Ratios:
    """Error over radius of each measure that both the face and its labels have."""
    collected: dict[str, list[float]] = {name: [] for name in MEASURES}
    for face, truth in faces:
        labels = replace(face, points=truth.astype(np.float32), radius=np.zeros_like(face.radius))
        here, there = measure(face), measure(labels)
        # the radii of angles also hold how heads differ, which labels on the same head do not show
        radii: dict[str, float] = dict(zip(ANGLES, head_pose(face).point_radius, strict=True))
        for name in here.keys() & there.keys() - {"asymmetry"}:
            error = here[name].value - there[name].value
            error = wrap_degrees(error) if name == "roll" else error
            collected[name].append(abs(error) / radii.get(name, here[name].radius))
        if "asymmetry" in here:
            collected["asymmetry"].append(_asymmetry_of_errors(face, truth))
    return {name: np.array(values) for name, values in collected.items()}


def _asymmetry_of_errors(face: Face, truth: Array) -> float:
    """Asymmetry over its radius of the mean head, in the pose and with the errors of the face."""
    pose, shape = head_pose(face), head_points(face.landmarks)[0]
    head = (shape @ pose.turn.T)[:, :2] * pose.scale + pose.shift
    other = replace(face, points=(head + face.points - truth).astype(np.float32))
    distance = asymmetry(other, pose)
    return distance.value / distance.radius


def factor(parts: list[Array]) -> float:
    """The 90 % quantile of the ratios of several data sets with equal weight."""
    every = np.concatenate(parts)
    weight = np.concatenate([np.full(len(p), 1 / max(len(p), 1)) for p in parts])
    order = np.argsort(every)
    share = np.cumsum(weight[order]) / weight.sum()
    return float(every[order][np.searchsorted(share, COVERAGE - 1e-9)])


def both_sides(name: str) -> set[str]:
    """A measure and its mirror image."""
    if name.endswith("_left") or "_left_" in name:
        return {name, name.replace("_left", "_right")}
    return {name, name.replace("_right", "_left")}


def source_of(factors: dict[str, float]) -> str:
    """The factors as source code."""
    lines = [f'    "{name}": {value:.2f},' for name, value in factors.items()]
    return "\n".join(["RADIUS_FACTORS: dict[str, float] = {", *lines, "}"])


def install(factors: dict[str, float], path: Path = INSTALLED) -> None:
    """Write the factors to the package."""
    before, _, rest = path.read_text(encoding="utf-8").partition("RADIUS_FACTORS: dict")
    after = rest.partition("}")[2]
    path.write_text(f"{before}{source_of(factors)}{after}", encoding="utf-8")


def main(recipe: Recipe) -> None:
    by_set: dict[str, Ratios] = {}
    for name, parts in photos_of(recipe.data, recipe.held_out).items():
        faces = [pair for photos in parts for pair in predictions(photos)]
        by_set[name] = ratios(faces)
        print(f"# {name}: {len(faces)} of {sum(map(len, parts))} faces found")
    if recipe.held_out:
        rows = {n: [np.mean(r[n] <= 1) * 100 for r in by_set.values()] for n in MEASURES}
        for name, held in rows.items():
            print(f"{name:30}" + "".join(f"{h:8.1f}" for h in held))
        print(f"{'mean':30}" + "".join(f"{h:8.1f}" for h in np.mean(list(rows.values()), axis=0)))
        return
    factors = {}
    for name in MEASURES:
        several = [
            np.concatenate([r[n] for n in sorted(both_sides(name))]) for r in by_set.values()
        ]
        factors[name] = RADIUS_FACTORS.get(name, 1.0) * factor(several)
    print(source_of(factors))
    if recipe.install:
        install(factors)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
