"""JSON lines: one image or frame per line, written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.from_records import in_videos, result_from_record
from facepoints.results.records import (
    FrameResult,
    Record,
    RecordSource,
    json_line,
)

__all__ = ["iter_jsonl", "iter_jsonl_records", "parse_line", "read_jsonl", "write_jsonl"]


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
    lines = _lines(path)
    yield from in_videos((parse_line(line, at, fps, str(path)) for at, line in lines), path)


def iter_jsonl_records(path: Path) -> Iterator[Record]:
    """The records of a file, one after another. What they hold is not checked.

    Raises:
        DataError: the file cannot be read, or a line is not a JSON object.
    """
    for place, line in _lines(path):
        yield _parse(line, place)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, each with its place for messages."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}, line {number}", line
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} should hold JSON lines and is not text: {error}") from error


def parse_line(line: str, place: str, fps: float | None, video: str) -> FrameResult:
    """The result that a line describes. `place` and `video` name the line and its file.

    Raises:
        DataError: it is not a line that `write_jsonl` writes.
    """
    return result_from_record(_parse(line, place), place, fps, video)


def _parse(line: str, place: str) -> Record:
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            raise ValueError(f"{type(record).__name__}")
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{place}: expected a line written by facepoints predict, got another ({error!r:.80})"
        ) from error
    return record
