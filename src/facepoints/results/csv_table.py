"""CSV: one row per face, written and read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text, original_cell, write_row
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import FrameResult, Record, RecordSource, face_from_dict

__all__ = ["has_time", "has_visible", "read_csv", "table_columns", "table_rows", "write_csv"]

_FIRST = ("file", "frame", "face", "track", "score", "box_x", "box_y", "box_w", "box_h")
_PARTS, _VISIBLE = ("_x", "_y", "_r"), "_visible"
_TIME, _TIME_AT = "time", 2  # the column of the time and its place


def table_columns(landmarks: LandmarkSet, visible: bool = False, time: bool = False) -> list[str]:
    """Column names: file, frame, face (number in its image, from 0), track, score, box_x, box_y,
    box_w, box_h, and for each point NAME_x, NAME_y and NAME_r, its radius. With `visible`, the
    radius is followed by NAME_visible. With `time`, the frame is followed by time, in seconds."""
    parts = [*_PARTS, _VISIBLE] if visible else _PARTS
    first = [*_FIRST[:_TIME_AT], _TIME, *_FIRST[_TIME_AT:]] if time else _FIRST
    return [*first, *(f"{name}{part}" for name in landmarks.names for part in parts)]


def has_time(records: Iterable[Record]) -> bool:
    """True if a record is a frame of a video, so that the table has a column for its time."""
    return any(record.get("time") is not None for record in records)


def has_visible(records: Iterable[Record]) -> bool:
    """True if the visibility of a face's points is known, so that the table has columns for it."""
    return any("visible" in face for record in records for face in record.get("faces", ()))


def table_rows(record: Record, visible: bool = False, time: bool = False) -> Iterator[list]:
    """A row per face of a record, in the order of `table_columns`."""
    for number, face in enumerate(record.get("faces", ())):
        row = [record["file"], record["frame"], number, face["track"], face["score"], *face["box"]]
        if time:
            row.insert(_TIME_AT, record.get("time"))
        values = [face["points"], face["radius"]]
        if visible:
            values.append(face.get("visible", [None] * len(face["points"])))
        for point, *more in zip(*values, strict=True):
            row += [*point, *more]
        yield row


def write_csv(
    records: RecordSource,
    landmarks: LandmarkSet,
    out: Path,
    *,
    visible: bool | None = None,
    time: bool | None = None,
) -> None:
    """Write a row per face. Images without a face, and files that could not be read, have none.

    There are columns for visibility if it is known for any face. They are blank for the others.
    There is a column for the time if a record is a frame of a video. Names that a spreadsheet
    would take for a formula get an apostrophe in front (`text_files.harmless_cell`), which
    `read_csv` removes.

    Args:
        records: the images and frames.
        landmarks: points of every face.
        out: the file.
        visible, time: whether there are these columns; None: the records are read once more to
            find out.

    Raises:
        WriteError: `out` cannot be written.
    """
    visible = has_visible(records()) if visible is None else visible
    time = has_time(records()) if time is None else time
    with atomic_file(out) as temporary, open_text(temporary) as file:
        write_row(file, table_columns(landmarks, visible, time))
        for record in records():
            for cells in table_rows(record, visible, time):
                write_row(file, cells)


def read_csv(path: Path) -> list[FrameResult]:
    """The images of a table that `write_csv` wrote.

    Images without a face are missing, because the table has a row per face. It holds no image
    sizes: they are (0, 0).

    Raises:
        DataError: the file cannot be read, or is not such a table.
    """
    results: list[FrameResult] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [original_cell(cell) for cell in next(rows, [])]
            timed = header[_TIME_AT : _TIME_AT + 1] == [_TIME]
            if timed:
                del header[_TIME_AT]
            landmarks, visible = _landmarks(header, path)
            for cells in rows:
                time = cells.pop(_TIME_AT) if timed and len(cells) > _TIME_AT else ""
                place = f"{path}, line {rows.line_num}"
                _add_row(results, cells, time, landmarks, visible, place)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} should be a CSV table and is not: {error}") from error
    return results


def _landmarks(header: Sequence[str], path: Path) -> tuple[LandmarkSet, bool]:
    """The landmark set of a header, and whether it has columns for visibility."""
    first = len(_FIRST)
    visible = "".join(header[first + 3 : first + 4]).endswith(_VISIBLE)
    names = [column.removesuffix("_x") for column in header[first :: 4 if visible else 3]]
    if names:
        landmarks = known_or_plain(names)
        if list(header) == table_columns(landmarks, visible):
            return landmarks, visible
    raise DataError(
        f"{path}: expected a table written by facepoints predict, with the columns "
        f"{','.join(_FIRST)}, NAME_x, NAME_y, NAME_r, ..."
    )


def _add_row(
    results: list[FrameResult],
    cells: list[str],
    time: str,
    landmarks: LandmarkSet,
    visible: bool,
    place: str,
) -> None:
    """Add the face of a row to the last image, or to a new one if the row begins one."""
    try:
        file, frame, number = original_cell(cells[0]), int(cells[1]), int(cells[2])
        seconds = float(time) if time else None
        if seconds is not None and not math.isfinite(seconds):
            raise ValueError(f"a time of {seconds}")
        face = _parse_face(cells, landmarks, visible)
    except (IndexError, ValueError, OverflowError) as error:
        raise DataError(
            f"{place}: expected a row written by facepoints predict, got another ({error!r:.80})"
        ) from error
    last = results[-1] if results else None
    if last is None or (last.file, last.frame, len(last.faces)) != (file, frame, number):
        last = FrameResult(file, frame=frame, time=seconds)
        results.append(last)
    last.faces.append(face)


def _parse_face(cells: list[str], landmarks: LandmarkSet, visible: bool) -> Face:
    count, values = len(landmarks), cells[len(_FIRST) :]
    seen = values[3::4] if visible else []  # blank if it is unknown for this face
    numbers = [float(v) for k, v in enumerate(values) if not visible or k % 4 != 3]
    if len(numbers) != 3 * count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"not {3 * count} finite numbers for the points")
    triples = [numbers[k : k + 3] for k in range(0, len(numbers), 3)]
    data = {
        "box": cells[5:9],
        "score": cells[4],
        "track": cells[3] or None,
        "points": [triple[:2] for triple in triples],
        "radius": [triple[2] for triple in triples],
        "visible": seen if any(seen) else None,
    }
    return face_from_dict(data, landmarks)
