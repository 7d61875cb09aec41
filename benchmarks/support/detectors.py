"""Face detectors side by side: the detections of each in an image file, and the time taken."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.api import load
from facepoints.detection import LOW_SCORE_THRESHOLD, Detection
from facepoints.detection.builtin import BuiltinDetector

from . import peers
from .frames import detection_of
from .ours import points_of

__all__ = ["DETECTORS", "Detect", "Timed", "make_detector"]

WORKER = Path(__file__).with_name("detect_worker.py")


class Timed(NamedTuple):
    """Detections in one image, and the seconds they took without reading the file."""

    detections: list[Detection]
    seconds: float


Detect = Callable[[Path], Timed]


def make_detector(name: str, model: Path | None = None) -> Detect:
    """One of `DETECTORS`. `model`: the file of facepoints' detector; None: the built-in one."""
    if name in ("facepoints", "facepoints any-angle"):
        return _predictor(model, "any-angle" in name)
    if name.startswith("facepoints"):
        return _builtin(int(name.rpartition(" ")[2]), model)
    return _cascade() if name == "cascade" else _mediapipe("full" in name)


DETECTORS = {
    "facepoints": "facepoints",
    "facepoints any-angle": "facepoints, any angle",
    "facepoints 320": "its detector alone",
    "facepoints 512": "its detector alone, 512 px",
    "cascade": "OpenCV's cascade (alt2)",
    "mediapipe": "MediaPipe, short range",
    "mediapipe full": "MediaPipe, full range",
}


def _predictor(model: Path | None, any_angle: bool = False) -> Detect:
    """As in `facepoints predict`: the landmark model scores the faces."""
    own = BuiltinDetector.load(model, min_score=LOW_SCORE_THRESHOLD) if model else "builtin"
    predictor = load(detector=own, any_angle=any_angle)

    def detect(file: Path) -> Timed:
        image = _read(file)
        start = time.perf_counter()
        faces = predictor(image)
        seconds = time.perf_counter() - start
        pairs = zip(points_of(faces), faces, strict=True)
        return Timed([detection_of(points, face.score) for points, face in pairs], seconds)

    return detect


def _builtin(side: int, model: Path | None) -> Detect:
    detector = BuiltinDetector.load(model, side=side)

    def detect(file: Path) -> Timed:
        image = _read(file)
        start = time.perf_counter()
        detections = detector.detect(image)
        return Timed(detections, time.perf_counter() - start)

    return detect


def _cascade() -> Detect:
    """As in OpenCV's tutorial: scale factor 1.1, three neighbors."""
    name = "haarcascade_frontalface_alt2.xml"
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / name))  # pyright: ignore

    def detect(file: Path) -> Timed:
        image = _read(file)
        start = time.perf_counter()
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(gray, 1.1, 3)
        seconds = time.perf_counter() - start
        detections = [Detection((x - 0.5, y - 0.5, float(w), float(h))) for x, y, w, h in boxes]
        return Timed(detections, seconds)

    return detect


def _mediapipe(full: bool) -> Detect:
    server = peers.Server([peers.python(), WORKER, str(int(full))])

    def detect(file: Path) -> Timed:
        output = server.ask(str(file.resolve()))
        detections = [Detection((x, y, w, h), s, a) for x, y, w, h, s, a in output["faces"]]
        return Timed(detections, output["seconds"])

    return detect


def _read(file: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(file))
    if image is None:
        sys.exit(f"could not read image {file}")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
