"""Colors of tracks, edges between points and hidden points, shared by all drawings of faces."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["DARK", "TRACK_COLORS", "Color", "as_color", "edges", "hidden_points", "track_color"]

Color = tuple[int, int, int]
"""RGB, [0, 255]."""

TRACK_COLORS: tuple[Color, ...] = (
    (64, 232, 232),
    (255, 184, 56),
    (255, 130, 190),
    (150, 240, 90),
    (178, 156, 255),
    (255, 236, 100),
    (255, 128, 100),
    (110, 190, 255),
)
"""Colors of the tracks in turn. All are light and are drawn with a dark rim, so that each shows on
light and dark images."""

DARK: Color = (16, 16, 16)
"""Rim around dots and digits."""


def track_color(track_id: int | None) -> Color:
    """The color of a track; faces without a track have the first."""
    return TRACK_COLORS[(track_id or 0) % len(TRACK_COLORS)]


def as_color(color: object) -> Color:
    """A color that a caller gave. Raises DataError if it is not RGB with values from 0 to 255."""
    try:
        red, green, blue = (operator.index(part) for part in color)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        red = green = blue = -1
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise DataError(
            f"a color is three whole numbers (red, green, blue) from 0 to 255, got {color!r:.60}"
        )
    return red, green, blue


def edges(landmarks: LandmarkSet, shown: NDArray | None = None) -> list[tuple[int, int]]:
    """Column numbers of the edges to draw.

    Args:
        landmarks: names the points and their edges.
        shown: (K,) bool, the points that are drawn; None: all. Edges need both ends.
    """
    pairs = landmarks.edge_columns
    return [(a, b) for a, b in pairs if shown is None or (shown[a] and shown[b])]


def hidden_points(face: Face) -> NDArray[np.bool_]:
    """Mask (K,) of the points of a face that are hidden; none if their visibility is unknown."""
    if face.visible is None:
        return np.zeros(len(face.landmarks), dtype=bool)
    return face.visible < HIDDEN
