"""The faces of one image or video frame, as an object and as a record of a results file.

A record is the content of one line of ``faces.jsonl``. Coordinates are pixels of the image as a
person sees it (EXIF rotation applied). The center of the top-left pixel is (0, 0):

    {"file": "a.jpg", "frame": 0, "width": 640, "height": 480, "landmarks": "ibug-68", "faces": [
        {"box": [x, y, w, h], "score": 0.98, "track": null,
         "points": [[x, y], ...], "radius": [r, ...]}]}
    {"file": "b.jpg", "error": "b.jpg is empty (0 bytes)"}

A face whose model predicts visibility also has "visible": [v, ...], in [0, 1] with 2 decimals.
From a model loaded with `eye_closure=True`, a face also has "eye_closure": {"right": 0.02, "left":
null, "left_reason": "hidden"}: the probability that each eye is closed, or why it is unknown.
"landmarks" is the name of a known landmark set, or else the list of the point names. Frames of
a video also have "time", in seconds from the first frame.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import KNOWN_SETS, known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "FrameResult",
    "Record",
    "RecordSource",
    "error_record",
    "face_from_dict",
    "json_line",
    "landmarks_from_json",
    "landmarks_to_json",
    "record",
    "result_record",
    "whole_number",
]

Record = dict[str, Any]
RecordSource = Callable[[], Iterable[Record]]
"""A function that returns all records from the first on at every call. Some formats need several
passes over the records."""


@dataclass(frozen=True, eq=False)
class FrameResult:
    """The faces of one image or video frame. Results are equal if all their values are.

    Attributes:
        file: the name of the image or video, as the user gave it or below the folder given.
        faces: in the image.
        size: (height, width) in pixels; (0, 0) if unknown.
        frame: number of the frame in its video, from 0; 0 for an image.
        time: seconds from the first frame; None for an image.
        video: identifies the video; the same for all its frames, empty for an image.
        image: (H, W, 3) RGB uint8; None if only the faces are known.
        error: why the file could not be read; empty if it could.
    """

    file: str
    faces: list[Face] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    frame: int = 0
    time: float | None = None
    video: str = ""
    image: NDArray[np.uint8] | None = None
    error: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameResult):
            return NotImplemented
        same = all(
            getattr(self, one.name) == getattr(other, one.name)
            for one in fields(self)
            if one.name != "image"
        )
        if self.image is None or other.image is None:
            return same and self.image is other.image
        return same and np.array_equal(self.image, other.image)

    __hash__ = None  # type: ignore[assignment]


def record(
    file: str,
    size: tuple[int, int],
    faces: Sequence[Face],
    frame: int = 0,
    *,
    time: float | None = None,
    landmarks: LandmarkSet | None = None,
) -> Record:
    """The record of an image or frame that was read.

    Args:
        file: name of the image or video.
        size: (height, width) in pixels.
        faces: the faces in the image.
        frame: number of the frame, from 0.
        time: of the frame in seconds, rounded to microseconds; None for an image.
        landmarks: the landmark set of every face; None: that of the first face.
    """
    height, width = size
    if landmarks is None and faces:
        landmarks = faces[0].landmarks
    return {
        "file": file,
        "frame": int(frame),
        **({} if time is None else {"time": round(float(time), 6)}),
        "width": int(width),
        "height": int(height),
        **({} if landmarks is None else {"landmarks": landmarks_to_json(landmarks)}),
        "faces": [face.to_dict() for face in faces],
    }


def error_record(file: str, error: str) -> Record:
    """The record of a file that could not be read, with the reason."""
    return {"file": file, "error": error}


def result_record(result: FrameResult, landmarks: LandmarkSet | None = None) -> Record:
    """The record of a result. `landmarks`: see `record`."""
    if result.error:
        return error_record(result.file, result.error)
    return record(
        result.file,
        result.size,
        result.faces,
        result.frame,
        time=result.time,
        landmarks=landmarks,
    )


def json_line(data: Record) -> str:
    """A line of JSON. Bytes of a file name that are not UTF-8 are escaped, and so is what could
    control a terminal."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"
    if not text.isascii() or "\x7f" in text:
        text = text.translate(_UNSAFE)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_UNSAFE = {
    code: f"\\u{code:04x}"
    for first, last in ((0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E))
    for code in range(first, last + 1)
} | {code: f"\\u{code:04x}" for code in range(0x2066, 0x206A)}
"""Characters that JSON may hold as they are, but that control a terminal or the direction of
writing, by their escapes."""


