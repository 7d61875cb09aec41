"""Writes the finished faces of a project as a label file, in the format that other tools read."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from facepoints._util.files import atomic_file, make_folder, write_bytes, write_text
from facepoints.datasets.coco_and_pts import pts_columns, pts_text
from facepoints.datasets.crops import cut_crops
from facepoints.datasets.picture_labels import (
    FaceLabels,
    PictureLabels,
    coco_labels,
    cvat_labels,
    label_studio_tasks,
)
from facepoints.datasets.readers.image_finder import IMAGE_SUFFIXES
from facepoints.datasets.readers.notes import Notes
from facepoints.datasets.readers.photo_rows import FaceRow, photos_of_rows, unique_row_names
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.imaging.image_io import read_image
from facepoints.imaging.image_writer import encode_image
from facepoints.labeling.project import Project, picture_id
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["LABEL_FORMATS", "Labels", "format_of", "journal_path", "labels_of", "write_labels"]

CROP_SIZE = 96
"""Side of the crops in a Kaggle table, in pixels."""


class Labels(NamedTuple):
    """The finished faces of a project.

    Attributes:
        pictures: with their faces; files are relative to `folder` where that is possible.
        landmarks: of the points.
        folder: of the label file.
        known: number of faces, finished or not, of each picture's file.
    """

    pictures: list[PictureLabels]
    landmarks: LandmarkSet
    folder: Path
    known: dict[str, int]

    @property
    def faces(self) -> int:
        """Number of faces."""
        return sum(len(picture.faces) for picture in self.pictures)


def labels_of(project: Project) -> Labels:
    """The finished faces of a project, in the order of their pictures' files.

    Of each face, the newest finished reading counts. Points that are absent, or that were added
    after the face was finished, are not labeled. A
    picture without a finished face is listed if a person reviewed it.

    Raises:
        SettingsError: no points are named yet.
    """
    with project.reading() as state:
        if not len(state.points):
            raise SettingsError("no points are named yet, so there is nothing to write")
        landmarks = state.points.landmarks()
        found: dict[str, list[FaceLabels]] = {}
        for face, annotator, reading in project.labeled():
            extra = {"annotator": annotator, "face": face.id}
            points = np.where(reading.placed[:, None], reading.points, 0)
            labels = FaceLabels(points, reading.placed, reading.hidden & reading.placed, extra)
            found.setdefault(face.picture, []).append(labels)
        pictures = [
            PictureLabels(place.file, place.size, found.get(place.id, []))
            for place in state.pictures.values()
            if place.size is not None and (place.id in found or place.reviewed)
        ]
        pictures.sort(key=lambda picture: picture.file)
        known = {place.file: len(place.faces) for place in state.pictures.values()}
    return Labels(pictures, landmarks, project.journal.path.parent, known)


def journal_path(out: Path) -> Path:
    """The journal beside a label file or folder: labels.journal.jsonl for labels.json."""
    stem = out.name if out.suffix.lower() not in _SUFFIXES else out.stem
    return out.with_name(f"{stem}.journal.jsonl")


def write_labels(labels: Labels, out: Path, to: str) -> None:
    """Write a label file whole or not at all.

    Args:
        labels: the faces. Without any, a file without faces is written where the format has one.
        out: the file, or the folder of ``pts``.
        to: format, in `LABEL_FORMATS`.

    Raises:
        DataError: a picture is needed and cannot be read.
        WriteError: it cannot be written.
    """
    LABEL_FORMATS[to].write(labels, out)


def _write_coco(labels: Labels, out: Path) -> None:
    _write_json(coco_labels(labels.pictures, labels.landmarks), out)


def _write_label_studio(labels: Labels, out: Path) -> None:
    _write_json(label_studio_tasks(labels.pictures, labels.landmarks), out)


def _write_json(content: object, out: Path) -> None:
    # one line: half of the size of indented JSON, which matters at thousands of faces
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(out, text.encode("utf-8", "backslashreplace"))


def _write_cvat(labels: Labels, out: Path) -> None:
    write_text(out, cvat_labels(labels.pictures, labels.landmarks))


def _write_kaggle(labels: Labels, out: Path) -> None:
    """Write a table of 96 x 96 crops. Without a face there is no table, because the format needs
    one; an old one would hold labels that nobody gives any more."""
    rows = list(_rows(labels))
    if not rows:
        try:
            out.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"could not remove {out}: {error.strerror or error}") from error
        return
    names = unique_row_names([row.name for row in rows])
    rows = [
        FaceRow(row.file, name, row.name, row.points) for row, name in zip(rows, names, strict=True)
    ]
    photos = photos_of_rows(rows, labels.landmarks, "", path=out, notes=Notes())
    write_kaggle(cut_crops(photos, CROP_SIZE, where=f"{out} cannot be written: "), out)


def _rows(labels: Labels) -> Iterator[FaceRow]:
    for picture in labels.pictures:
        for face in picture.faces:
            points = np.where(face.labelled[:, None], face.points, np.nan).astype(np.float32)
            yield FaceRow(labels.folder / picture.file, picture.file, picture.file, points)


def _write_pts(labels: Labels, out: Path) -> None:
    """Write a .pts file per face beside a copy of its picture. The second face of a.jpg is
    a.2.pts beside a.2.jpg. Where two pictures would share a file, as a.jpg and a.png, the id of
    each comes into its name. Files of faces that are no longer finished are removed."""
    make_folder(out)
    columns = pts_columns(labels.landmarks)
    shared = _shared_stems(out, labels)
    written: set[Path] = set()
    for picture in labels.pictures:
        marked = picture.file in shared
        for number, face in enumerate(picture.faces, start=1):
            stem = _pts_stem(out, picture.file, number, marked=marked)
            write_text(stem.with_name(f"{stem.name}.pts"), _pts(face, columns))
            written.add(stem.with_name(f"{stem.name}.pts"))
            _copy_picture(labels.folder / picture.file, stem)
    for picture, count in labels.known.items():
        for number, marked in itertools.product(range(1, count + 1), (False, True)):
            stem = _pts_stem(out, picture, number, marked=marked)
            if (file := stem.with_name(f"{stem.name}.pts")) not in written:
                file.unlink(missing_ok=True)


def _shared_stems(out: Path, labels: Labels) -> set[str]:
    """The pictures, finished or not, of which a face's files would be those of another picture.
    Upper and lower case are the same here, as on some file systems."""
    counts = {picture.file: len(picture.faces) for picture in labels.pictures} | labels.known
    owners: dict[str, set[str]] = {}
    for file, count in counts.items():
        for number in range(1, max(count, 1) + 1):
            stem = _pts_stem(out, file, number)
            owners.setdefault(str(stem).casefold(), set()).add(file)
    return {file for files in owners.values() if len(files) > 1 for file in files}


def _pts_stem(out: Path, file: str, number: int, *, marked: bool = False) -> Path:
    """Path of a face's files without suffix, always below `out`.

    Args:
        marked: the id of the picture is in the name.
    """
    parts = [part for part in PurePosixPath(file).parts if part not in ("/", "..", ".")]
    stem = PurePosixPath(parts[-1]).stem
    stem = f"{stem}-{picture_id(file)[:8]}" if marked else stem
    return out.joinpath(*parts[:-1], stem if number == 1 else f"{stem}.{number}")


def _pts(face: FaceLabels, columns: Sequence[int]) -> str:
    lines = []
    for k in columns:
        x, y = face.points[k]
        lines.append(f"{x + 1:.9g} {y + 1:.9g}" if face.labelled[k] else "nan nan")
    return pts_text(lines)


def _copy_picture(file: Path, stem: Path) -> None:
    suffix = file.suffix.lower()
    copied = stem.with_name(stem.name + (file.suffix if suffix in IMAGE_SUFFIXES else ".png"))
    if copied.exists():
        return
    if suffix not in IMAGE_SUFFIXES:
        write_bytes(copied, encode_image(read_image(file)))
        return
    try:
        with atomic_file(copied) as temporary:
            shutil.copyfile(file, temporary)
    except FileNotFoundError as error:
        raise DataError(f"no image at {file}") from error


@dataclass(frozen=True)
class LabelFormat:
    """A format of label files.

    Attributes:
        write: writes labels to a path.
        suffix: of the file; empty: a folder.
    """

    write: Callable[[Labels, Path], None]
    suffix: str


LABEL_FORMATS: dict[str, LabelFormat] = {
    "coco": LabelFormat(_write_coco, ".json"),
    "cvat": LabelFormat(_write_cvat, ".xml"),
    "label-studio": LabelFormat(_write_label_studio, ".json"),
    "kaggle": LabelFormat(_write_kaggle, ".csv"),
    "pts": LabelFormat(_write_pts, ""),
}
"""Formats by name."""

_SUFFIXES = {each.suffix for each in LABEL_FORMATS.values()}


def format_of(out: Path, name: str | None) -> str:
    """The format of a label file: its key in `LABEL_FORMATS`.

    Args:
        out: .json is COCO, .xml is CVAT, .csv is Kaggle, and a name without suffix is a folder of
            .pts files.
        name: that the user gave; None: the suffix decides.

    Raises:
        SettingsError: the suffix is unknown, or another than that of the format.
    """
    suffix = out.suffix.lower()
    if name is not None and name not in LABEL_FORMATS:
        raise SettingsError(f"no format '{name}'; choose one of: {', '.join(LABEL_FORMATS)}")
    chosen = name or next((key for key, f in LABEL_FORMATS.items() if f.suffix == suffix), None)
    if chosen is None or LABEL_FORMATS[chosen].suffix != suffix:
        wanted = LABEL_FORMATS[chosen or "coco"].suffix
        kind = f"a name that ends in {wanted}" if wanted else "a folder's name, without suffix"
        raise SettingsError(f"labels in the format {chosen or 'coco'} need {kind}, got {out}")
    return chosen
