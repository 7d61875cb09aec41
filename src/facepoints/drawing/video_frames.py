"""Faces drawn into the frames of a video: quickly, and each track in a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.inference.face import Face

__all__ = ["COLORS", "draw_video_faces"]

Colour = tuple[int, int, int]

COLORS: tuple[Colour, ...] = (
    # told apart by people who see colours differently (Okabe and Ito 2008), light ones first
    (255, 160, 0),
    (86, 200, 255),
    (0, 220, 150),
    (240, 228, 66),
    (255, 120, 70),
    (230, 140, 200),
    (120, 150, 255),
)
_BITS = 4  # after the point, in the coordinates that are drawn at
_DARK: Colour = (16, 16, 16)


def draw_video_faces(
    image: NDArray[np.uint8], faces: Sequence[Face], *, radius: bool = False
) -> NDArray[np.uint8]:
    """A copy of a frame (H, W, 3) RGB with faces: points, edges and number of the track.

    Args:
        radius: show the radius of each point as well, as a thin circle.
    """
    canvas = np.ascontiguousarray(image).copy()
    for face in faces:
        colour = COLORS[(face.track_id or 0) % len(COLORS)]
        side = max(face.box[2:])
        dot = max(1.0, side / 130)
        # far outside, fixed-point coordinates would overflow
        limit = 4.0 * max(canvas.shape)
        points = np.clip(np.nan_to_num(face.points.astype(np.float64)), -limit, limit)
        fixed = np.rint(points * (1 << _BITS)).astype(np.int32)
        ends = [fixed[[a, b]] for a, b in face.landmarks.edge_columns]
        line = max(1, round(dot * 0.6))
        cv2.polylines(canvas, ends, False, colour, line, cv2.LINE_AA, _BITS)
        for place, wide in zip(fixed.tolist(), face.radius, strict=True):
            if radius:
                _circle(canvas, place, min(float(wide), limit), colour, 1)
            _circle(canvas, place, dot * 1.6, _DARK, -1)
            _circle(canvas, place, dot, colour, -1)
        if face.track_id is not None:
            _number(canvas, face, colour)
    return canvas


def _circle(
    canvas: NDArray[np.uint8], place: list[int], radius: float, colour: Colour, width: int
) -> None:
    size = round(radius * (1 << _BITS))
    cv2.circle(canvas, (place[0], place[1]), size, colour, width, cv2.LINE_AA, _BITS)


def _number(canvas: NDArray[np.uint8], face: Face, colour: Colour) -> None:
    x, y, width, _ = face.box
    size = float(np.clip(width / 160, 0.4, 2.0))
    limit = 4 * max(canvas.shape)
    left, top = np.clip([x, y - 6 * size], -limit, limit)
    place = (round(float(left)), max(round(float(top)), round(22 * size)))
    for tone, thick in ((_DARK, 3), (colour, 1)):
        cv2.putText(
            canvas, str(face.track_id), place, cv2.FONT_HERSHEY_SIMPLEX, size, tone,
            max(1, round(thick * size)), cv2.LINE_AA,
        )  # fmt: skip
