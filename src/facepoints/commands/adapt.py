"""A model fitted to somebody's own way of marking with a handful of labelled faces.

    facepoints adapt facepoints my-labels/ --out mine.onnx

Nothing is trained. The model answers the labelled faces; each point that the labels name is
had from its points (`schemes.mixture`); and what the labels lie off that on average is added:
a constant for every column, in pixels of the upright crop, so that it turns and grows with the
face. Both become a part of the graph, behind the networks: whatever reads the old file reads
the new one, in Python or elsewhere, and no PyTorch is needed, only the package onnx.

A mean over few faces is itself uncertain. It is shrunk towards 0 by how much it may be chance
(empirical Bayes, Efron & Morris 1973, doi:10.1080/01621459.1973.10481350), so that one face
does no harm and a hundred are believed. Labels far off all others, where the model did not see
the face right or somebody erred, do not count. A scale along each axis, for the whole face or
for every point, was tried as well; on faces that it was not fitted on it is worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints._util import files
from facepoints.datasets import procrustes, readers
from facepoints.datasets.combine import concatenate, read_people
from facepoints.datasets.marking_schemes import (
    in_scheme_columns,
    points_by_scheme,
    scheme_columns,
    scheme_matrix,
    widest_scheme,
)
from facepoints.datasets.samples import Samples
from facepoints.detection import Detection
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop, predict_refined
from facepoints.inference.landmark_model import LandmarkModel, find_model_file
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.onnx_edit import Adaptation, apply_adaptation, check_onnx

__all__ = ["AdaptReport", "adapt", "mean_gaps"]

_FOLDS = 50  # at most; each face is left out by itself where there are fewer
_FAR = 4.0  # robust deviations from which a label does not count
_TRUSTED = 20  # faces that say as much of the radius as the model itself


@dataclass(frozen=True)
class AdaptReport:
    """What an adaptation was fitted on and what it is worth.

    Attributes:
        out: the file written.
        points: that the new model answers with.
        faces: labelled faces that it was fitted on.
        left_out: faces with fewer than two labelled points that the model can give.
        unknown: labelled points that cannot be had from the model's.
        before, after: mean distance of answers and labels without and with the offset, as
            parts of the size of the face (the longer side of the box of its 68 points);
            `after` on faces that the offset was not fitted on.
    """

    out: str
    points: tuple[str, ...]
    faces: int
    left_out: int
    unknown: tuple[str, ...]
    before: float
    after: float


def adapt(
    data: Sequence[Path],
    out: Path,
    *,
    model: str | Path = weights.BUILTIN,
    split: str = "training",
    exclude_people: Path | None = None,
) -> AdaptReport:
    """Write a model that answers with the points of labelled faces as their labels mark them.

    Args:
        model: model file, or folder of a run that holds one; None or the word ``facepoints``:
            the one of the package.
        data: data sets in any format that `readers` knows.
        out: ONNX file to write.
        part: which part to take of a set that holds a training and a test part.
        without: file that names people to leave out.

    Raises:
        DataError: a set cannot be read, or has no face with two labelled points that can be
            had from the model's.
        ModelError: the model is missing, damaged or newer.
        MissingExtraError: the package onnx is not installed.
        WriteError: `out` cannot be written, or is one of the inputs.
    """
    check_onnx()
    path = find_model_file(model)
    files.check_output(out, [*data, path])
    points = LandmarkModel.load(path)
    leave = set() if exclude_people is None else read_people(exclude_people)
    sets = [_read(one, points, split, leave) for one in data]
    faces = concatenate([found.faces for found in sets])
    marked = points_by_scheme(faces)
    columns = scheme_columns(faces.landmarks, marked) if len(marked) > 1 else faces.landmarks
    mix, _ = scheme_matrix(points.landmarks, columns, widest_scheme(marked))
    faces = in_scheme_columns(faces, columns)
    gaps, radius = _gaps(points, faces, mix)
    unseen = _unseen_means(gaps, faces)
    offset = mean_gaps(gaps, faces.labelled).astype(np.float32)
    factors = _radius_factors(gaps - unseen, radius, faces.labelled)
    change = Adaptation(columns, faces.schemes, mix, offset, factors, len(faces))
    files.write_bytes(out, apply_adaptation(path, change))
    size = max(points.face_box[2:])
    return AdaptReport(
        out=str(out),
        points=columns.names,
        faces=len(faces),
        left_out=sum(found.left_out for found in sets),
        unknown=tuple(dict.fromkeys(name for found in sets for name in found.unknown)),
        before=_distance(gaps, faces.labelled) / size,
        after=_distance(gaps - unseen, faces.labelled) / size,
    )


class _Read(NamedTuple):
    """Labelled faces of one data set with the points that a model can give."""

    faces: Samples
    left_out: int
    unknown: tuple[str, ...]


def _read(path: Path, model: LandmarkModel, part: str, leave: set[str]) -> _Read:
    """Faces with two such points at least; those in photos cut upright and larger than the
    model's crops. Raises DataError if there are none."""
    found = readers.read(path, split=part)
    names = found.landmarks.names
    _, able = scheme_matrix(model.landmarks, found.landmarks, "")
    known = found.landmarks.subset([n for n, a in zip(names, able, strict=True) if a] or names)
    index = found.landmarks.columns(known.names)
    labelled = found.labelled[:, index] & able.any()
    there = ~np.isin(found.group, sorted(leave))
    rows = np.flatnonzero((labelled.sum(axis=1) > 1) & there)
    if not len(rows):
        raise DataError(
            f"{path}: no face with two labelled points that this model can give; the labels are "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        )
    if isinstance(found, Samples):
        faces = found.select(known.names).take(rows)
    else:
        mask = np.isin(np.arange(len(found)), rows)[:, None]
        photos = replace(
            found,
            points=found.points[:, index],
            labelled=found.labelled[:, index] & mask,
            landmarks=known,
        )
        side = max(model.size)
        shape = (_places(model, known, "") - (side - 1) / 2) / side
        faces = procrustes.align_crops(photos, shape, 2 * side, 1.5 * side)
    unknown = tuple(n for n, a in zip(names, able, strict=True) if not a)
    return _Read(faces, int(there.sum()) - len(rows), unknown)


