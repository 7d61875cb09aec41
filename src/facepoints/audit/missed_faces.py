"""Labels that lie on one face of a picture, while another face has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.far_labels import FarLabel, PlacedFaces
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.geometry import Complex
from facepoints.audit.naming import percent
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples

__all__ = ["labels_on_another_face"]

_FEWEST = 10  # rows that show a habit
_ON = 0.25  # eye distances from a face within which a label lies on it
_LARGER = 1.5  # times as large as the labeled face is the one that a label is missed on
_COMPARABLE = 0.5  # least size of a face without a label, over that of a face with two
_SURE_FACE = 0.8  # score of a face that a label is missed on
_ON_LARGEST = 0.9  # share of the labels that lie on the largest face, where this is the habit


def labels_on_another_face(
    faces: Samples,
    labels: Complex,
    here: Mapping[int, FarLabel],
    placed: Mapping[int, PlacedFaces],
    picture: NDArray[np.int64],
    sets: NDArray[np.int64],
) -> list[Fault]:
    """Labels that lie on one face, while another one of the picture has none."""
    of_picture: dict[int, list[int]] = defaultdict(list)
    for row in here:
        of_picture[int(picture[row])].append(row)
    largest = [
        placed[row].eyes.argmax() == one.face
        for row, one in here.items()
        if len(placed[row].eyes) > 1 and len(of_picture[int(picture[row])]) == 1
    ]
    habit = len(largest) >= _FEWEST and float(np.mean(largest)) >= _ON_LARGEST
    faults = []
    for rows in of_picture.values():
        place = placed[rows[0]]
        taken = {here[row].face for row in rows if here[row].before < _ON}
        every = np.flatnonzero(picture == picture[rows[0]])
        free = [f for f in range(len(place.eyes)) if _is_free(faces, labels, place, f, every)]
        free = [f for f in free if f not in taken and place.score[f] >= _SURE_FACE]
        if not free:
            continue
        best = max(free, key=lambda f: place.eyes[f])
        for face in taken:
            on = [row for row in rows if here[row].face == face]
            ratio = float(place.eyes[best] / place.eyes[face])
            if len(on) > 1 and ratio > _COMPARABLE and len(set(sets[on])) == 1:
                text = f"Rows {on[0]} and {on[1]} label the same face, and another one has no label"
                faults.append(_missed(faces, on[1], place, best, f"{text}.", 0.8))
            elif len(rows) == len(every) == 1 and habit and ratio > _LARGER:
                text = (
                    f"The label lies on a face while another one, {ratio:.1f} times as large, has "
                    f"none; {percent(float(np.mean(largest)))} of such labels lie on the largest."
                )
                faults.append(_missed(faces, on[0], place, best, text, 0.5))
    return faults


def _is_free(
    faces: Samples, labels: Complex, place: PlacedFaces, face: int, rows: NDArray[np.intp]
) -> bool:
    """True if no label of the picture has its middle on a face."""
    middle = np.nanmean(place.points[face])
    for row in rows:
        mask = faces.labelled[row]
        if mask.any() and abs(labels[row, mask].mean() - middle) < place.eyes[face]:
            return False
    return True


def _missed(
    faces: Samples, row: int, place: PlacedFaces, face: int, text: str, confidence: float
) -> Fault:
    known = np.flatnonzero(faces.labelled[row] & np.isfinite(place.points[face]))
    names = faces.landmarks.names
    at = place.points[face]
    moves = {names[k]: [round(float(at[k].real), 2), round(float(at[k].imag), 2)] for k in known}
    change = Change("move", moves, in_picture=True)
    points = tuple(names[k] for k in known)
    return Fault((row,), Cause.OTHER_FACE, points, confidence, text, (change,))
