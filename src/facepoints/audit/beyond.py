"""Faults that whole pictures tell: labels far off, and labels on another face."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.far_labels import (
    FarLabel,
    PlacedFaces,
    Places,
    distance_as,
    far_label,
    transform_of,
)
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.geometry import Complex
from facepoints.audit.missed_faces import labels_on_another_face
from facepoints.audit.naming import percent
from facepoints.audit.opinion import Readings, SecondOpinion
from facepoints.audit.whole_pictures import (
    Pictures,
    SeenPicture,
    rows_to_see,
    see_crops,
    see_pictures,
)
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples

__all__ = ["Beyond", "look_beyond", "merged", "search"]

_FEWEST = 10  # rows of a set with the same mistake
_MOST = 0.6  # share of the rows of a set that have it
_MIRRORED = 0.03  # least error of the labels of a mirrored set, in eye distances
_SAME_SHIFT = 0.25  # eye distances by which shifts of one mistake differ
_SAME_SIZE = 0.03  # natural logarithm of factors of one mistake
_SAMPLE = 300  # rows that tell whether a set is mirrored, about
_TOLD = 0.9  # confidence from which a fault that a crop shows is not looked for elsewhere
_ORDERS = (Cause.LEFT_RIGHT_SWAPPED, Cause.PAIR_SWAPPED, Cause.WRONG_ORDER)
_SCALES = (Cause.WRONG_SCALE, Cause.OFFSET)  # what a scaled set has in single rows
_OF_CROPS = (
    *_ORDERS,
    *(Cause.POINT_OFF, Cause.OTHER_FACE, Cause.MIRRORED_IMAGE, Cause.TURNED_IMAGE),
    *(Cause.WRONG_SCALE, Cause.OFFSET, Cause.NO_FACE, Cause.NOT_A_PHOTO, Cause.UNEXPLAINED),
)


@dataclass(frozen=True)
class Beyond:
    """What whole pictures tell.

    Attributes:
        faults: of single rows.
        findings: of whole sets.
        explained: rows whose labels lie elsewhere, so that their crops say nothing.
        wrong: rows of sets that have a fault as a whole.
    """

    faults: list[Fault] = field(default_factory=list)
    findings: list[Fault] = field(default_factory=list)
    explained: frozenset[int] = frozenset()
    wrong: frozenset[int] = frozenset()


def look_beyond(
    faces: Samples,
    places: Places,
    seen: Mapping[int, SeenPicture],
    picture: NDArray[np.int64],
    sets: NDArray[np.int64],
    share: float = 1.0,
) -> Beyond:
    """Find labels that lie elsewhere in their pictures.

    Args:
        places: where faces have the points.
        seen: the faces of the pictures of some rows.
        picture: (N,) number of the picture of each row.
        sets: (N,) the set that each row comes from.
        share: of the rows that may be wrong, those that `seen` has.
    """
    mirror = faces.landmarks.mirror if faces.landmarks.mirrorable else None
    placed = {row: places.of(row, one) for row, one in seen.items()}
    far: dict[int, FarLabel] = {}
    for row, one in placed.items():
        found = far_label(places.labels[row], faces.labelled[row], one, mirror)
        if found is not None:
            far[row] = found
    faults: list[Fault] = []
    findings: list[Fault] = []
    wrong: set[int] = set()
    for number in np.unique(sets):
        rows = [row for row in far if sets[row] == number]
        of_set = [row for row in placed if sets[row] == number and len(placed[row].eyes)]
        count = max(len(of_set), share * float(faces.labelled[sets == number].any(axis=1).sum()))
        same = _same_mistake(far, rows, count, placed)
        whole = None
        if same:
            also = _also(faces, places.labels, far, placed, same, of_set, mirror)
            whole = _of_set(faces, far, placed, same, also, len(of_set))
        whole = whole or _mirrored_set(faces, places.labels, placed, of_set, mirror)
        if whole is not None:
            findings.append(whole)
            wrong.update(np.flatnonzero(sets == number).tolist())
    for row, one in far.items():
        if row not in wrong and one.kind != "here":
            faults.append(_of_row(faces, row, one, placed[row]))
    explained = {fault.rows[0] for fault in faults}
    here = {r: one for r, one in far.items() if one.kind == "here" and r not in wrong}
    faults += labels_on_another_face(faces, places.labels, here, placed, picture, sets)
    return Beyond(faults, findings, frozenset(explained), frozenset(wrong))


def search(
    faces: Samples,
    readings: Readings,
    expected: Expectation,
    places: Places,
    opinion: SecondOpinion,
    pictures: Pictures | None,
    sets: NDArray[np.int64],
) -> Beyond:
    """`look_beyond` at the pictures that are worth it.

    Args:
        readings: of the images of `faces`.
        expected: where labels are expected.
        pictures: whole pictures; None: the images, if they are whole pictures.
    """
    if pictures is None and faces.frame is not None:
        return Beyond()
    own = np.arange(len(faces), dtype=np.int64)
    picture = own if pictures is None else pictures.picture
    every = [int(row) for row in np.flatnonzero(faces.labelled.any(axis=1))]
    if pictures is None:
        return look_beyond(faces, places, see_crops(faces, readings, every), picture, sets)
    rows, share = rows_to_see(faces, readings, expected, picture)
    seen = see_pictures(faces, rows, pictures, opinion)
    found = look_beyond(faces, places, seen, picture, sets, share)
    rest = [row for row in every if row in found.wrong and row not in seen]
    if rest:  # all rows of a set that is wrong as a whole are mended
        seen.update(see_pictures(faces, rest, pictures, opinion))
        found = look_beyond(faces, places, seen, picture, sets)
    return found


def merged(
    faults: list[Fault], findings: list[Fault], beyond: Beyond, whole: list[Fault]
) -> tuple[list[Fault], list[Fault]]:
    """Faults and findings with those of whole pictures and sets. What the crops told of rows whose
    labels lie elsewhere is left out, and changes of scheme where a set is wrong as a whole."""
    wrong = set(beyond.wrong)
    for one in whole:
        if one.cause in _ORDERS:
            wrong.update(one.rows)
    told = {
        one.rows[0]
        for one in faults
        if one.cause in _OF_CROPS
        and one.suggestion
        and one.confidence >= _TOLD
        and one.cause not in (Cause.NO_FACE, Cause.NOT_A_PHOTO, Cause.OTHER_FACE)
    }
    scaled = {row for one in whole if one.cause is Cause.WRONG_SCALE for row in one.rows}
    faults = [one for one in faults if not (one.rows[0] in scaled and one.cause in _SCALES)]
    new = [one for one in beyond.faults if one.rows[0] not in told and one.rows[0] not in wrong]
    new = [one for one in new if not (one.rows[0] in scaled and one.cause in _SCALES)]
    gone = wrong | ({one.rows[0] for one in new} & beyond.explained)
    kept = [one for one in faults if not (one.rows[0] in gone and one.cause in _OF_CROPS)]
    findings = [
        one
        for one in findings
        if not (one.cause is Cause.SCHEME_CHANGE and wrong.intersection(one.rows))
    ]
    return kept + new, beyond.findings + whole + findings


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
    own = tuple(_mend(faces, kind, value, placed[row]) for row in every)
    evidence = (
        f"In {len(rows)} of {count} pictures of the set, the points lie {_times(before)} from the "
        f"face; {_words(kind, value)} they lie {percent(after)} of it from there."
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


def _of_row(faces: Samples, row: int, one: FarLabel, place: PlacedFaces) -> Fault:
    """The fault of a label that lies elsewhere."""
    where = "another face" if one.on not in (-1, one.face) else "no face"
    evidence = (
        f"The label lies on {where} of the picture, {_times(one.before)} from the nearest points; "
        f"{_words(one.kind, one.value)} it lies {percent(one.after)} of it from "
        f"{'the points of a face' if where == 'no face' else 'those of a second one'}."
    )
    suggestion = _mend(faces, one.kind, one.value, place)
    return Fault((row,), one.cause, faces.landmarks.names, 0.93, evidence, suggestion)


def _times(distance: float) -> str:
    return (
        f"{percent(distance)} of the eye distance"
        if distance < 2
        else (f"{distance:.1f} eye distances")
    )


def _words(kind: str, value: complex) -> str:
    """How a mistake is undone, as the start of a clause."""
    if kind == "shifted":
        return f"shifted by ({value.real:+.1f}, {value.imag:+.1f}) pixels"
    if kind == "resized":
        return f"resized by a factor of {value.real:.3f}"
    return {
        "mirrored": "mirrored in the picture",
        "mirrored and exchanged": "mirrored in the picture, with left and right exchanged,",
        "transposed": "with x and y exchanged",
        "upside down": "turned by 180 degrees in the picture",
    }.get(kind, "turned by 90 degrees in the picture")


def _mend(faces: Samples, kind: str, value: complex, place: PlacedFaces) -> tuple[Change, ...]:
    matrix = transform_of(kind, value, place.width, place.height)
    changes = [Change("transform", matrix, in_picture=True)]
    if kind == "mirrored and exchanged":
        names, mirror = faces.landmarks.names, faces.landmarks.mirror
        order = {names[k]: names[m] for k, m in enumerate(mirror) if k != m}
        changes.append(Change("reorder", order))
    return tuple(changes)
