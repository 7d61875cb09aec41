"""Face detection by YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y), run by OpenCV.

The network's file is not part of facepoints. OpenCV's model zoo has it under
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

_SIDE = 1024  # longer side in pixels that larger images are resized to
_MIN_SCORE = 0.3  # detections below are hardly ever faces
_POINTS = (
    "right_eye_center",
    "left_eye_center",
    "nose_tip",
    "mouth_right_corner",
    "mouth_left_corner",
)


class YuNetDetector:
    """YuNet from the user's own file. A detector can be pickled and copied.

    Args:
        path: the ONNX file.

    Attributes:
        checksum: SHA-256 of the file, which distinguishes versions of the same name.

    Raises:
        ModelError: there is no file, or OpenCV cannot run it as YuNet.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelError(
                f"no file at {path}; expected YuNet as ONNX, from OpenCV's model zoo "
                f"(face_detection_yunet)"
            )
        self._path = path
        try:
            self.checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(f"could not read {path}: {error.strerror or error}") from error
        self._lock = threading.Lock()  # the image size and the image are set in two calls
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(0)
        try:
            self._net: Any = cv2.FaceDetectorYN.create(str(path), "", (320, 320), _MIN_SCORE)
        except cv2.error as error:
            raise ModelError(f"{path} is not YuNet as OpenCV {cv2.__version__} reads it") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __repr__(self) -> str:
        return f"YuNetDetector({self._path})"

    def __reduce__(self) -> tuple[Any, ...]:
        return YuNetDetector, (self._path.absolute(),)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Detections in an image, (H, W) gray or (H, W, 3) RGB."""
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
        return [] if rows is None else [_detection(row, back) for row in np.asarray(rows, float)]


def _detection(row: NDArray[np.float64], back: affine.Matrix) -> Detection:
    """The detection of a row (x, y, w, h, five points, score).

    YuNet's box is another one than ours. The mean face, fitted to the five points, gives the box
    of the 68 landmarks and the angle.
    """
    points = affine.apply(back, row[4:14].reshape(5, 2))
    mean = mean_points(KAGGLE_15.subset(_POINTS))[0]
    matrix = affine.fit_similarity(mean, points)
    size = float(np.hypot(*matrix[:, 0]))
    angle = affine.rotation_of(matrix)
    x, y = matrix[:, 2]  # the origin of the mean face is the center of its box
    width, height = MEAN_BOX[2] * size, MEAN_BOX[3] * size
    return Detection(
        (float(x) - width / 2, float(y) - height / 2, width, height), float(row[14]), angle
    )
