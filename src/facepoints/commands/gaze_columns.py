"""The gaze in the tables of `facepoints measure`."""

from __future__ import annotations

from typing import Any

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.measurement import Gaze, Measurement, gaze
from facepoints.results.records import FrameResult

__all__ = ["GAZE_COLUMNS", "NO_IMAGE", "gaze_cells", "gaze_dict", "gaze_of", "rounded", "short"]

_ANGLES = ("yaw", "pitch", "head_yaw", "head_pitch")

GAZE_COLUMNS = (
    *(f"gaze_{name}{part}" for name in _ANGLES for part in ("", "_r")),
    *("looks_at_camera", "gaze_reason"),
)
"""Columns of the gaze: four angles in degrees with their radii, 1 for somebody who looks at the
camera, and why there is no gaze."""

NO_IMAGE = "no image"
"""Reason of faces that were read from JSON lines, where only an image would tell."""


def gaze_of(result: FrameResult, face: Face) -> Gaze | str:
    """The gaze of a face, or why there is none."""
    if result.image is None:
        return NO_IMAGE
    try:
        return gaze(result.image, face)
    except DataError as error:
        return str(error)


def gaze_cells(seen: Gaze | str) -> list[object]:
    """The cells of `GAZE_COLUMNS`."""
    if isinstance(seen, str):
        return [*[""] * (len(GAZE_COLUMNS) - 1), seen]
    told = seen.looks_at_camera
    return [*_numbers(seen), "" if told is None else int(told), ""]


def gaze_dict(seen: Gaze | str) -> dict[str, Any]:
    """The gaze, JSON-ready: value and radius of each angle, or the reason."""
    if isinstance(seen, str):
        return {"reason": seen}
    numbers = _numbers(seen)
    angles = {
        name: {"value": numbers[2 * n], "radius": numbers[2 * n + 1]}
        for n, name in enumerate(_ANGLES)
    }
    vector = [short(part) for part in seen.vector]
    return {**angles, "vector": vector, "looks_at_camera": seen.looks_at_camera, "eyes": seen.eyes}


def _numbers(seen: Gaze) -> list[float]:
    pairs = (
        (seen.yaw, seen.radius[0]),
        (seen.pitch, seen.radius[1]),
        (seen.head_yaw, seen.head_radius[0]),
        (seen.head_pitch, seen.head_radius[1]),
    )
    return [number for pair in pairs for number in rounded(Measurement(*pair))]


def short(number: float) -> float:
    """A number with 6 digits."""
    return float(f"{number:.6g}")


def rounded(measured: Measurement) -> list[float]:
    """Value with 6 digits and radius with 3."""
    return [short(measured.value), float(f"{measured.radius:.3g}")]
