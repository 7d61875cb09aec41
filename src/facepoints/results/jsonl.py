"""JSON lines: one picture or frame a line, written and read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import FrameResult, Records, json_line

__all__ = ["write_jsonl"]


def write_jsonl(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A line per picture, in any format of JSON lines. Raises WriteError."""
    with atomic_file(out) as temporary, open_text(temporary) as file:
        file.writelines(json_line(found) for found in records())


def _of_lines(name: str, rate: float) -> Iterator[FrameResult]:
    """Raises DataError naming the line that is none of `facepoints predict`."""
    try:
        with open(name, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _of_line(line, f"{name}, line {number}", rate, name)
    except OSError as error:
        raise DataError(f"could not read {name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name} should hold JSON lines and is no text: {error}") from error


def _of_line(line: str, place: str, rate: float, series: str) -> FrameResult:
    try:
        record = json.loads(line)
        if "error" in record:
            return FrameResult(str(record["file"]), error=str(record["error"]))
        faces = [_face(data, place) for data in record["faces"]]
        frame = int(record["frame"])
        tracked = any(face.track_id is not None for face in faces)
        time = record.get("time", frame / rate if frame or tracked else None)
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return FrameResult(
            str(record["file"]),
            faces,
            (int(record["height"]), int(record["width"])),
            frame,
            None if time is None else float(time),
            series,
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{place}: expected a line that facepoints predict wrote, this is none ({error!r:.80})"
        ) from error


def _face(data: dict[str, Any], place: str) -> Face:
    with np.errstate(over="ignore"):  # told below
        points = np.array(data["points"], dtype=np.float32)
        radius = np.array(data["radius"], dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or radius.shape != points.shape[:1]:
        raise ValueError(f"{points.shape} points with {radius.shape} radii")
    if not (np.isfinite(points).all() and np.isfinite(radius).all()):
        raise ValueError("points that are no numbers")
    x, y, width, height = (float(side) for side in data["box"])
    if not np.isfinite([x, y, width, height, float(data["score"])]).all():
        raise ValueError("a box or score that is no number")
    track = None if data["track"] is None else int(data["track"])
    names = _set_of(len(points), place)
    return Face((x, y, width, height), float(data["score"]), points, radius, names, track)


def _set_of(count: int, place: str) -> LandmarkSet:
    """The file has no names of points, but no two known sets have as many."""
    for known in KNOWN_SETS.values():
        if len(known) == count:
            return known
    counts = " or ".join(str(len(known)) for known in KNOWN_SETS.values())
    raise DataError(f"{place}: {count} points, of which the names are not known; expected {counts}")
