"""Mistakes that most labels of a set share and that move them far off in their pictures.

They are one fault of the whole set: shifted, resized, mirrored or turned labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.far_labels import (
    FarLabel,
    PlacedFaces,
    distance_as,
    how_undone,
    mend_of,
    times_of_eyes,
)
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.geometry import Complex
from facepoints.audit.naming import percent
from facepoints.datasets.samples import Samples

__all__ = ["far_set_fault"]

_FEWEST = 10  # rows of a set with the same mistake
_MOST = 0.6  # share of the rows of a set that have it
_MIRRORED = 0.03  # least error of the labels of a mirrored set, in eye distances
_SAME_SHIFT = 0.25  # eye distances by which shifts of one mistake differ
_SAME_SIZE = 0.03  # natural logarithm of factors of one mistake
_SAMPLE = 300  # rows that tell whether a set is mirrored, about


def far_set_fault(
    faces: Samples,
    labels: Complex,
    far: Mapping[int, FarLabel],
    placed: Mapping[int, PlacedFaces],
    rows: Sequence[int],
    count: float,
    mirror: NDArray[np.intp] | None,
) -> Fault | None:
    """The fault that most rows of a set share; None: there is none.

    Args:
        labels: (N, K) in pixels of the pictures.
        far: labels that are far off, by row.
        placed: the faces of the pictures, by row.
        rows: of the set, with a face in their pictures.
        count: of the rows of the set that may be wrong.
        mirror: (K,) partners of the points; None: they have none.
    """
    own = set(rows)
    off = [row for row in far if row in own]
    same = _same_mistake(far, off, count, placed)
    if same:
        also = _also(faces, labels, far, placed, same, rows, mirror)
        return _of_set(faces, far, placed, same, also, len(rows))
    return _mirrored_set(faces, labels, placed, rows, mirror)


def _same_mistake(
    far: Mapping[int, FarLabel],
    rows: Sequence[int],
    count: float,
    placed: Mapping[int, PlacedFaces],
) -> list[int]:
    """The rows of a set that have the mistake that most have; empty: there is none."""
    kinds = Counter(far[row].kind for row in rows if far[row].kind != "here")
    if not kinds:
        return []
    kind = kinds.most_common(1)[0][0]
    some = [row for row in rows if far[row].kind == kind]
    if kind == "shifted":
        shifts: Complex = np.array([far[row].value for row in some], np.complex128)
        middle = complex(np.median(shifts.real), np.median(shifts.imag))
        near = [
            abs(far[r].value - middle) < _SAME_SHIFT * placed[r].eyes[far[r].face] for r in some
        ]
        some = [row for row, is_near in zip(some, near, strict=True) if is_near]
    elif kind == "resized":
        sizes = np.log([far[row].value.real for row in some])
        near = np.abs(sizes - np.median(sizes)) < _SAME_SIZE
        some = [row for row, is_near in zip(some, near, strict=True) if is_near]
    enough = len(some) >= max(_FEWEST, _MOST * count)
    return some if enough else []


def _of_set(
    faces: Samples,
    far: Mapping[int, FarLabel],
    placed: Mapping[int, PlacedFaces],
    rows: Sequence[int],
    also: Sequence[int],
    count: int,
) -> Fault:
    """The fault of a whole set, which `rows` show, and `also` others have."""
    kind, value = far[rows[0]].kind, _common(far, rows)
    before = float(np.median([far[row].before for row in rows]))
    after = float(np.median([far[row].after for row in rows]))
    every = sorted([*rows, *also])
    own = tuple(mend_of(faces, kind, value, placed[row]) for row in every)
    evidence = (
        f"In {len(rows)} of {count} pictures of the set, the points lie {times_of_eyes(before)} "
        f"from the face; {how_undone(kind, value)} they lie {percent(after)} of it from there."
    )
    cause = Cause.OFFSET if kind == "shifted" else far[rows[0]].cause
    return Fault(tuple(every), cause, (), 0.97, evidence, own[0], each=own)


def _common(far: Mapping[int, FarLabel], rows: Sequence[int]) -> complex:
    """The shift or the factor of rows with the same mistake."""
    values: Complex = np.array([far[row].value for row in rows], np.complex128)
    return complex(np.median(values.real), np.median(values.imag))


def _also(
    faces: Samples,
    labels: Complex,
    far: Mapping[int, FarLabel],
    placed: Mapping[int, PlacedFaces],
    same: Sequence[int],
    of_set: Sequence[int],
    mirror: NDArray[np.intp] | None,
) -> list[int]:
    """Further rows of a set whose labels fit better once the mistake of the set is undone."""
    kind, value, known = far[same[0]].kind, _common(far, same), set(same)

    def away(row: int, one: str) -> float:
        return distance_as(one, value, labels[row], faces.labelled[row], placed[row], mirror)

    return [r for r in of_set if r not in known and away(r, kind) < away(r, "here")]


def _mirrored_set(
    faces: Samples,
    labels: Complex,
    placed: Mapping[int, PlacedFaces],
    rows: Sequence[int],
    mirror: NDArray[np.intp] | None,
) -> Fault | None:
    """Mirrored labels of faces in the middle of their pictures, which are hardly far off."""
    if len(rows) < _FEWEST or mirror is None:
        return None
    kinds = ("here", "exchanged", "mirrored", "mirrored and exchanged")
    every = np.array(
        [
            [
                distance_as(kind, 0, labels[r], faces.labelled[r], placed[r], mirror)
                for kind in kinds
            ]
            for r in rows[:: 1 + len(rows) // _SAMPLE]
        ]
    )
    every = every[np.isfinite(every).all(axis=1)]
    if not len(every):
        return None
    cost = np.median(every, axis=0)
    if cost[2:].min() > 0.5 * cost[:2].min() or cost[:2].min() < _MIRRORED:
        return None
    kind = kinds[2 + int(cost[2:].argmin())]
    before, after = float(cost[0]), float(cost[2:].min())
    far = {row: FarLabel(kind, 0, before, after, 0, -1) for row in rows}
    return _of_set(faces, far, placed, rows, [], len(rows))
