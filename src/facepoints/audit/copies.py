"""Labels that were not placed by looking: copied rows, and points filled in with a constant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.naming import expected_of, named_points
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples

__all__ = ["copied_rows", "filled_points"]

_FEWEST = 3  # labeled points of a row that can be told from another by chance
_DIGITS = 1e-4  # of the size of the label: closer ones are the same
_SAME_IMAGE = 0.98  # correlation of images from which two show the same
_FILLED_ROWS = 3  # rows that share a place exactly, at least
_TIMES = 6.0  # as often as places are shared by chance


def copied_rows(faces: Samples, expected: Expectation | None, pictured: bool) -> list[Fault]:
    """Rows of different images whose labels are the same to the last digit.

    The labels are compared wherever they lie in the crop and at any size, because crops are cut
    around them. Which row is the copy tells the expectation: the one that fits worse. Without
    one, it is the later row.

    Args:
        pictured: whether the images can be compared.
    """
    faults = []
    patterns, member = np.unique(faces.labelled, axis=0, return_inverse=True)
    for number, mask in enumerate(patterns):
        rows = np.flatnonzero(member.ravel() == number)
        if mask.sum() >= _FEWEST and len(rows) > 1:
            for same in _equal(faces.points[rows][:, mask].astype(np.float64)):
                faults += _copies(faces, rows[same].tolist(), expected, pictured)
    return faults


def _equal(points: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Groups of labels (n, k, 2) that are the same but for place and size."""
    low = points.min(axis=1, keepdims=True)
    size = (points.max(axis=1, keepdims=True) - low).max(axis=2, keepdims=True)
    values = ((points - low) / np.maximum(size, 1e-9)).reshape(len(points), -1)
    # equal labels are neighbors in the order of any projection
    weights = np.random.default_rng(0).normal(size=values.shape[1])
    order = np.argsort(values @ weights, kind="stable")
    near = np.abs(np.diff(values[order], axis=0)).max(axis=1) < _DIGITS
    good = (size.ravel()[order] > 0)[1:]
    cuts = np.flatnonzero(~(near & good)) + 1
    return [np.sort(part) for part in np.split(order, cuts) if len(part) > 1]


def _copies(
    faces: Samples, rows: list[int], expected: Expectation | None, pictured: bool
) -> list[Fault]:
    """The faults of rows with the same label: all but the one that it belongs to."""
    cost = np.arange(len(rows), dtype=np.float64)
    if expected is not None and not expected.free:
        cost = np.abs(expected.residual[rows]).sum(axis=1)
    original = rows[int(cost.argmin())]
    faults = []
    for row in rows:
        if row == original:
            continue
        if pictured and _correlation(faces.images[row], faces.images[original]) > _SAME_IMAGE:
            continue
        count = int(faces.labelled[row].sum())
        why = "" if pictured else "; without images nothing tells whether they show the same face"
        evidence = (
            f"All {count} labeled points equal those of row {original} "
            f"({faces.names[original]}) to the last digit{why}."
        )
        faults.append(
            Fault(
                rows=(row,),
                cause=Cause.COPIED_ROW,
                points=_labelled_names(faces, row),
                confidence=0.98 if pictured else 0.6,
                evidence=evidence,
                suggestion=(Change("drop"),),
                expected=None if expected is None else expected_of(expected, row),
            )
        )
    return faults


def _labelled_names(faces: Samples, row: int) -> tuple[str, ...]:
    return tuple(
        name for name, has in zip(faces.landmarks.names, faces.labelled[row], strict=True) if has
    )


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-9))


def filled_points(faces: Samples, sets: NDArray[np.int64]) -> list[Fault]:
    """Points that lie in exactly the same place of the image in many rows of a set.

    Places that people mark are shared now and then, the more so where they are whole pixels. A
    place is filled in if it is shared by far more rows than the other shared ones. Several points
    of one row in one place count as well.
    """
    filled: dict[int, list[tuple[int, int]]] = {}
    for number in np.unique(sets):
        rows = np.flatnonzero(sets == number)
        for column in range(faces.labelled.shape[1]):
            some = rows[faces.labelled[rows, column]]
            for row, count in _shared(faces.points[some, column], some):
                filled.setdefault(row, []).append((column, count))
    faults = []
    for row, found in sorted(filled.items()):
        names = tuple(faces.landmarks.names[column] for column, _ in found)
        most = max(count for _, count in found)
        faults.append(
            Fault(
                rows=(row,),
                cause=Cause.FILLED_POINTS,
                points=names,
                confidence=0.95 if len(found) > 1 or most > 2 * _FILLED_ROWS else 0.8,
                evidence=(
                    f"{named_points(names)}: {most} rows have the same place to the last digit."
                ),
                suggestion=(Change("unlabel", list(names)),),
            )
        )
    return faults


def _shared(places: NDArray[np.float32], rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Rows at places (n, 2) that too many of them share, each with the number of these rows."""
    if len(places) < 2 * _FILLED_ROWS:
        return []
    _, member, count = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    # how often a place is shared by chance: the 99th percentile of all places
    usual = float(np.quantile(count, 0.99)) if len(count) > 100 else float(np.median(count))
    limit = max(_FILLED_ROWS, _TIMES * (usual - 1))
    size = count[member.ravel()]
    return [(int(row), int(n)) for row, n in zip(rows, size, strict=True) if n >= limit]
