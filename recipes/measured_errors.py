"""Errors of measures against hand labels of people who are not the test set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from points_data import SETS, LabeledSet, in_columns

import facepoints
from facepoints._util.angles import wrap_degrees
from facepoints.datasets import readers
from facepoints.datasets.samples import Photos
from facepoints.datasets.splits import spread_rows
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70
from facepoints.measurement import DEFINITIONS, MEASURES, head_pose, measure, radius_factors
from facepoints.measurement.pose import ANGLES, head_points
from facepoints.measurement.symmetry import asymmetry
from facepoints.measurement.uncertainty import measure_points

__all__ = [
    "BySet",
    "Errors",
    "Labeled",
    "Part",
    "both_sides",
    "errors_of",
    "joined",
    "measured",
    "photos_of",
    "predictions",
]

Array = NDArray[np.floating]
Part = Literal["held-out", "training"]
"""People who are not the test set: held out from the training, or trained on."""

BATCH = 16
"""Images per prediction."""
MAX_ERROR = 0.2
"""Maximum mean error of the labelled face's prediction, as a fraction of the face's side."""
HAND_LABELLED = ("lfpw", "helen", "afw", "scut", "inthewild21")
"""The sets whose points people set, of `points_data.SETS`; CFP shows half faces."""
TRAINING = 400
"""Photos of training people of each set, at most."""


class Errors(NamedTuple):
    """Errors of one measure on several faces.

    Attributes:
        error: (N,) difference of the measure to that of the labels.
        radius: (N,) propagated from the radii of the points.
        unit: (N,) what the systematic part is a fraction of: the value, or 1.
        weight: (N,) how much each face counts; a face of a person who was held out: 1.
        person: (N,) number of the person in the set.
    """

    error: Array
    radius: Array
    unit: Array
    weight: Array
    person: Array


BySet = Mapping[str, Mapping[str, Errors]]
"""The errors of each measure, by set."""


def photos_of(data: Path, known: Mapping[str, LabeledSet], part: Part) -> dict[str, Photos]:
    """Photos of people who are not the test set, by data set: all whom `points.py` holds out for
    calibration, or some whom it trains on.

    Args:
        known: of `read_sets`.
    """
    sets: dict[str, Photos] = {}
    for name in HAND_LABELLED:
        folder, split, _, _ = SETS[name]
        photos = readers.read(data / folder, split=split)
        if not isinstance(photos, Photos):
            raise DataError(f"{data / folder} should hold photos with points")
        people = known[name].part(held=part == "held-out").photos.group
        photos = photos.take(np.isin(photos.group, np.unique(people)))
        if part == "training":
            chosen = spread_rows(len(photos), TRAINING)
            photos = photos.take(np.isin(np.arange(len(photos)), chosen))
        sets[name] = photos
    return sets


Labeled = tuple[Face, Array, NDArray[np.bool_], int]
"""A face, its true points (70, 2), which of them are labelled, and the row of its photo."""


def predictions(photos: Photos, name: str) -> Iterator[Labeled]:
    """Each face that is found, with its labels.

    Args:
        name: of the set, in `points_data.SETS`.
    """
    points, labelled = in_columns(photos, SETS[name][2])
    model = facepoints.load()
    images = list(photos.read_images())
    for start in range(0, len(images), BATCH):
        found = model(images[start : start + BATCH])
        for row, detected in enumerate(found, start=start):
            truth, known = points[row], labelled[row]
            side = np.ptp(truth[known], axis=0).max()
            off = [np.linalg.norm(f.points[known] - truth[known], axis=1).mean() for f in detected]
            if off and min(off) < MAX_ERROR * side:
                yield detected[int(np.argmin(off))], truth, known, row


def errors_of(faces: list[Labeled]) -> dict[str, Errors]:
    """The errors of each measure, on the faces whose labels give it. The number of the person is
    that of the photo."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in MEASURES}
    for face, truth, known, number in faces:
        here = measure(face)
        for name, definition in DEFINITIONS.items():
            columns = OPENPOSE_70.columns(definition.points)
            if name not in here or not known[columns].all():
                continue
            points = face.points[columns].astype(np.float64)
            radius = face.radius[columns].astype(np.float64)
            value = float(definition.function(truth[columns]))
            measured = measure_points(definition.function, points, radius)
            unit = abs(measured.value) if definition.relative else 1.0
            rows[name].append((measured.value - value, measured.radius, unit, 1.0, number))
        if known[:68].all():
            for name, error, radius in head_errors(face, truth):
                rows[name].append((error, radius, 1.0, 1.0, number))
    return {
        name: Errors(*np.array(some).reshape(-1, 5).astype(np.float64).T)
        for name, some in rows.items()
    }


def head_errors(face: Face, truth: Array) -> Iterator[tuple[str, float, float]]:
    """Error and radius without factor of the angles of the head and of the asymmetry."""
    face = face.as_landmarks(IBUG_68)
    factors = radius_factors.RADIUS_FACTORS
    points = truth[:68].astype(np.float32)
    labels = replace(face, points=points, radius=np.zeros_like(face.radius))
    here, there = head_pose(face), head_pose(labels)
    for name, radius in zip(ANGLES, here.point_radius, strict=True):
        error = abs(float(wrap_degrees(getattr(here, name) - getattr(there, name))))
        yield name, error, radius / factors.get(name, 1.0)
    if "asymmetry" in measure(face):
        shape = head_points(face.landmarks)[0]
        head = (shape @ here.turn.T)[:, :2] * here.scale + here.shift
        moved = replace(face, points=(head + face.points - truth[:68]).astype(np.float32))
        distance = asymmetry(moved, here)
        yield "asymmetry", distance.value, distance.radius / factors.get("asymmetry", 1.0)


def both_sides(name: str) -> list[str]:
    """A measure and its mirror image, each once."""
    left = name.replace("_right", "_left")
    return (
        [left]
        if left == left.replace("_left", "_right")
        else [left, left.replace("_left", "_right")]
    )


def joined(parts: list[Errors]) -> Errors:
    """The errors of several sets or sides."""
    return Errors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def measured(data: Path, known: Mapping[str, LabeledSet], part: Part) -> BySet:
    """The errors of all faces that are found."""
    by_set = {}
    for name, photos in photos_of(data, known, part).items():
        faces = list(predictions(photos, name))
        people = np.unique(photos.group, return_inverse=True)[1]
        by_set[name] = {
            measure: errors._replace(person=people[errors.person.astype(int)])
            for measure, errors in errors_of(faces).items()
        }
        print(f"# {name}, {part}: {len(faces)} of {len(photos)} faces found")
    return by_set
