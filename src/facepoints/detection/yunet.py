"""Faces by YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y), run by OpenCV.

The network's file is not part of facepoints; OpenCV's model zoo has it under
``face_detection_yunet``.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.detection.base import Detection
from facepoints.errors import ModelError
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.mean_face import MEAN_BOX, mean_points

__all__ = ["YuNetDetector"]

_SIDE = 1024  # pixels, longer side that larger pictures are shrunk to
_LEAST = 0.3  # score; what the network says below is hardly ever a face
_POINTS = (
    "right_eye_center",
    "left_eye_center",
    "nose_tip",
    "mouth_right_corner",
    "mouth_left_corner",
)


class YuNetDetector:
    """YuNet from the user's own file.

    Args:
        path: the ONNX file.

    Attributes:
        metadata: the checksum of the file, which tells one from another of the same name.

    Raises:
        ModelError: no file there, or none that OpenCV can run as YuNet.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelError(
                f"no file at {path}; expected YuNet as ONNX, from OpenCV's model zoo "
                f"(face_detection_yunet)"
            )
        self._path = path
        try:
            self.metadata = {"checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
        except OSError as error:
            raise ModelError(f"could not read {path}: {error.strerror or error}") from error
        self._lock = threading.Lock()  # it takes a picture's size before the picture
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(0)
        try:
            self._net: Any = cv2.FaceDetectorYN.create(str(path), "", (320, 320), _LEAST)
        except cv2.error as error:
            raise ModelError(f"{path} is not YuNet as OpenCV {cv2.__version__} reads it") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __repr__(self) -> str:
        return f"YuNet({self._path})"

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Places in a picture, (H, W) gray or (H, W, 3) RGB."""
        height, width = image.shape[:2]
        scale = min(1.0, _SIDE / max(height, width))
        new = max(1, round(width * scale)), max(1, round(height * scale))
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        small = cv2.cvtColor(affine.resize(image, *new), code)
        try:
            with self._lock:
                self._net.setInputSize(new)
                rows = self._net.detect(small)[1]
        except cv2.error as error:
            raise ModelError(
                f"{self._path} is not YuNet as OpenCV {cv2.__version__} runs it"
            ) from error
        back = affine.invert(affine.resize_matrix(new[0] / width, new[1] / height))
        return [] if rows is None else [_found(row, back) for row in np.asarray(rows, float)]


def _found(row: NDArray[np.float64], back: affine.Matrix) -> Detection:
    """A row (x, y, w, h, five points, score): the mean face, laid onto the five points, says
    where the box of all 68 is and how it is turned."""
    seen = affine.apply(back, row[4:14].reshape(5, 2))
    mean = mean_points(KAGGLE_15.subset(_POINTS))[0]
    matrix = affine.fit_similarity(mean, seen)
    size = float(np.hypot(*matrix[:, 0]))
    angle = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    x, y = matrix[:, 2]  # the mean face's origin is its box's centre
    width, height = MEAN_BOX[2] * size, MEAN_BOX[3] * size
    return Detection(
        (float(x) - width / 2, float(y) - height / 2, width, height), float(row[14]), angle
    )
