"""Tables of the Live Link Face app, written and read: a row per frame, 52 shapes and 9 angles.

Unreal Engine, Blender add-ons and Maya plug-ins import them. The columns are those of Epic's app;
the names are those of ARKit's blend shapes with a large first letter. Sources: recordings of the
app; Unreal Engine's LiveLinkFaceImporter, which wants exactly these columns in each row, takes a
timecode as hours:minutes:seconds:frames, and takes frame numbers above 30 for 60 frames a second;
AppleARKitConversion.h for the signs of angles.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.errors import DataError

__all__ = ["ANGLES", "SHAPES", "LiveLinkFrame", "read_livelink", "write_livelink"]

_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
_MOUTH = (
    *("JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker"),
    *("MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft"),
    *("MouthFrownRight", "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft"),
    *("MouthStretchRight", "MouthRollLower", "MouthRollUpper", "MouthShrugLower"),
    *("MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft"),
    *("MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight"),
)
_REST = (
    *("BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight"),
    *("CheekPuff", "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight"),
    "TongueOut",
)
SHAPES: tuple[str, ...] = (
    *(f"{name}Left" for name in _EYE),
    *(f"{name}Right" for name in _EYE),
    *_MOUTH,
    *_REST,
)
"""The 52 shapes, in the order of the columns. Values are 0 to 1."""
ANGLES: tuple[str, ...] = tuple(
    f"{part}{angle}"
    for part in ("Head", "LeftEye", "RightEye")
    for angle in ("Yaw", "Pitch", "Roll")
)
"""The 9 angles in radians. Yaw is positive to the subject's right, pitch is positive down, roll is
positive clockwise on the screen. Those of the eyes are relative to the head."""

_COUNT = len(SHAPES) + len(ANGLES)
_FAST = 60
"""Frames per second that importers tell from 30 by a frame number above 30."""


@dataclass(frozen=True)
class LiveLinkFrame:
    """A frame of a recording.

    Attributes:
        time: seconds from the first frame.
        values: shapes and angles by name; those left out are 0.
    """

    time: float
    values: Mapping[str, float] = field(default_factory=dict)


def write_livelink(out: Path, frames: Sequence[LiveLinkFrame]) -> None:
    """Write a recording.

    Timecodes count 60 frames a second if the frames come faster than 31 a second, else 30; the
    part after the point is a fraction of a frame, so that videos of any rate keep their times.
    Frames without values have no row: importers interpolate.

    Raises:
        DataError: no frame, a value that is not finite, or a name that is not in the columns.
        WriteError: `out` cannot be written.
    """
    if not frames:
        raise DataError(f"no frame to write to {out}: a recording needs a face in one frame")
    rate = _rate_of([frame.time for frame in frames])
    names = (*SHAPES, *ANGLES)
    for frame in frames:
        wrong = [name for name in frame.values if name not in names]
        if wrong or not all(math.isfinite(value) for value in frame.values.values()):
            raise DataError(f"{out}: no column {wrong[0]}" if wrong else f"{out}: a value is NaN")
    with atomic_file(out) as temporary, open_text(temporary) as file:
        file.write(",".join(("Timecode", "BlendShapeCount", *names)) + "\n")
        for frame in frames:
            cells = [f"{frame.values.get(name, 0.0):.10f}" for name in names]
            file.write(",".join((timecode(frame.time, rate), str(_COUNT), *cells)) + "\n")


def _rate_of(times: Sequence[float]) -> int:
    steps = sorted(b - a for a, b in pairwise(times) if b > a)
    fast = bool(steps) and 1 / steps[len(steps) // 2] > 31
    shown = any((time % 1) * _FAST > 30.5 for time in times)  # else it would be read as 30
    return _FAST if fast and shown else 30


def timecode(time: float, rate: int) -> str:
    """Hours:minutes:seconds:frames of a time in seconds, with thousandths of a frame."""
    thousandths = round(time * rate * 1000)
    seconds, part = divmod(thousandths, rate * 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    frame, fraction = divmod(part, 1000)
    return f"{hour:02d}:{minute:02d}:{second:02d}:{frame:02d}.{fraction:03d}"


def read_livelink(path: Path) -> list[LiveLinkFrame]:
    """The frames of a recording of the app, or of one that `write_livelink` wrote.

    Times count from the first frame. As in Unreal Engine, a frame number above 30 means 60 frames a
    second. Rows of frames without a face (BlendShapeCount 0) are left out.

    Raises:
        DataError: the file cannot be read, or is no such recording.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"could not read {path}: {error}") from error
    if not rows or rows[0][:2] != ["Timecode", "BlendShapeCount"]:
        raise DataError(f"{path} is no recording of Live Link Face: expected the column Timecode")
    names = rows[0][2:]
    found = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            if int(row[1]) > 0:
                found.append((_parsed(row[0]), _values(names, row[2:])))
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {line}: {error}") from error
    rate = _FAST if any(code[1] > 30 for code, _ in found) else 30
    times = [seconds + frames / rate for (seconds, frames), _ in found]
    return [
        LiveLinkFrame(time - times[0], values)
        for time, (_, values) in zip(times, found, strict=True)
    ]


def _values(names: Sequence[str], cells: Sequence[str]) -> dict[str, float]:
    if len(cells) != len(names):
        raise ValueError(f"expected {len(names) + 2} cells, got {len(cells) + 2}")
    values = {name: float(cell) for name, cell in zip(names, cells, strict=True)}
    if not all(map(math.isfinite, values.values())):
        raise ValueError("a value is not finite")
    return values


def _parsed(code: str) -> tuple[int, float]:
    """Whole seconds and frames of a timecode."""
    parts = code.split(":")
    if len(parts) != 4:
        raise ValueError(f"expected a timecode as hours:minutes:seconds:frames, got {code:.40}")
    hour, minute, second = (int(part) for part in parts[:3])
    frames = float(parts[3])
    if not (0 <= minute < 60 and 0 <= second < 60 and 0 <= frames < 121 and hour >= 0):
        raise ValueError(f"{code:.40} is no timecode")
    return (hour * 60 + minute) * 60 + second, frames
