"""The output formats by name and by file suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.coco import write_coco
from facepoints.results.csv_table import write_csv
from facepoints.results.jsonl import write_jsonl
from facepoints.results.pts import write_pts
from facepoints.results.records import Records

__all__ = ["FORMATS", "format_of"]


FORMATS: dict[str, Callable[[Records, LandmarkSet, Path], None]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "coco": write_coco,
    "pts": write_pts,
}
"""Writers by format: records, the landmark set of their points, and where to."""


_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".json": "coco", ".pts": "pts"}


def format_of(out: Path) -> str:
    """The format that a name asks for, a key of `FORMATS`; a folder is one of .pts files.

    Raises:
        SettingsError: no format has this suffix.
    """
    suffix = out.suffix.lower()
    if suffix in _SUFFIXES and not out.is_dir():
        return _SUFFIXES[suffix]
    if out.is_dir() or not suffix:
        return "pts"
    raise SettingsError(
        f"no format for {out}: expected a name in .jsonl, .csv, .json (COCO keypoints) or .pts, "
        f"or a folder (a .pts file per face)"
    )
