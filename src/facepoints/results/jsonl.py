"""JSON lines: one image or frame per line, written and read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import (
    FrameResult,
    RecordSource,
    face_from_dict,
    json_line,
    landmarks_from_json,
    whole_number,
)

__all__ = ["iter_jsonl", "parse_line", "read_jsonl", "write_jsonl"]


def write_jsonl(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write a line per record. The lines themselves name the points, so `landmarks` is not used.

    Raises:
        WriteError: `out` cannot be written.
    """
    with atomic_file(out) as temporary, open_text(temporary) as file:
        file.writelines(json_line(record) for record in records())


def read_jsonl(path: Path) -> list[FrameResult]:
    """All lines of a file. Raises DataError as `iter_jsonl` does."""
    return list(iter_jsonl(path))


def iter_jsonl(path: Path, fps: float | None = None) -> Iterator[FrameResult]:
    """The lines of a file, one after another.

    Args:
        path: file that `write_jsonl` wrote. Lines that do not name their points must have as
            many as a known landmark set.
        fps: frames per second, for frames of a video that have no time. None: their
            time stays None.

    Raises:
        DataError: the file cannot be read, or a line is not one that `write_jsonl` writes.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            videos, last = 0, -1
            for number, line in enumerate(file, start=1):
                if line.strip():
                    result = parse_line(line, f"{path}, line {number}", fps, str(path))
                    videos += result.frame <= last  # the frames of another video begin
                    last = result.frame
                    yield replace(result, video=f"{path}#{videos}") if videos else result
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} should hold JSON lines and is not text: {error}") from error


def parse_line(line: str, place: str, fps: float | None, video: str) -> FrameResult:
    """The result that a line describes. `place` and `video` name the line and its file.

    Raises:
        DataError: it is not a line that `write_jsonl` writes.
    """
    try:
        record = json.loads(line)
        if "error" in record:
            return FrameResult(str(record["file"]), error=str(record["error"]))
        faces = []
        if record["faces"]:
            landmarks = _landmarks(record, place)
            faces = [face_from_dict(face, landmarks) for face in record["faces"]]
        frame = whole_number(record["frame"])
        time = record.get("time")
        in_video = frame > 0 or any(face.track_id is not None for face in faces)
        if time is None and in_video and fps is not None:
            time = frame / fps
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return FrameResult(
            file=str(record["file"]),
            faces=faces,
            size=(whole_number(record["height"]), whole_number(record["width"])),
            frame=frame,
            time=None if time is None else float(time),
            video=video,
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{place}: expected a line written by facepoints predict, got another ({error!r:.80})"
        ) from error


def _landmarks(record: dict, place: str) -> LandmarkSet:
    """The landmark set of a line's faces. Lines of the first versions do not name it; the number of
    points then decides."""
    if "landmarks" in record:
        return landmarks_from_json(record["landmarks"], place)
    count = len(record["faces"][0]["points"])
    for known in KNOWN_SETS.values():
        if len(known) == count:
            return known
    counts = " or ".join(str(len(known)) for known in KNOWN_SETS.values())
    raise DataError(
        f"{place}: {count} points without names; expected {counts} points or the key 'landmarks'"
    )
