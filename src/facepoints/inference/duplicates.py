"""Each face once: faces that were found several times are told by their boxes and directions.

Two people can overlap in a photo, cheek to cheek. But no two faces overlap where one is upside down
or lies across the other. Such a second face is a wrong reading of the first, as when brows are
taken for a mouth; its box lies off the first one's, so a small overlap tells it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_degrees
from facepoints.detection import overlap_of_smaller
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.face import Face

__all__ = ["SAME_OVERLAP", "TURNED", "TURNED_OVERLAP", "direction_of", "without_duplicates"]

SAME_OVERLAP = 0.5
"""Faces are the same if more than this fraction of the smaller box is shared,"""
TURNED_OVERLAP = 0.1
"""or more than this if their directions differ"""
TURNED = 70.0
"""by more than this, in degrees."""


def without_duplicates(faces: Sequence[Face], canonical: NDArray[np.floating]) -> list[Face]:
    """The best of every group of faces that are the same, highest score first.

    The best has the highest score; between nearly equal scores the smallest radii, as a fraction
    of the face's size. A model is sure of a face that it sees the right way up.

    Args:
        canonical: (K, 2), the points of an upright face.
    """

    def rank(face: Face) -> float:
        return face.score - float(face.radius.mean()) / max(*face.box[2:], 1e-6)

    kept: list[tuple[Face, float]] = []
    for face in sorted(faces, key=rank, reverse=True):
        direction = direction_of(face, canonical) if len(faces) > 1 else 0.0
        if not any(_is_same(face, direction, *other) for other in kept):
            kept.append((face, direction))
    return sorted((face for face, _ in kept), key=lambda face: -face.score)


def _is_same(one: Face, direction: float, other: Face, other_direction: float) -> bool:
    turned = abs(wrap_degrees(direction - other_direction)) > TURNED
    limit = TURNED_OVERLAP if turned else SAME_OVERLAP
    return overlap_of_smaller(one.box, other.box) > limit


def direction_of(face: Face, canonical: NDArray[np.floating]) -> float:
    """Degrees that a face is turned clockwise against the upright face (K, 2); 0 if its points
    define no direction."""
    try:
        return affine.rotation_of(affine.fit_similarity(canonical, face.points))
    except DataError:
        return 0.0