def face_from_dict(data: dict[str, Any], landmarks: LandmarkSet) -> Face:
    """The face that a record describes.

    Raises:
        KeyError, TypeError, ValueError: a part is missing, of another shape, not finite or out
            of its range.
    """
    with np.errstate(over="ignore"):  # infinite values are reported below
        points = np.array(data["points"], dtype=np.float32)
        radius = np.array(data["radius"], dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or radius.shape != points.shape[:1]:
        raise ValueError(f"{points.shape} points with {radius.shape} radii")
    if len(points) != len(landmarks):
        raise ValueError(f"{len(points)} points for {len(landmarks)} names")
    if not (np.isfinite(points).all() and np.isfinite(radius).all()):
        raise ValueError("points or radii that are not finite")
    x, y, width, height = (float(side) for side in data["box"])
    score = float(data["score"])
    if not all(map(math.isfinite, (x, y, width, height, score))):
        raise ValueError("a box or score that is not finite")
    if max(map(abs, (x, y, width, height))) > LARGEST or np.abs(points).max(initial=0) > LARGEST:
        raise ValueError("a box or points that are far outside of any image")
    if not 0 <= score <= 1:
        raise ValueError(f"a score of {score}, expected 0 to 1")
    track_id = None if data["track"] is None else whole_number(data["track"])
    visible = _visible(data.get("visible"), len(landmarks))
    closure = data.get("eye_closure")
    return Face(
        (x, y, width, height),
        score,
        points,
        radius,
        landmarks,
        track_id,
        visible,
        None if closure is None else EyeClosure.from_dict(closure),
    )


LARGEST = 1e9
"""Pixels: the largest coordinate that a file may hold."""


def whole_number(value: object) -> int:
    """A whole number of a file, which may be text. Raises TypeError or ValueError for others."""
    number = int(value)  # type: ignore[call-overload]
    if isinstance(value, bool) or (not isinstance(value, str) and number != value):
        raise ValueError(f"{value!r} is not a whole number")
    if not -(10**15) < number < 10**15:
        raise ValueError("a number with too many digits")
    return number


def _visible(values: Any, count: int) -> NDArray[np.float32] | None:
    """The visibility (count,) of a record's points; None if it is absent."""
    if values is None:
        return None
    visible = np.array(values, dtype=np.float32)
    if visible.shape != (count,) or not ((visible >= 0) & (visible <= 1)).all():
        raise ValueError(f"the visibility of {count} points is as many numbers from 0 to 1")
    return visible


def landmarks_to_json(landmarks: LandmarkSet) -> str | list[str]:
    """The name of a known landmark set with the same points in the same order, else the names of
    the points. `landmarks_from_json` reads it back."""
    for name, known in KNOWN_SETS.items():
        if known.names == landmarks.names:
            return name
    return list(landmarks.names)


def landmarks_from_json(data: object, place: str) -> LandmarkSet:
    """Inverse of `landmarks_to_json`. Raises DataError that names `place`."""
    if isinstance(data, str):
        if data not in KNOWN_SETS:
            raise DataError(
                f"{place}: unknown landmark set '{data}'; expected {', '.join(KNOWN_SETS)} or a "
                f"list of point names"
            )
        return KNOWN_SETS[data]
    if isinstance(data, list) and all(isinstance(name, str) for name in data):
        return known_or_plain(data)
    raise DataError(f"{place}: expected a landmark set or a list of point names, got {data!r:.40}")
