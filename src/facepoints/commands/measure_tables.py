"""Writes the table of measures: a row per face, or a line per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from facepoints._util.text_files import write_row
from facepoints.commands.expression_columns import (
    EXPRESSION_COLUMNS,
    expression_cells,
    expression_dict,
)
from facepoints.commands.gaze_columns import GAZE_COLUMNS, gaze_cells, gaze_dict, rounded, short
from facepoints.commands.measured_faces import FaceSettings, MeasuredFace, MeasuredFrame
from facepoints.errors import SettingsError
from facepoints.inference.eye_closure import EYES
from facepoints.measurement import MEASURES, Measurement
from facepoints.measurement.events import KINDS
from facepoints.measurement.expressions import Expressions
from facepoints.results.records import json_line

__all__ = ["Layout", "table_writer", "write_csv"]

_TRANSFORM = tuple(f"transform_{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4))
"""Columns of the first three rows of the head transform; the fourth is 0, 0, 0, 1."""
_SCALE = ("mm_per_pixel", "mm_per_pixel_r", "scale_reason")
"""Columns of the scale that the irises give, and why there is none."""
_REASONS = "measures_reason"
"""Column that says why measures are missing."""
_CLOSURE = tuple(f"{eye}_eye_{part}" for eye in EYES for part in ("closed", "reason"))
"""Columns of the probability that an eye is closed, and of why it is unknown."""


@dataclass(frozen=True)
class Layout:
    """The columns of the table that depend on the options.

    Attributes:
        names: columns of the measures.
        z_names: those that have a z-score.
        scale: whether each face has a scale of its own.
        expressions: whether expressions are measured.
        convention: data set whose marks the measures follow; None: none in particular, and no
            column.
    """

    names: tuple[str, ...]
    z_names: tuple[str, ...] = ()
    scale: bool = False
    expressions: bool = False
    convention: str | None = None

    @classmethod
    def of(cls, settings: FaceSettings) -> Layout:
        """The columns for these settings."""
        names = tuple(settings.column(name) for name in MEASURES)
        z_names = tuple(name for name in names if name in settings.norms)
        of_faces = settings.iris_scale, settings.expressions
        return cls(names, z_names, *of_faces, settings.convention)


def table_writer(out: Path) -> Callable[[Sequence[MeasuredFrame], Layout, TextIO], None]:
    """The function that writes a table to a file of this name.

    Raises:
        SettingsError: the name ends neither in .csv nor in .jsonl.
    """
    writers = {".csv": write_csv, ".jsonl": _write_jsonl, ".ndjson": _write_jsonl}
    if out.suffix.lower() not in writers:
        raise SettingsError(f"no format for {out}: expected a name in .csv or .jsonl")
    return writers[out.suffix.lower()]


def write_csv(frames: Sequence[MeasuredFrame], layout: Layout, file: TextIO) -> None:
    """Write a row per face, below a heading."""
    columns = ["file", "frame", "time", "face", "track", "score"]
    columns += [f"{name}{part}" for name in layout.names for part in ("", "_r")]
    columns += [f"{name}_z{part}" for name in layout.z_names for part in ("", "_r")]
    columns += [_REASONS, *(_SCALE if layout.scale else ())]
    convention = [] if layout.convention is None else [layout.convention]
    columns += ["convention"] * len(convention)
    expression = EXPRESSION_COLUMNS if layout.expressions else ()
    write_row(file, [*columns, *_TRANSFORM, *_CLOSURE, *GAZE_COLUMNS, *expression, *KINDS])
    for frame, faces in frames:
        time = "" if frame.time is None else round(frame.time, 6)
        for face in faces:
            track = "" if face.track_id is None else face.track_id
            cells = [frame.file, frame.frame, time, face.number, track]
            cells.append(f"{face.score:.4g}")
            cells += _pairs(face.measures, layout.names)
            cells += _pairs(face.z_scores, layout.z_names)
            cells.append(_reasons(face.reasons))
            if layout.scale:
                cells += _scale_cells(face)
            cells += convention
            rows = (face.transform or [])[:3]
            numbers = [short(number) for row in rows for number in row]
            cells += numbers or [""] * len(_TRANSFORM)
            for eye in EYES:
                value, reason = face.closure.of(eye)
                cells += ["" if value is None else value, reason]
            cells += gaze_cells(face.gaze)
            if layout.expressions:
                cells += expression_cells(face.expression or Expressions())
            events = face.events or {}
            write_row(file, [*cells, *(int(events[k]) if k in events else "" for k in KINDS)])


def _pairs(measures: dict[str, Measurement], names: Sequence[str]) -> list[object]:
    """Value and radius of each measure, empty where it is missing."""
    pairs = [rounded(measures[name]) if name in measures else ["", ""] for name in names]
    return [number for pair in pairs for number in pair]


def _reasons(reasons: dict[str, str]) -> str:
    """Say why measures are missing: "chin is hidden: face_height_px, face_height_ratio; ..."."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{reason}: {', '.join(some)}" for reason, some in names.items())


def _scale_cells(face: MeasuredFace) -> list[object]:
    if isinstance(face.scale, str):
        return ["", "", face.scale]
    return [*rounded(face.scale), ""]


def _write_jsonl(frames: Sequence[MeasuredFrame], layout: Layout, file: TextIO) -> None:
    for frame, faces in frames:
        if frame.error:
            file.write(json_line({"file": frame.file, "error": frame.error}))
            continue
        line: dict[str, Any] = {"file": frame.file, "frame": frame.frame}
        if frame.time is not None:
            line["time"] = round(frame.time, 6)
        line |= {"width": frame.size[1], "height": frame.size[0]}
        if layout.convention is not None:
            line["convention"] = layout.convention
        line["faces"] = [
            {
                "box": [round(side, 3) for side in face.box],
                "score": round(face.score, 6),
                "track": face.track_id,
                "measures": _measures_dict(face.measures),
                "measures_reasons": face.reasons,
                **({"z_scores": _measures_dict(face.z_scores)} if layout.z_names else {}),
                **({"scale": _scale_dict(face.scale)} if layout.scale else {}),
                "head_transform": face.transform
                and [[short(number) for number in row] for row in face.transform],
                "eye_closure": face.closure.to_dict(),
                "gaze": gaze_dict(face.gaze),
                **({"expression": expression_dict(face.expression)} if face.expression else {}),
                "events": face.events,
            }
            for face in faces
        ]
        file.write(json_line(line))


def _measures_dict(measures: dict[str, Measurement]) -> dict[str, dict[str, float]]:
    return {
        name: dict(zip(("value", "radius"), rounded(measured), strict=True))
        for name, measured in measures.items()
    }


def _scale_dict(scale: Measurement | str) -> dict[str, Any]:
    if isinstance(scale, str):
        return {"reason": scale}
    value, radius = rounded(scale)
    return {"mm_per_pixel": value, "radius": radius}
