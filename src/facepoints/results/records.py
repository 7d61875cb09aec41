"""Found faces as files: a record per picture, and the formats that records become.

A record is what a line of ``faces.jsonl`` holds. Coordinates are pixels of the picture as a
person sees it (EXIF rotation applied); the centre of the top-left pixel is (0, 0), but for
.pts, which counts from 1:

    {"file": "a.jpg", "frame": 0, "width": 640, "height": 480, "faces": [
        {"box": [x, y, w, h], "score": 0.98, "track": null,
         "points": [[x, y], ...], "radius": [r, ...]}]}
    {"file": "b.jpg", "error": "b.jpg is empty (0 bytes)"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.inference.face import Face

__all__ = ["FrameResult", "Record", "Records", "error_record", "json_line", "record"]

Record = dict[str, Any]
Records = Callable[[], Iterable[Record]]
"""Call it for the records, from the first on, as often as a format needs them."""


def record(file: str, size: tuple[int, int], faces: Sequence[Face], frame: int = 0) -> Record:
    """What was found in a picture of `size` (height, width)."""
    height, width = size
    listed = [
        {
            "box": _numbers(np.array(face.box)),
            "score": _numbers(np.array([face.score]))[0],
            "track": face.track_id,
            "points": [_numbers(point) for point in face.points],
            "radius": _numbers(face.radius),
        }
        for face in faces
    ]
    return {"file": file, "frame": frame, "width": width, "height": height, "faces": listed}


def error_record(file: str, error: str) -> Record:
    """A picture that could not be read, and why."""
    return {"file": file, "error": error}


def _numbers(values: NDArray) -> list[float]:
    """Values as float32, with no more digits than bring them back."""
    return [float(text) for text in values.astype(np.float32).astype(str)]


def json_line(data: Record) -> str:
    """A line of JSON; a file name that is not UTF-8 is escaped."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True, eq=False)
class FrameResult:
    """A picture or a frame of a video, and the faces that are seen in it.

    Attributes:
        file: as the user named it, or a file of the folder that was named.
        faces: in it.
        size: (height, width) in pixels.
        frame: number in its video; 0 for a picture.
        time: seconds from the first frame; None for a picture.
        series: the same for all frames of one video.
        image: (H, W, 3) RGB; None if only the faces are known.
        error: why it could not be read; empty if it could.
    """

    file: str
    faces: list[Face] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    frame: int = 0
    time: float | None = None
    video: str = ""
    image: NDArray[np.uint8] | None = None
    error: str = ""
