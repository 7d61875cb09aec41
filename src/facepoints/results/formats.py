"""The output formats: the writer, the reader and the file suffixes of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.inference.face import Face
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.coco import read_coco, write_coco
from facepoints.results.csv_table import read_csv, write_csv
from facepoints.results.dlib_xml import read_dlib, write_dlib
from facepoints.results.jsonl import read_jsonl, write_jsonl
from facepoints.results.openface import (
    face_extras,
    is_openface,
    read_openface,
    write_openface,
)
from facepoints.results.parquet import read_parquet, write_parquet
from facepoints.results.parts import holds_parts, iter_parts
from facepoints.results.pts import read_pts, write_pts
from facepoints.results.records import FrameResult, Record, RecordSource, result_record
from facepoints.sources.stores import is_url

__all__ = [
    "FORMATS",
    "Format",
    "add_extras",
    "as_results",
    "check_format",
    "common_landmarks",
    "format_of",
    "read_faces",
    "suffixes_text",
    "write_faces",
    "write_records",
]


@dataclass(frozen=True)
class Format:
    """An output format.

    Attributes:
        write: writes records to a path. All faces must have the points of the landmark set.
        read: reads what `write` wrote.
        suffixes: file suffixes that choose the format, in lower case.
        content: what a file of the format holds, for messages.
        holds_video: whether one file can hold the faces of many frames.
        by_name: whether the format must be named, because another has its suffix.
        needs: points that must be computable from those of the faces; None: any do.
        extras: values of a face's record that only its image (H, W, 3) tells; None: there are none.
        package: Python package that it needs, and the extra that installs it; None: it needs none.
        metadata: whether `write` takes entries of the file's metadata as its fourth argument.
    """

    write: Callable[..., None]
    read: Callable[[Path], list[FrameResult]]
    suffixes: tuple[str, ...]
    content: str
    holds_video: bool = True
    by_name: bool = False
    needs: LandmarkSet | None = None
    extras: Callable[[NDArray[np.uint8], Face], dict[str, Any]] | None = None
    package: tuple[str, str] | None = None
    metadata: bool = False


FORMATS: dict[str, Format] = {
    "jsonl": Format(write_jsonl, read_jsonl, (".jsonl", ".ndjson"), "JSON lines"),
    "csv": Format(write_csv, read_csv, (".csv",), "table"),
    "coco": Format(write_coco, read_coco, (".json",), "COCO keypoints"),
    "pts": Format(write_pts, read_pts, (".pts",), "one face", holds_video=False),
    "parquet": Format(
        write_parquet,
        read_parquet,
        (".parquet",),
        "Parquet table",
        package=("pyarrow", "parquet"),
        metadata=True,
    ),
    "dlib": Format(write_dlib, read_dlib, (".xml",), "dlib's imglab", holds_video=False),
    "openface": Format(
        write_openface,
        read_openface,
        (".csv",),
        "OpenFace table",
        by_name=True,
        needs=IBUG_68,
        extras=face_extras,
    ),
}
"""Formats by name. A new format is a module with a writer and a reader, and an entry here."""


def format_of(path: Path, name: str | None = None) -> str:
    """The format of a file: its key in `FORMATS`.

    A folder, or a path without a suffix, is a folder of .pts files.

    Args:
        path: the file or folder.
        name: of the format; None: the suffix of the path chooses it.

    Raises:
        SettingsError: no format has this name or suffix, or the path has a suffix of another.
    """
    suffix = path.suffix.lower()
    folder = path.is_dir() or not suffix
    if name is not None:
        return _named_format(path, name, folder)
    if folder:
        return "pts"
    for each, candidate in FORMATS.items():
        if suffix in candidate.suffixes and not candidate.by_name:
            return each
    able = suffixes_text(one for one in FORMATS.values() if not one.by_name)
    raise SettingsError(
        f"no format for {path}: expected a name in {able}, or a folder (a .pts file per face)"
    )


def _named_format(path: Path, name: str, folder: bool) -> str:
    if name not in FORMATS:
        raise SettingsError(f"no format '{name}'; choose one of: {', '.join(FORMATS)}")
    suffixes = FORMATS[name].suffixes
    if (folder and name == "pts") or (not folder and path.suffix.lower() in suffixes):
        return name
    able = " or ".join(suffixes)
    raise SettingsError(f"the format {name} goes to a file in {able}, got {path}")


def check_format(name: str, landmarks: LandmarkSet) -> None:
    """Check that a format can be written, before any work is done.

    Raises:
        DataError: it cannot hold faces with these points.
        MissingExtraError: it needs a package that is not installed.
    """
    needs, package = FORMATS[name].needs, FORMATS[name].package
    if package is not None and find_spec(package[0]) is None:
        raise MissingExtraError(*package, f"the format {name}")
    if needs is not None:
        check_convertible(landmarks, needs)


def add_extras(
    name: str | None, record: Record, image: NDArray[np.uint8] | None, faces: Sequence[Face]
) -> None:
    """Add to a record what its format wants to know of the image.

    Args:
        name: of the format; None or empty: there is none.
        record: of the image.
        image: (H, W, 3) RGB; None: not known.
        faces: those of the record, in its order, with all points of the model.
    """
    extras = FORMATS[name].extras if name else None
    if extras is not None and image is not None:
        for data, face in zip(record.get("faces", ()), faces, strict=True):
            data |= extras(image, face)


def suffixes_text(formats: Iterable[Format]) -> str:
    """The suffixes of formats for a message: ".jsonl or .ndjson (JSON lines), .csv (table)"."""
    return ", ".join(f"{' or '.join(each.suffixes)} ({each.content})" for each in formats)


def read_faces(path: str | Path) -> list[FrameResult]:
    """Read faces from a file or folder that `facepoints predict` or `write_faces` wrote.

    Only JSON lines hold everything. The values that another format does not hold get defaults,
    which its reader documents: `csv_table.read_csv`, `coco.read_coco`, `pts.read_pts`.

    Args:
        path: file in a format of `FORMATS`, which its suffix chooses, a folder of .pts files, or a
            folder of parts (`results.parts`), which may be the address of a store. A .csv file
            may be a table of OpenFace 2.

    Returns:
        A result per image or frame, in the order of the file.

    Raises:
        SettingsError: no format has this suffix.
        DataError: the file cannot be read or is not of this format.
    """
    if not str(path):
        raise DataError("expected the path of a file or folder, got an empty one")
    if is_url(str(path)) or (Path(path).is_dir() and holds_parts(path)):
        return list(iter_parts(path))
    path = Path(path)
    if not os.path.lexists(path) and path.suffix.lower() in ("", ".pts"):
        raise DataError(f"no file or folder at {path}")
    name = format_of(path)
    return FORMATS["openface" if name == "csv" and is_openface(path) else name].read(path)


def write_faces(
    results: Iterable[FrameResult], path: str | Path, format: str | None = None
) -> None:
    """Write faces to a file. `read_faces` reads them back.

    Args:
        results: images or frames with their faces. All faces have the same landmark set.
        path: file in a format of `FORMATS`, which its suffix chooses, or a new or empty folder
            that gets a .pts file per face. One .pts file holds exactly one face.
        format: name of the format in `FORMATS`, such as "openface"; None: the suffix chooses it.

    Raises:
        SettingsError: no format has this suffix or name, or `path` is a .pts file and there is not
            exactly one face.
        DataError: not results; or the faces have different landmark sets, or values that are not
            finite.
        WriteError: the file cannot be written, or the folder is not empty.
    """
    path, listed = Path(path), as_results(results)
    landmarks = common_landmarks(listed)
    for result in listed:
        for face in result.faces:
            values = [face.points, face.radius, face.box, face.score]
            values += [] if face.visible is None else [face.visible]
            if not all(np.isfinite(value).all() for value in values):
                raise DataError(f"{result.file}: a face has values that are not finite")
    name = format_of(path, format)
    records = [result_record(result, landmarks) for result in listed]
    for record, result in zip(records, listed, strict=True):
        add_extras(name, record, result.image, result.faces)
    write_records(name, lambda: iter(records), landmarks, path)


def write_records(
    format: str,
    records: RecordSource,
    landmarks: LandmarkSet,
    out: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write records to a file.

    Args:
        format: key of `FORMATS`.
        records: what to write. All faces have the points `landmarks`.
        landmarks: points of every face.
        out: the file.
        metadata: what the predictions come from, such as the model, for formats that hold it.

    Raises:
        SettingsError, WriteError: as the format's writer raises them.
    """
    chosen = FORMATS[format]
    more = [metadata] if chosen.metadata else []
    chosen.write(records, landmarks, out, *more)


def as_results(results: object) -> list[FrameResult]:
    """The results that a caller gave: one or several. Raises DataError for anything else."""
    if isinstance(results, FrameResult):
        return [results]
    listed: list[Any] = list(results) if isinstance(results, Iterable) else [results]
    for one in listed:
        if not isinstance(one, FrameResult):
            raise DataError(
                f"expected FrameResult objects, got {type(one).__name__}; faces of an image are "
                f"given as FrameResult(file, faces, (height, width))"
            )
    return listed


def common_landmarks(results: Iterable[FrameResult]) -> LandmarkSet:
    """The landmark set of all faces; the 68 points of the built-in model if there is no face.

    Raises:
        DataError: the faces have different landmark sets.
    """
    sets = {face.landmarks.names: face.landmarks for r in results for face in r.faces}
    if len(sets) > 1:
        counts = " and ".join(str(len(names)) for names in sets)
        raise DataError(
            f"all faces of a file need the same landmark set, got sets of {counts} points; "
            f"convert them with Face.as_landmarks"
        )
    return next(iter(sets.values()), IBUG_68)
