"""Face finders side by side: what each answers to a picture file, and in what time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.detection import LOW_SCORE_THRESHOLD, Detection
from facepoints.detection.builtin import BuiltinDetector
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.mean_face import MEAN_FACE

from . import peers

__all__ = ["FINDERS", "Finder", "Seen", "finder"]

WORKER = Path(__file__).with_name("detect_worker.py")


class Seen(NamedTuple):
    """What a finder says of one picture, and the seconds it took, the reading left out."""

    found: list[Detection]
    seconds: float


Finder = Callable[[Path], Seen]


def finder(name: str, model: Path | None = None) -> Finder:
    """One of `FINDERS`, ready. `model`: the file of ours, None for the shipped one."""
    if name == "facepoints":
        return _judged(model)
    if name.startswith("facepoints"):
        return _ours(int(name.rpartition(" ")[2]), model)
    return _cascade() if name == "cascade" else _mediapipe("full" in name)


FINDERS = {
    "facepoints": "facepoints",
    "facepoints 320": "its finder alone",
    "facepoints 512": "its finder alone, 512 px",
    "cascade": "OpenCV's cascade (alt2)",
    "mediapipe": "MediaPipe, short range",
    "mediapipe full": "MediaPipe, full range",
}


def _judged(model: Path | None) -> Finder:
    """As `facepoints predict` runs: the points' model has the last word on what is a face."""
    own = BuiltinDetector.load(model, min_score=LOW_SCORE_THRESHOLD)
    predictor = Predictor(LandmarkModel.load(), own)

    def find(file: Path) -> Seen:
        picture = _read(file)
        start = time.perf_counter()
        faces = predictor(picture)
        seconds = time.perf_counter() - start
        return Seen([_frame(face) for face in faces], seconds)

    return find


def _frame(face: Face) -> Detection:
    matrix = affine.fit_similarity(MEAN_FACE, face.points)
    (x, y), side = matrix[:, 2], float(np.hypot(*matrix[:, 0]))
    angle = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    return Detection((x - side / 2, y - side / 2, side, side), face.score, angle)


def _ours(side: int, model: Path | None) -> Finder:
    own = BuiltinDetector.load(model, side=side)

    def find(file: Path) -> Seen:
        picture = _read(file)
        start = time.perf_counter()
        found = own.detect(picture)
        return Seen(found, time.perf_counter() - start)

    return find


def _cascade() -> Finder:
    """As OpenCV's tutorial runs it: steps of a tenth, three windows that agree."""
    name = "haarcascade_frontalface_alt2.xml"
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / name))  # pyright: ignore

    def find(file: Path) -> Seen:
        picture = _read(file)
        start = time.perf_counter()
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(gray, 1.1, 3)
        seconds = time.perf_counter() - start
        return Seen(
            [Detection((x - 0.5, y - 0.5, float(w), float(h))) for x, y, w, h in boxes], seconds
        )

    return find


def _mediapipe(full: bool) -> Finder:
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a pipe would fill)
    process = subprocess.Popen(
        [str(peers.python()), str(WORKER), str(int(full))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
    )  # fmt: skip

    def answer() -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            errors.seek(0)
            sys.exit(f"MediaPipe's process ended:\n{errors.read()[-2000:]}")
        return json.loads(line)

    answer()

    def find(file: Path) -> Seen:
        assert process.stdin is not None
        process.stdin.write(f"{file.resolve()}\n")
        process.stdin.flush()
        told = answer()
        found = [Detection((x, y, w, h), s, a) for x, y, w, h, s, a in told["faces"]]
        return Seen(found, told["seconds"])

    return find


def _read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file))
    if picture is None:
        sys.exit(f"could not read image {file}")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
