"""Names for points that a file numbers, if they lie where points of these names lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.notes import Notes
from facepoints.landmarks.known_sets import (
    AMBIGUOUS_NUMBERS,
    KNOWN_SETS,
    known_or_plain,
    numbered_set,
)
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["set_of_numbered_points"]

_ACROSS = (
    "right_eye_outer_corner",
    "right_eye_inner_corner",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
)
_DOWN = ("right_eye_inner_corner", "mouth_right_corner", "chin")
_ENOUGH = 0.5  # of the faces; some lie on their side, or are profiles


def set_of_numbered_points(
    faces: Sequence[NDArray[np.float32]], name: str, notes: Notes, *, expected: bool = False
) -> tuple[LandmarkSet, str]:
    """The landmark set and the marking scheme of faces whose points have no names.

    The number of points decides (`known_sets.numbered_set`). Several data sets have 29, 98 or 106
    points, in different orders. So the names of these sets are taken only if the eyes, the mouth
    and the chin lie in their order in half of the faces or more. Either way, a note says so.

    Args:
        faces: at least one; (K, 2) points each, NaN where not labeled.
        name: of the first face, for the note.
        notes: gets what the points are taken for.
        expected: the format is that of one of these data sets, so points that lie as they should
            need no note.
    """
    count = len(faces[0])
    landmarks, scheme = numbered_set(count)
    needed = {*_ACROSS, *_DOWN}
    if scheme not in AMBIGUOUS_NUMBERS or not needed <= set(landmarks.names):
        return landmarks, scheme
    like = next(each for each, known in KNOWN_SETS.items() if known == landmarks)
    if _in_order(np.stack(faces), landmarks) >= _ENOUGH:
        if not expected:
            what = f"{count} points without names are taken for those of {like}, by their places"
            notes.add(what, name)
        return landmarks, scheme
    notes.add(f"{count} points do not lie like those of {like}, so they are numbered from 0", name)
    return known_or_plain([str(number) for number in range(count)]), f"{count}-point"


def _in_order(points: NDArray[np.float32], landmarks: LandmarkSet) -> float:
    """The fraction of faces (N, K, 2) whose eyes, mouth and chin lie in their usual order."""
    across = points[:, landmarks.columns(_ACROSS), 0]
    down = points[:, landmarks.columns(_DOWN), 1]
    steps = np.concatenate([np.diff(across, axis=1), np.diff(down, axis=1)], axis=1)
    right = np.asarray((steps > 0).all(axis=1))
    known = np.isfinite(across).all(axis=1) & np.isfinite(down).all(axis=1)
    return float(right[known].mean()) if known.any() else 0.0
