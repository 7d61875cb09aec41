"""Faults that the images tell: no face, several alike, disagreeing duplicates, leaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.naming import expected_of, percent
from facepoints.audit.opinion import Readings
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import CLUSTER, duplicate_groups
from facepoints.imaging import affine

__all__ = ["duplicates", "leaks", "without_face"]

_FACE = 0.5  # score from which a reading is a face
_THUMB = 48  # side of the upright face that images are compared by, pixels
_EYES = 20.0  # distance of the outer eye corners in it, pixels
_APART = 3.0  # times the usual distance of honest labels from which duplicates disagree
_COLLAGE = 3  # faces of one size from which an image is a collage
_ALIKE = 0.3  # natural logarithm of the factor between their sizes, at most
_LINES = 0.55  # share of flat pixels beside sharp edges, from which an image is a drawing


def without_face(faces: Samples, readings: Readings, expected: Expectation) -> list[Fault]:
    """Rows whose images show no face, several of one size, or a drawing."""
    faults = []
    for row in np.flatnonzero(faces.labelled.any(axis=1)).tolist():
        scores = readings.score[row]
        drawing = _flatness(faces.images[row])
        if scores.max() < _FACE and drawing > _LINES:
            evidence = (
                f"No face is seen, and {percent(drawing)} of the pixels are flat as in a drawing."
            )
            faults.append(_of_image(row, Cause.NOT_A_PHOTO, 0.8, evidence))
        elif scores.max() < _FACE:
            evidence = (
                "No face is seen where the label lies"
                if scores.max() == 0
                else f"The best face seen has a score of {scores.max():.2f} only"
            )
            faults.append(_of_image(row, Cause.NO_FACE, 0.85, f"{evidence}."))
        elif _is_collage(readings, row):
            count = int((scores >= _FACE).sum())
            evidence = f"{count} faces of about one size are in the image."
            faults.append(_of_image(row, Cause.SEVERAL_FACES, 0.6, evidence))
    return faults


def _of_image(row: int, cause: Cause, confidence: float, evidence: str) -> Fault:
    return Fault((int(row),), cause, (), confidence, evidence, (Change("drop"),))


def _is_collage(readings: Readings, row: int) -> bool:
    sure = readings.score[row] >= _FACE
    if sure.sum() < _COLLAGE:
        return False
    points = readings.points[row][sure]
    sizes = np.log((points.max(axis=1) - points.min(axis=1)).max(axis=1))
    return float(sizes.max() - sizes.min()) < _ALIKE


def _flatness(image: NDArray[np.uint8]) -> float:
    """Share of pixels that equal their right and lower neighbors, without the margin of the photo
    that a crop may reach beyond."""
    flat = (np.diff(image[:-1], axis=1) == 0) & (np.diff(image[:, :-1], axis=0) == 0)
    inside = image[1:-1, 1:-1] > 0
    return float(flat[: inside.shape[0], : inside.shape[1]][inside].mean()) if inside.any() else 0.0


def upright_faces(faces: Samples, expected: Expectation) -> NDArray[np.uint8]:
    """The face of every row upright and of one size (N, 48, 48), wherever the crop has it."""
    out = np.zeros((len(faces), _THUMB, _THUMB), np.uint8)
    for row in np.flatnonzero(expected.valid):
        a, b = _EYES * expected.a[row], _EYES * expected.b[row]
        middle = (_THUMB - 1) / 2
        matrix = np.array([[a.real, -a.imag, b.real + middle], [a.imag, a.real, b.imag + middle]])
        out[row] = affine.warp(faces.images[row], matrix, _THUMB, _THUMB)
    return out


def duplicates(
    faces: Samples, expected: Expectation, split: NDArray[np.int64] | None
) -> list[Fault]:
    """Near-identical faces whose labels disagree, or that are on both sides of a split.

    Args:
        split: (N,) the side of the split of each row; None: no split.
    """
    rows = np.flatnonzero(expected.valid)
    if len(rows) < 2:
        return []
    cluster = duplicate_groups(upright_faces(faces, expected)[rows])
    usual = float(np.median(np.abs(expected.residual)[expected.mask])) if len(rows) else 0.0
    faults: list[Fault] = []
    names, member, count = np.unique(cluster, return_inverse=True, return_counts=True)
    for number in np.flatnonzero(count > 1):
        some = rows[member.ravel() == number]
        faults += _of_cluster(faces, expected, some, usual, split, str(names[number]))
    return faults


def _of_cluster(
    faces: Samples,
    expected: Expectation,
    rows: NDArray[np.intp],
    usual: float,
    split: NDArray[np.int64] | None,
    name: str,
) -> list[Fault]:
    faults = []
    if split is not None and len(np.unique(split[rows])) > 1:
        evidence = f"The same face in {len(rows)} rows is on both sides of the split."
        # a name of its own: clusters of crops are numbered too
        group = name.replace(CLUSTER, "same-face-")
        suggestion = (Change("group", group),)
        faults.append(Fault(tuple(map(int, rows)), Cause.SPLIT_LEAK, (), 0.9, evidence, suggestion))
    first, away = int(rows[0]), np.abs(expected.residual[rows]).mean(axis=1)
    for row in rows[1:]:
        both = expected.mask[first] & expected.mask[row]
        if not both.any():
            continue
        apart = np.abs(expected.labels[first] - expected.labels[row])[both]
        if float(np.median(apart)) <= _APART * usual and float(apart.max()) <= 4 * _APART * usual:
            continue
        worse = int(row) if away[list(rows).index(row)] >= away[0] else first
        evidence = (
            f"The same image has labels that differ by {percent(float(apart.mean()))} of the eye "
            f"distance on average (at most {percent(float(apart.max()))}); those of row {worse} "
            f"fit the face worse."
        )
        other = first if worse == row else int(row)
        index = np.flatnonzero(both)[apart > _APART * usual]
        faults.append(
            Fault(
                rows=(worse, other),
                cause=Cause.DUPLICATE_DISAGREES,
                points=tuple(faces.landmarks.names[k] for k in index),
                confidence=0.85,
                evidence=evidence,
                expected=expected_of(expected, worse),
            )
        )
    return faults


def leaks(faces: Samples, split: NDArray[np.int64]) -> list[Fault]:
    """Persons (groups) that are on both sides of a split."""
    faults = []
    names, member = np.unique(faces.group, return_inverse=True)
    low = np.full(len(names), np.iinfo(np.int64).max)
    high = np.full(len(names), np.iinfo(np.int64).min)
    np.minimum.at(low, member, split)
    np.maximum.at(high, member, split)
    for number in np.flatnonzero(low < high):
        rows = np.flatnonzero(member == number)
        sides = ", ".join(
            f"{(split[rows] == s).sum()} rows on side {s}" for s in np.unique(split[rows])
        )
        evidence = f"{names[number]} is on several sides of the split: {sides}."
        faults.append(
            Fault(
                rows=tuple(int(row) for row in rows),
                cause=Cause.SPLIT_LEAK,
                points=(),
                confidence=0.99,
                evidence=evidence,
                suggestion=(Change("group", str(names[number])),),
            )
        )
    return faults
