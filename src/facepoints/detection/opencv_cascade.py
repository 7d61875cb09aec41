"""Face detection by the Haar cascades of OpenCV (Viola and Jones 2001; Lienhart 2002).

They miss few faces and have many false positives. A landmark model with a face score drops those,
so a detection needs only two windows that agree.
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

__all__ = ["OpenCVCascadeDetector"]


class _Cascade(NamedTuple):
    """A cascade and where the box of the 68 landmarks lies in its windows.

    `right` and `down` are the shift of the box's center and `size` its longer side, all as
    fractions of the window's side. They are medians over the windows that hit the labeled face
    on 343 photos of LFPW and 576 frames of YouTube Faces (none of the held-out people). A window
    hits if its center is within a quarter of the box and its size within half of the box's.
    `smallest` is the side of the smallest window as a fraction of the image's longer side, if
    that is above the detector's own limit.
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

_HALF_SCORE_VOTES = 3  # windows that must agree for a score of 0.5
_FALLBACK_SIDE = 400  # longer side in pixels that images are resized to in fallback passes
_TILT = 25.0  # degrees that images are rotated by in a fallback pass


@dataclass(frozen=True)
class OpenCVCascadeDetector:
    """Detects frontal and profile faces that are rotated by up to about 20 degrees.

    Attributes:
        side: longer side in pixels that larger images are resized to. Larger: smaller faces are
            found, slower.
        smallest: side of the smallest window, as a fraction of the image's longer side, (0, 1].
            Smaller: smaller faces are found, slower, more false positives.

    Raises:
        SettingsError: a size out of range, or an OpenCV without cascades (version 5 and later).
    """

    side: int = 800
    smallest: float = 0.03

    def __post_init__(self) -> None:
        if not hasattr(cv2, "CascadeClassifier"):
            raise SettingsError(
                f"OpenCV {cv2.__version__} has no cascades; install 'opencv-python-headless<5', "
                f"or choose the detector 'builtin'"
            )
        if self.side < 24 or not 0 < self.smallest <= 1:
            raise SettingsError(
                f"a cascade needs a side of 24 pixels or more and a smallest window in (0, 1]; got "
                f"side {self.side}, smallest {self.smallest}"
            )

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Detections in an image, (H, W) gray or (H, W, 3) RGB, most confident first."""
        gray, matrix = _resized(to_gray(image), self.side)
        windows = _windows(gray, (*_FRONTAL, *_PROFILE), 1.1, self.smallest)
        return merge_detections([map_detection(d, matrix) for d in windows])

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """Detections of further passes: with equalized contrast and finer steps; in the image
        rotated a little either way; with a margin around the image, for faces that its border
        cuts; guesses."""
        gray, matrix = _resized(to_gray(image), _FALLBACK_SIDE)
        even = np.asarray(cv2.createCLAHE(2.0, (4, 4)).apply(gray), np.uint8)
        windows = _windows(even, (*_FRONTAL, *_PROFILE), 1.05, 0.0)
        yield merge_detections([map_detection(d, matrix) for d in windows])
        detections = []
        for angle in (-_TILT, _TILT):
            rotated, rotation = _rotated(even, angle)
            whole = affine.compose(matrix, rotation)
            detections += [map_detection(d, whole) for d in _windows(rotated, _FRONTAL, 1.1, 0.0)]
        yield merge_detections(detections)
        margin = max(gray.shape) // 4
        wide = np.pad(even, margin, mode="edge")
        whole = affine.compose(matrix, np.array([[1.0, 0, margin], [0, 1, margin]]))
        windows = _windows(wide, (*_FRONTAL, *_PROFILE), 1.1, 0.0)
        yield merge_detections([map_detection(d, whole) for d in windows])
        yield centered_guesses(image.shape[1], image.shape[0])


def centered_guesses(width: int, height: int) -> list[Detection]:
    """Likely boxes in portraits and in images that are cropped to a face."""
    side = min(width, height)
    guesses = []
    for part in (0.85, 0.6, 0.4):
        size = side * part
        for right, down in ((0, 0), (0, -0.25), (0, 0.25), (-0.25, 0), (0.25, 0)):
            x = (width - 1) / 2 + right * (width - size) - size / 2
            y = (height - 1) / 2 + down * (height - size) - size / 2
            guesses.append(Detection((x, y, size, size), 0.1))
    return guesses


def _resized(gray: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], affine.Matrix]:
    """An image of at most `side` pixels, and the affine to its pixels."""
    height, width = gray.shape
    scale = min(1.0, side / max(height, width))
    new = max(1, round(width * scale)), max(1, round(height * scale))
    return affine.resize(gray, *new), affine.resize_matrix(scale, scale)


def _rotated(gray: NDArray[np.uint8], angle: float) -> tuple[NDArray[np.uint8], affine.Matrix]:
    """An image rotated clockwise about its center, with its corners cut, and the affine to it."""
    height, width = gray.shape
    rotation = affine.rotation_matrix(angle, ((width - 1) / 2, (height - 1) / 2))
    return affine.warp(gray, rotation, width, height), rotation


def _windows(
    gray: NDArray[np.uint8], cascades: Sequence[_Cascade], step: float, smallest: float
) -> list[Detection]:
    """Detections of cascades in a gray image, in its pixels.

    Args:
        step: factor from one size of windows to the next.
        smallest: side of the smallest window as a fraction of the image's longer side.
    """
    detections = []
    width = gray.shape[1]
    for cascade in cascades:
        part = max(smallest, cascade.smallest if smallest else 0.0)
        least = max(20, round(max(gray.shape) * part))
        searched = np.ascontiguousarray(gray[:, ::-1]) if cascade.mirrored else gray
        windows, votes = _classifier(cascade.file).detectMultiScale2(
            searched, scaleFactor=step, minNeighbors=1, minSize=(least, least)
        )
        for (x, y, side, _), count in zip(windows, votes, strict=True):
            right = x + side * (0.5 + cascade.right) - 0.5
            center = width - 1 - right if cascade.mirrored else right
            size, top = side * cascade.size, y + side * (0.5 + cascade.down) - 0.5
            score = float(count) / (float(count) + _HALF_SCORE_VOTES)
            detections.append(Detection((center - size / 2, top - size / 2, size, size), score))
    return detections


_loaded = threading.local()  # a classifier serves one thread at a time


def _classifier(file: str) -> cv2.CascadeClassifier:
    known: dict[str, cv2.CascadeClassifier] = _loaded.__dict__.setdefault("known", {})
    if file not in known:
        path = Path(cv2.__file__).parent / "data" / file
        known[file] = cv2.CascadeClassifier(str(path))
        if known[file].empty():
            raise SettingsError(
                f"OpenCV's cascade {path} is missing; install opencv-python-headless 4.x, "
                f"or choose another detector"
            )
    return known[file]
