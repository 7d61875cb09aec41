"""Faults that whole pictures show: labels far off, and labels on another face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.far_labels import (
    FarLabel,
    PlacedFaces,
    Places,
    far_label,
    how_undone,
    mend_of,
    times_of_eyes,
)
from facepoints.audit.far_sets import far_set_fault
from facepoints.audit.fault import Cause, Fault
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
from facepoints.datasets.samples import Samples

__all__ = ["FarFaults", "find_far_faults", "search_pictures", "with_far_faults"]

_TOLD = 0.9  # confidence from which a fault that a crop shows is not looked for elsewhere
_ORDERS = (Cause.LEFT_RIGHT_SWAPPED, Cause.PAIR_SWAPPED, Cause.WRONG_ORDER)
_SCALES = (Cause.WRONG_SCALE, Cause.OFFSET)  # what a scaled set has in single rows
_OF_CROPS = (
    *_ORDERS,
    *(Cause.POINT_OFF, Cause.OTHER_FACE, Cause.MIRRORED_IMAGE, Cause.TURNED_IMAGE),
    *(Cause.WRONG_SCALE, Cause.OFFSET, Cause.NO_FACE, Cause.NOT_A_PHOTO, Cause.UNEXPLAINED),
)


@dataclass(frozen=True)
class FarFaults:
    """What whole pictures show.

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


def find_far_faults(
    faces: Samples,
    places: Places,
    seen: Mapping[int, SeenPicture],
    picture: NDArray[np.int64],
    sets: NDArray[np.int64],
    share: float = 1.0,
) -> FarFaults:
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
        of_set = [row for row in placed if sets[row] == number and len(placed[row].eyes)]
        count = max(len(of_set), share * float(faces.labelled[sets == number].any(axis=1).sum()))
        whole = far_set_fault(faces, places.labels, far, placed, of_set, count, mirror)
        if whole is not None:
            findings.append(whole)
            wrong.update(np.flatnonzero(sets == number).tolist())
    for row, one in far.items():
        if row not in wrong and one.kind != "here":
            faults.append(_of_row(faces, row, one, placed[row]))
    explained = {fault.rows[0] for fault in faults}
    here = {r: one for r, one in far.items() if one.kind == "here" and r not in wrong}
    faults += labels_on_another_face(faces, places.labels, here, placed, picture, sets)
    return FarFaults(faults, findings, frozenset(explained), frozenset(wrong))


def search_pictures(
    faces: Samples,
    readings: Readings,
    expected: Expectation,
    places: Places,
    opinion: SecondOpinion,
    pictures: Pictures | None,
    sets: NDArray[np.int64],
) -> FarFaults:
    """`find_far_faults` at the pictures that are worth it.

    Args:
        readings: of the images of `faces`.
        expected: where labels are expected.
        pictures: whole pictures; None: the images, if they are whole pictures.
    """
    if pictures is None and faces.frame is not None:
        return FarFaults()
    own = np.arange(len(faces), dtype=np.int64)
    picture = own if pictures is None else pictures.picture
    every = [int(row) for row in np.flatnonzero(faces.labelled.any(axis=1))]
    if pictures is None:
        return find_far_faults(faces, places, see_crops(faces, readings, every), picture, sets)
    rows, share = rows_to_see(faces, readings, expected, picture)
    seen = see_pictures(faces, rows, pictures, opinion)
    found = find_far_faults(faces, places, seen, picture, sets, share)
    rest = [row for row in every if row in found.wrong and row not in seen]
    if rest:  # all rows of a set that is wrong as a whole are mended
        seen.update(see_pictures(faces, rest, pictures, opinion))
        found = find_far_faults(faces, places, seen, picture, sets)
    return found


def with_far_faults(
    faults: list[Fault], findings: list[Fault], far: FarFaults, whole: list[Fault]
) -> tuple[list[Fault], list[Fault]]:
    """Faults and findings with those of whole pictures and sets. What the crops told of rows whose
    labels lie elsewhere is left out, and changes of scheme where a set is wrong as a whole."""
    wrong = set(far.wrong)
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
    new = [one for one in far.faults if one.rows[0] not in told and one.rows[0] not in wrong]
    new = [one for one in new if not (one.rows[0] in scaled and one.cause in _SCALES)]
    gone = wrong | ({one.rows[0] for one in new} & far.explained)
    kept = [one for one in faults if not (one.rows[0] in gone and one.cause in _OF_CROPS)]
    findings = [
        one
        for one in findings
        if not (one.cause is Cause.SCHEME_CHANGE and wrong.intersection(one.rows))
    ]
    return kept + new, far.findings + whole + findings


def _of_row(faces: Samples, row: int, one: FarLabel, place: PlacedFaces) -> Fault:
    """The fault of a label that lies elsewhere."""
    where = "another face" if one.on not in (-1, one.face) else "no face"
    evidence = (
        f"The label lies on {where} of the picture, {times_of_eyes(one.before)} from the nearest "
        f"points; {how_undone(one.kind, one.value)} it lies {percent(one.after)} of it from "
        f"{'the points of a face' if where == 'no face' else 'those of a second one'}."
    )
    suggestion = mend_of(faces, one.kind, one.value, place)
    return Fault((row,), one.cause, faces.landmarks.names, 0.93, evidence, suggestion)
