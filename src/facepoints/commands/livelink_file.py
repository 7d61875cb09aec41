"""The expressions of one person in a video, as a recording of the Live Link Face app."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from facepoints.errors import DataError, SettingsError
from facepoints.measurement import Gaze, Measurement
from facepoints.measurement.expressions import Expressions
from facepoints.results.livelink import SHAPES, LiveLinkFrame

__all__ = ["check_livelink", "livelink_values", "people_seen"]

_FULL_LOOK = {"Out": 0.79, "In": 0.47, "Up": 0.45, "Down": 0.61}
"""Angle in radians at which EyeLook... is 1. In recordings of the app, EyeLookOutLeft is 0.34 at a
yaw of 0.267, EyeLookInRight 0.44 at 0.207, EyeLookUp 0.34 at 0.152, EyeLookDown 0.29 at 0.18."""


def check_livelink(path: Path, videos: int = 0) -> None:
    """Refuse a file before any work is done.

    Raises:
        SettingsError: the name does not end in .csv, or there are several videos.
    """
    if path.suffix.lower() != ".csv":
        raise SettingsError(f"a recording for Live Link goes to a .csv file, got {path}")
    if videos > 1:
        raise SettingsError(
            f"{path} holds one person of one video, there are {videos} videos; run the command "
            "once for each"
        )


def livelink_values(
    seen: Expressions, measures: dict[str, Measurement], gaze: Gaze | str
) -> dict[str, float]:
    """The columns that are known of a face."""
    values = {}
    for name, measured in seen.values.items():
        column = name[0].upper() + name[1:]
        if column in SHAPES:
            values[column] = measured.value
    if {"yaw", "pitch", "roll"} <= measures.keys():
        yaw, pitch, roll = (math.radians(measures[n].value) for n in ("yaw", "pitch", "roll"))
        values |= {"HeadYaw": -yaw, "HeadPitch": -pitch, "HeadRoll": roll}
    if isinstance(gaze, Gaze):
        values |= _looks(math.radians(gaze.head_yaw), math.radians(gaze.head_pitch))
    return values


def _looks(yaw: float, pitch: float) -> dict[str, float]:
    """Both eyes' columns of a gaze relative to the head: toward the subject's left, and up."""
    values: dict[str, float] = {}
    for side, outward in (("Left", yaw), ("Right", -yaw)):
        moves = {"Out": outward, "In": -outward, "Up": pitch, "Down": -pitch}
        for name, angle in moves.items():
            values[f"EyeLook{name}{side}"] = min(max(angle / _FULL_LOOK[name], 0.0), 1.0)
        values |= {f"{side}EyeYaw": -yaw, f"{side}EyePitch": -pitch}
    return values


def people_seen(path: Path, tracks: Iterable[list[LiveLinkFrame]]) -> list[list[LiveLinkFrame]]:
    """The tracks that have a face, the longest first; `path` is the file to write.

    Raises:
        DataError: none has.
    """
    known = sorted((track for track in tracks if track), key=len, reverse=True)
    if not known:
        raise DataError(
            f"{path} needs a person in a video, seen from the front; none was found, so nothing "
            "was written"
        )
    return known
