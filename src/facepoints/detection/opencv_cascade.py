"""Faces by the Haar cascades that come with OpenCV (Viola and Jones 2001; Lienhart 2002).

They miss few faces and see many where none are. A model that judges faces drops those, so
little is asked of a place here: two windows that agree.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.detection.base import Detection, map_detection, merge_detections
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray

__all__ = ["OpenCVCascadeDetector", "centred_guesses"]


class _Cascade(NamedTuple):
    """A cascade and where the 68 points' box lies in its windows.

    `right` and `down` are the shift of the box's centre and `size` its longer side, all as
    parts of the window's side. Medians over the windows on 343 photos of LFPW and 576 frames
    of YouTube Faces that meet the labelled face (nobody of the held-out people): a window
    counts if its centre is within a quarter of the box and its size within half as much.
    `smallest` is the smallest window's side as a part of the picture's longer side, but for
    the finder's own limit.
    """

    file: str
    right: float
    down: float
    size: float
    smallest: float
    mirrored: bool = False


_FRONTAL = (
    _Cascade("haarcascade_frontalface_alt2.xml", 0.0, 0.170, 0.90, 0.0),
    _Cascade("haarcascade_frontalface_default.xml", 0.0, 0.162, 0.87, 1 / 16),
)
_PROFILE = (
    _Cascade("haarcascade_profileface.xml", -0.10, 0.165, 0.77, 1 / 12),
    _Cascade("haarcascade_profileface.xml", -0.10, 0.165, 0.77, 1 / 12, mirrored=True),
)

_SURE = 3  # windows that agree from which a cascade alone would say "face"
_HARDER = 400  # pixels, longer side of the picture in further tries
_SLIGHT = 25.0  # degrees


@dataclass(frozen=True)
class OpenCVCascadeDetector:
    """Frontal and profile faces, upright up to about 20 degrees.

    Attributes:
        side: longer side, in pixels, that larger pictures are shrunk to.
        smallest: side of the smallest window, as a part of the picture's longer side.

    Raises:
        SettingsError: a size that is not positive, or an OpenCV without cascades: since
            version 5 it has none.
    """

    side: int = 800
    smallest: float = 0.03

    def __post_init__(self) -> None:
        if not hasattr(cv2, "CascadeClassifier"):
            raise SettingsError(
                f"OpenCV {cv2.__version__} has no cascades; install 'opencv-python-headless<5', "
                f"or take the finder that comes with facepoints (own)"
            )
        if self.side < 24 or not 0 < self.smallest <= 1:
            raise SettingsError(
                f"a cascade looks at pictures of 24 pixels or more for faces of a part in (0, 1] "
                f"of them; got side {self.side}, smallest {self.smallest}"
            )

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Places in a picture, (H, W) gray or (H, W, 3) RGB, surest first."""
        gray, matrix = _shrunk(to_gray(image), self.side)
        found = _windows(gray, (*_FRONTAL, *_PROFILE), 1.1, self.smallest)
        return merge_detections([map_detection(f, matrix) for f in found])

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """Further tries: contrast evened out and finer steps; turned a little either way;
        with a margin around the picture, for faces that its border cuts; guesses."""
        gray, matrix = _shrunk(to_gray(image), _HARDER)
        even = np.asarray(cv2.createCLAHE(2.0, (4, 4)).apply(gray), np.uint8)
        found = _windows(even, (*_FRONTAL, *_PROFILE), 1.05, 0.0)
        yield merge_detections([map_detection(f, matrix) for f in found])
        found = []
        for angle in (-_SLIGHT, _SLIGHT):
            turned, turn = _turned(even, angle)
            whole = affine.compose(matrix, turn)
            found += [map_detection(f, whole) for f in _windows(turned, _FRONTAL, 1.1, 0.0)]
        yield merge_detections(found)
        margin = max(gray.shape) // 4
        wide = np.pad(even, margin, mode="edge")
        shift = np.array([[1.0, 0, margin], [0, 1, margin]])
        found = _windows(wide, (*_FRONTAL, *_PROFILE), 1.1, 0.0)
        yield merge_detections([map_detection(f, affine.compose(matrix, shift)) for f in found])
        yield centred_guesses(image.shape[1], image.shape[0])


def centred_guesses(width: int, height: int) -> list[Detection]:
    """Where faces are in portraits and in pictures that others cut to faces."""
    side = min(width, height)
    guesses = []
    for part in (0.85, 0.6, 0.4):
        size = side * part
        for right, down in ((0, 0), (0, -0.25), (0, 0.25), (-0.25, 0), (0.25, 0)):
            x = (width - 1) / 2 + right * (width - size) - size / 2
            y = (height - 1) / 2 + down * (height - size) - size / 2
            guesses.append(Detection((x, y, size, size), 0.1))
    return guesses


def _shrunk(gray: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], affine.Matrix]:
    """A picture of at most `side` pixels, and the affine to its pixels."""
    height, width = gray.shape
    scale = min(1.0, side / max(height, width))
    new = max(1, round(width * scale)), max(1, round(height * scale))
    return affine.resize(gray, *new), affine.resize_matrix(scale, scale)


def _turned(gray: NDArray[np.uint8], angle: float) -> tuple[NDArray[np.uint8], affine.Matrix]:
    """A picture turned clockwise about its middle, its corners cut, and the affine to it."""
    height, width = gray.shape
    turn = affine.rotation_matrix(angle, ((width - 1) / 2, (height - 1) / 2))
    return affine.warp(gray, turn, width, height), turn


def _windows(
    gray: NDArray[np.uint8], cascades: Sequence[_Cascade], step: float, smallest: float
) -> list[Detection]:
    """What cascades see in a gray picture, in its pixels.

    Args:
        step: factor from one size of windows to the next.
        smallest: side of the smallest window as a part of the picture's longer side.
    """
    found = []
    width = gray.shape[1]
    for cascade in cascades:
        part = max(smallest, cascade.smallest if smallest else 0.0)
        least = max(20, round(max(gray.shape) * part))
        seen = np.ascontiguousarray(gray[:, ::-1]) if cascade.mirrored else gray
        windows, votes = _classifier(cascade.file).detectMultiScale2(
            seen, scaleFactor=step, minNeighbors=1, minSize=(least, least)
        )
        for (x, y, side, _), count in zip(windows, votes, strict=True):
            right = x + side * (0.5 + cascade.right) - 0.5
            center = width - 1 - right if cascade.mirrored else right
            size, top = side * cascade.size, y + side * (0.5 + cascade.down) - 0.5
            score = float(count) / (float(count) + _SURE)
            found.append(Detection((center - size / 2, top - size / 2, size, size), score))
    return found


_loaded = threading.local()  # a classifier serves one thread at a time


def _classifier(file: str) -> cv2.CascadeClassifier:
    known: dict[str, cv2.CascadeClassifier] = _loaded.__dict__.setdefault("known", {})
    if file not in known:
        path = Path(cv2.__file__).parent / "data" / file
        known[file] = cv2.CascadeClassifier(str(path))
        if known[file].empty():
            raise SettingsError(
                f"OpenCV came without its cascade {path}; install opencv-python-headless 4.x, "
                f"or choose another finder"
            )
    return known[file]
