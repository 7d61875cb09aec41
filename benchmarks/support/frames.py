"""Frames of faces: the place, size and turn of a face, and boxes of faces that nobody labelled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_FACE

__all__ = ["Frame", "Move", "detection_of", "frame_of", "moved", "same", "unlabelled"]

REAL = Path(__file__).with_name("unlabelled.json")
CENTER, SIZE = 0.4, 1.8


@dataclass(frozen=True)
class Frame:
    """A face: center and longer side of its frame in pixels, and degrees clockwise."""

    x: float
    y: float
    side: float
    angle: float


Move = NDArray[np.float64]
"""Shift right and down in the turned box in shares of its size, and factor of the size, (3,)."""


def frame_of(points: NDArray[np.float64], labelled: NDArray[np.bool_] | None = None) -> Frame:
    """Frame of a face: the mean face fitted to its labelled points.

    Args:
        points: (68, 2) or (70, 2) in pixels.
        labelled: of the same length; None: all.
    """
    weights = None if labelled is None else labelled[:68].astype(np.float64)
    matrix = affine.fit_similarity(MEAN_FACE, points[:68], weights)
    x, y = map(float, matrix[:, 2])
    return Frame(x, y, float(np.hypot(*matrix[:, 0])), affine.rotation_of(matrix))


def detection_of(points: NDArray[np.floating], score: float) -> Detection:
    """The frame of a face's points as a detection."""
    frame = frame_of(np.asarray(points, dtype=np.float64))
    half = frame.side / 2
    return Detection((frame.x - half, frame.y - half, frame.side, frame.side), score, frame.angle)


def moved(detection: Detection, move: Move) -> Frame:
    """A detector's box as a frame."""
    x, y, width, height = detection.box
    size = max(width, height)
    turn = affine.rotation_matrix(detection.angle, (0, 0))[:, :2]
    x, y = (x + width / 2, y + height / 2) + turn @ move[:2] * size
    return Frame(float(x), float(y), size * float(move[2]), detection.angle)


def same(one: Frame, face: Frame) -> bool:
    """True if a detected frame is that of a labelled face."""
    far = np.hypot(one.x - face.x, one.y - face.y)
    return bool(far < CENTER * face.side and 1 / SIZE < one.side / face.side < SIZE)


@cache
def _real() -> dict[str, list[list[float]]]:
    return json.loads(REAL.read_text(encoding="utf-8"))


def unlabelled(photo: str) -> Sequence[Frame]:
    """Faces in a photo that nobody labelled, listed by hand.

    Args:
        photo: name of a face in `faces.FaceSet.names`.
    """
    listed = _real().get(photo.partition("#")[0], [])
    return [Frame(x, y, side, 0) for x, y, side in listed]
