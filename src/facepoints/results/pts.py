"""``.pts`` files, one per face, written and read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facepoints._util.files import atomic_file, atomic_folder, unique_names
from facepoints.datasets.coco_and_pts import pts_columns, pts_text
from facepoints.datasets.readers.pts import parse_pts, pts_files
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.input_paths import relative_to_common
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import numbered_set
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import FrameResult, RecordSource

__all__ = ["read_pts", "write_pts"]


def write_pts(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write a .pts file per face (1-based, as in 300-W) into a new or empty folder; or, if `out`
    ends in .pts, the one file of the only face.

    Files are named like their images, in the same subfolders (`files.unique_names`); the second
    face of a.jpg is a.2.pts. Points of a set in `known_sets.NUMBERED_SETS` are written in its
    order. Box, score, radius, visibility and track are not written.

    Raises:
        WriteError: `out` cannot be written, or is a folder with files in it.
        SettingsError: `out` is one file and there is not exactly one face.
    """
    columns = pts_columns(landmarks)
    if out.suffix.lower() == ".pts":
        faces = [face for record in records() for face in record.get("faces", ())]
        if not faces:
            raise SettingsError(f"{out} can hold one face, none was found")
        if len(faces) != 1:
            raise SettingsError(
                f"{out} can hold one face, {len(faces)} were found; name a folder for more"
            )
        with atomic_file(out) as temporary:
            temporary.write_text(_text(faces[0]["points"], columns), encoding="utf-8")
        return
    with atomic_folder(out) as folder:
        images = relative_to_common([record["file"] for record in records()])
        counts = [len(record.get("faces", ())) for record in records()]
        names = unique_names(images, lambda number, name: _file_names(name, counts[number]))
        for record, name in zip(records(), names, strict=True):
            faces = record.get("faces", ())
            for face, file in zip(faces, _file_names(name, len(faces)), strict=False):
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_text(face["points"], columns), encoding="utf-8")


def _file_names(name: str, faces: int) -> list[str]:
    """Names of the files of an image's faces. An image without a face reserves the first name."""
    return [f"{name}.pts", *(f"{name}.{face}.pts" for face in range(2, faces + 1))]


def _text(points: Sequence[Sequence[float]], columns: Sequence[int]) -> str:
    return pts_text([f"{points[k][0] + 1:.9g} {points[k][1] + 1:.9g}" for k in columns])


def read_pts(path: Path) -> list[FrameResult]:
    """The face of a .pts file, or the faces of a folder of them.

    A .pts file holds only points. Their number decides their names (`known_sets.numbered_set`):
    68 points are the iBUG set, 70 are OpenPose's, other counts give the names "0", "1", .... Each
    face gets the bounding box of its points, the score 1 and the radius 0: the points are taken
    as exact. Whether they are visible is unknown. Its result is named like the .pts file without
    the suffix, and has no image size.

    In a folder, a.pts, a.2.pts, a.3.pts, ... are the faces of one image, as `write_pts` names
    them.

    Raises:
        DataError: no .pts file, one that cannot be read, or one with unlabeled points.
    """
    files = pts_files(path)
    if not files:
        raise DataError(f"no .pts file in {path}")
    images: dict[Path, list[Path]] = {}
    for file in sorted(files, key=_first_and_number):
        first, number = _first_and_number(file)
        if number > 1 and len(images.get(first, ())) == number - 1:
            images[first].append(file)
        else:
            images[file] = [file]
    return [
        FrameResult(str(first.with_suffix("")), [_read_face(file) for file in faces])
        for first, faces in images.items()
    ]


_NUMBERED = re.compile(r"(.+)\.([2-9]|[1-9]\d+)", re.DOTALL)


def _first_and_number(file: Path) -> tuple[Path, int]:
    """The file of the first face of the same image, and the number of this face, from 1."""
    numbered = _NUMBERED.fullmatch(file.stem)
    if numbered is None:
        return file, 1
    return file.with_name(numbered[1] + file.suffix), int(numbered[2])


def _read_face(file: Path) -> Face:
    points = parse_pts(file)
    if not np.isfinite(points).all():
        raise DataError(f"{file}: a face needs all its points, some are not labeled")
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    box = (float(low[0]), float(low[1]), float(size[0]), float(size[1]))
    radius = np.zeros(len(points), dtype=np.float32)
    return Face(box, 1.0, points, radius, numbered_set(len(points))[0])
