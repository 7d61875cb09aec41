"""Faces drawn into the frames of a video: faster than `faces.draw`, in the same colors."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.palette import DARK, Color, edges, hidden_points, track_color
from facepoints.inference.face import Face

__all__ = ["draw_video_faces"]

_BITS = 4  # fractional bits of the fixed-point coordinates


def draw_video_faces(
    image: NDArray[np.uint8], faces: Sequence[Face], *, radius: bool = False, hidden: bool = True
) -> NDArray[np.uint8]:
    """A copy of a frame with faces drawn on it: points, edges and track number.

    Hidden points (visibility below 0.5) are rings instead of dots, and their edges are dark.

    Args:
        image: (H, W, 3) RGB uint8. It is not changed.
        faces: in pixels of `image`.
        radius: also draw the 90 % radius of each point as a thin circle.
        hidden: draw hidden points. False: they are left out, with their edges and radii.
    """
    canvas = np.ascontiguousarray(image).copy()
    for face in faces:
        color = track_color(face.track_id)
        side = max(face.box[2:])
        dot = max(1.0, side / 130)
        # far outside, fixed-point coordinates would overflow
        limit = 4.0 * max(canvas.shape)
        points = np.clip(np.nan_to_num(face.points.astype(np.float64)), -limit, limit)
        fixed = np.rint(points * (1 << _BITS)).astype(np.int32)
        guesses = hidden_points(face)
        line = max(1, round(dot * 0.6))
        joined = edges(face.landmarks, None if hidden else ~guesses)
        pairs = np.array(joined, dtype=np.intp).reshape(-1, 2)
        unsure = guesses[pairs].any(axis=1)
        guessed, ends = list(fixed[pairs[unsure]]), list(fixed[pairs[~unsure]])
        cv2.polylines(canvas, guessed, False, _darker(color), 1, cv2.LINE_AA, _BITS)
        cv2.polylines(canvas, ends, False, color, line, cv2.LINE_AA, _BITS)
        small, rim = _fixed(dot), _fixed(dot * 1.6)
        rows = zip(fixed.tolist(), face.radius.tolist(), guesses.tolist(), strict=True)
        for point, radius90, guess in rows:
            if guess and not hidden:
                continue
            if radius:
                _circle(canvas, point, _fixed(min(radius90, limit)), color, 1)
            if guess:
                _circle(canvas, point, rim, _darker(color), line)
                continue
            _circle(canvas, point, rim, DARK, -1)
            _circle(canvas, point, small, color, -1)
        if face.track_id is not None:
            _number(canvas, face, color)
    return canvas


def _darker(color: Color) -> Color:
    red, green, blue = (c // 2 for c in color)
    return red, green, blue


def _fixed(length: float) -> int:
    return round(length * (1 << _BITS))


def _circle(
    canvas: NDArray[np.uint8], point: list[int], radius: int, color: Color, width: int
) -> None:
    """Point and radius are fixed-point numbers."""
    cv2.circle(canvas, point, radius, color, width, cv2.LINE_AA, _BITS)


def _number(canvas: NDArray[np.uint8], face: Face, color: Color) -> None:
    x, y, width, _ = face.box
    size = float(np.clip(width / 160, 0.4, 2.0))
    limit = 4 * max(canvas.shape)
    left, top = np.clip([x, y - 6 * size], -limit, limit)
    corner = (round(float(left)), max(round(float(top)), round(22 * size)))
    for tone, thick in ((DARK, 3), (color, 1)):
        cv2.putText(
            canvas, str(face.track_id), corner, cv2.FONT_HERSHEY_SIMPLEX, size, tone,
            max(1, round(thick * size)), cv2.LINE_AA,
        )  # fmt: skip