def _places(model: LandmarkModel, columns: LandmarkSet, source: str) -> NDArray[np.float64]:
    """Where points (K, 2) lie in the model's crops on average."""
    mix, _ = scheme_matrix(model.landmarks, columns, source)
    return mix.astype(np.float64) @ model.canonical_points


def _gaps(
    model: LandmarkModel, faces: Samples, mix: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What labels lie off the model's answers (N, K, 2), and its radii (N, K), in crop pixels.

    The first look goes by the labels, so what a face finder may do wrong is no part of it; a
    second always follows, as the labels' place is nothing that a model is told in use.
    """
    target = mix.astype(np.float64) @ model.canonical_points
    places = []
    for row, (points, mask) in enumerate(zip(faces.points, faces.labelled, strict=True)):
        matrix = affine.fit_similarity(points[mask], target[mask])
        places.append(FaceCrop(row, Detection((0.0, 0.0, 1.0, 1.0)), matrix))
    places, answer = predict_refined(model, list(faces.images), places, min_score=0.0, always=True)
    gaps = np.zeros(faces.points.shape)
    radius = np.zeros(faces.labelled.shape)
    for row, place in enumerate(places):
        found = affine.apply(place.matrix, answer.points[row])
        gaps[row] = affine.apply(place.matrix, faces.points[row]) - mix @ found
        scale = np.hypot(*place.matrix[:, 0])
        radius[row] = scale * np.sqrt(mix @ answer.radius[row] ** 2)
    return gaps, radius


def mean_gaps(gaps: NDArray[np.float64], labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The offset of every column: its mean gap, shrunk towards 0 by how much may be chance.

    Args:
        gaps: (N, K, 2) labels minus answers.
        labelled: (N, K).

    Returns:
        (K, 2), 0 for columns without a label.
    """
    columns, axes = gaps.shape[1:]
    means, noise = np.zeros((columns, axes)), np.full((columns, axes), np.inf)
    for column in range(columns):
        for axis in range(axes):
            values = _near(gaps[labelled[:, column], column, axis])
            if len(values):
                means[column, axis] = values.mean()
                # Of one or two faces nobody knows the spread: as large as what they show.
                spread = values.var(ddof=1) if len(values) > 2 else np.square(values).mean()
                noise[column, axis] = max(spread, 1e-6) / len(values)
    some = np.isfinite(noise)
    if not some.any():
        return means
    real = max(float((means[some] ** 2 - noise[some]).mean()), 0.0)  # variance of true offsets
    return means * real / (real + noise)


def _near(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n,) without those far off the rest."""
    if not len(values):
        return values
    away = np.abs(values - np.median(values))
    return values[away <= _FAR * 1.4826 * np.median(away) + 1e-9] if len(values) > 4 else values


def _unseen_means(gaps: NDArray[np.float64], faces: Samples) -> NDArray[np.float64]:
    """For every face (N, K, 2) the offset that the faces of other people give."""
    _, person = np.unique(faces.group, return_inverse=True)
    fold = (person if person.max() else np.arange(len(faces))) % _FOLDS
    found = np.zeros_like(gaps)
    for number in np.unique(fold):
        out = fold == number
        found[out] = mean_gaps(gaps[~out], faces.labelled[~out])
    return found


def _radius_factors(
    gaps: NDArray[np.float64], radius: NDArray[np.float64], labelled: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """By what each point's radius (K,) has to grow to hold `COVERAGE` of labels that the
    offset was not fitted on. Few faces hardly change it; a point's own labels count as much as
    all together once there are `_TRUSTED` of them."""
    ratio = np.linalg.norm(gaps, axis=-1) / np.maximum(radius, 1e-6)
    rows = len(gaps)
    pooled = (rows * np.quantile(ratio[labelled], COVERAGE) + _TRUSTED) / (rows + _TRUSTED)
    factors = np.full(labelled.shape[1], pooled)
    for column in range(labelled.shape[1]):
        own = ratio[labelled[:, column], column]
        if len(own):
            share = len(own) / (len(own) + _TRUSTED)
            factors[column] = share * np.quantile(own, COVERAGE) + (1 - share) * pooled
    return np.maximum(factors, 1e-3).astype(np.float32)


def _distance(gaps: NDArray[np.float64], labelled: NDArray[np.bool_]) -> float:
    return float(np.linalg.norm(gaps[labelled], axis=-1).mean())
