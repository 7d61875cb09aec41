"""The output formats, each with its writer, its reader and the suffixes that choose it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facepoints.errors import DataError, SettingsError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.coco import read_coco, write_coco
from facepoints.results.csv_table import read_csv, write_csv
from facepoints.results.jsonl import read_jsonl, write_jsonl
from facepoints.results.pts import read_pts, write_pts
from facepoints.results.records import FrameResult, Records, result_record

__all__ = ["FORMATS", "Format", "common_landmarks", "format_of", "read_faces", "write_faces"]


@dataclass(frozen=True)
class Format:
    """An output format.

    Attributes:
        write: writes records to a path; all faces have the points of the landmark set.
        read: reads what `write` wrote.
        suffixes: file suffixes that choose the format.
    """

    write: Callable[[Records, LandmarkSet, Path], None]
    read: Callable[[Path], list[FrameResult]]
    suffixes: tuple[str, ...]


FORMATS: dict[str, Format] = {
    "jsonl": Format(write_jsonl, read_jsonl, (".jsonl", ".ndjson")),
    "csv": Format(write_csv, read_csv, (".csv",)),
    "coco": Format(write_coco, read_coco, (".json",)),
    "pts": Format(write_pts, read_pts, (".pts",)),
}
"""Formats by name. A new one is a module with a writer and a reader, and a line here."""


def format_of(path: Path) -> str:
    """The format that a file name chooses, a key of `FORMATS`. A folder holds .pts files.

    Raises:
        SettingsError: no format has this suffix.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        return "pts"
    for name, format in FORMATS.items():
        if suffix in format.suffixes:
            return name
    raise SettingsError(
        f"no format for {path}: expected a name in .jsonl, .csv, .json (COCO keypoints) or .pts, "
        f"or a folder (a .pts file per face)"
    )


def read_faces(path: str | Path) -> list[FrameResult]:
    """The faces in a file that `facepoints predict` or `write_faces` wrote.

    Not every format holds everything. .jsonl holds all. .csv has no image sizes, no times and no
    images without a face. COCO has no times. .pts has only points: the radius is then 0, the
    score 1, the box the bounding box of the points, and the file the .pts file without suffix.
    The number of points decides their names: 68 are the iBUG set, others are "0", "1", ....

    Args:
        path: .jsonl, .csv, .json (COCO keypoints) or .pts file, or a folder of .pts files.

    Returns:
        A result per image or frame, in the order of the file.

    Raises:
        SettingsError: no format has this suffix.
        DataError: the file cannot be read or is not of this format.
    """
    path = Path(path)
    return FORMATS[format_of(path)].read(path)


def write_faces(results: Iterable[FrameResult], path: str | Path) -> None:
    """Write faces to a file, in the format of its suffix. `read_faces` reads them back.

    Args:
        results: images or frames with their faces. All faces have the same landmark set.
        path: .jsonl, .csv, .json (COCO keypoints) or .pts file, or a new or empty folder for a
            .pts file per face. A .pts file holds exactly one face.

    Raises:
        SettingsError: no format has this suffix, or `path` is a .pts file and there is not
            exactly one face.
        DataError: faces with different landmark sets, or with values that are not finite.
        WriteError: the file cannot be written, or the folder is not empty.
    """
    path, listed = Path(path), list(results)
    landmarks = common_landmarks(listed)
    for result in listed:
        for face in result.faces:
            values = (face.points, face.radius, face.box, face.score)
            if not all(np.isfinite(value).all() for value in values):
                raise DataError(f"{result.file}: a face has values that are not finite")
    records = [result_record(result, landmarks) for result in listed]
    FORMATS[format_of(path)].write(lambda: iter(records), landmarks, path)


def common_landmarks(results: Iterable[FrameResult]) -> LandmarkSet:
    """The landmark set of all faces; the 68 points of the built-in model if there is no face.

    Raises:
        DataError: the faces have different landmark sets.
    """
    sets = {face.landmarks.names: face.landmarks for r in results for face in r.faces}
    if len(sets) > 1:
        counts = " and ".join(str(len(names)) for names in sets)
        raise DataError(
            f"all faces of a file need the same landmark set, these have sets of {counts} points; "
            f"convert them with Face.as_landmarks"
        )
    return next(iter(sets.values()), IBUG_68)
