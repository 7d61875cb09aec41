"""Writes the table of measures: a row per face, or a line per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from facepoints._util.text_files import write_row
from facepoints.commands.gaze_columns import GAZE_COLUMNS, gaze_cells, gaze_dict, rounded, short
from facepoints.commands.measured_faces import MeasuredFrame
from facepoints.errors import SettingsError
from facepoints.inference.eye_closure import EYES
from facepoints.measurement.events import KINDS
from facepoints.results.records import json_line

__all__ = ["table_writer", "write_csv"]

_TRANSFORM = tuple(f"transform_{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4))
"""Columns of the first three rows of the head transform; the fourth is 0, 0, 0, 1."""
_CLOSURE = tuple(f"{eye}_eye_{part}" for eye in EYES for part in ("closed", "reason"))
"""Columns of the probability that an eye is closed, and of why it is unknown."""


def table_writer(out: Path) -> Callable[[Sequence[MeasuredFrame], Sequence[str], TextIO], None]:
    writers = {".csv": write_csv, ".jsonl": _write_jsonl, ".ndjson": _write_jsonl}
    if out.suffix.lower() not in writers:
        raise SettingsError(f"no format for {out}: expected a name in .csv or .jsonl")
    return writers[out.suffix.lower()]


def write_csv(frames: Sequence[MeasuredFrame], names: Sequence[str], file: TextIO) -> None:
    columns = ["file", "frame", "time", "face", "track", "score"]
    columns += [f"{name}{part}" for name in names for part in ("", "_r")]
    write_row(file, [*columns, *_TRANSFORM, *_CLOSURE, *GAZE_COLUMNS, *KINDS])
    for frame, faces in frames:
        time = "" if frame.time is None else round(frame.time, 6)
        for face in faces:
            track = "" if face.track_id is None else face.track_id
            cells = [frame.file, frame.frame, time, face.number, track]
            cells.append(f"{face.score:.4g}")
            for name in names:
                measured = face.measures.get(name)
                cells += ["", ""] if measured is None else rounded(measured)
            rows = (face.transform or [])[:3]
            numbers = [short(number) for row in rows for number in row]
            cells += numbers or [""] * len(_TRANSFORM)
            for eye in EYES:
                value, reason = face.closure.of(eye)
                cells += ["" if value is None else value, reason]
            cells += gaze_cells(face.gaze)
            events = face.events or {}
            write_row(file, [*cells, *(int(events[k]) if k in events else "" for k in KINDS)])


def _write_jsonl(frames: Sequence[MeasuredFrame], names: Sequence[str], file: TextIO) -> None:
    for frame, faces in frames:
        if frame.error:
            file.write(json_line({"file": frame.file, "error": frame.error}))
            continue
        line: dict[str, Any] = {"file": frame.file, "frame": frame.frame}
        if frame.time is not None:
            line["time"] = round(frame.time, 6)
        line |= {"width": frame.size[1], "height": frame.size[0]}
        line["faces"] = [
            {
                "box": [round(side, 3) for side in face.box],
                "score": round(face.score, 6),
                "track": face.track_id,
                "measures": {
                    name: dict(zip(("value", "radius"), rounded(measured), strict=True))
                    for name, measured in face.measures.items()
                },
                "head_transform": face.transform
                and [[short(number) for number in row] for row in face.transform],
                "eye_closure": face.closure.to_dict(),
                "gaze": gaze_dict(face.gaze),
                "events": face.events,
            }
            for face in faces
        ]
        file.write(json_line(line))
