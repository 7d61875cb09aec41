"""Labels of a file as the start of a project: to be looked at, mended and completed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import make_folder, write_bytes
from facepoints.datasets.readers.image_files import ImageSize, image_size
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_writer import encode_image
from facepoints.labeling.face_changes import ImportedFace, import_faces
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.project import MAX_ANNOTATOR, Project, picture_id
from facepoints.labeling.reading import Reading, State
from facepoints.landmarks.conversion import convert

__all__ = ["ImportedRow", "file_annotator", "import_labels"]

_KEY = 90  # characters of a key


@dataclass(frozen=True)
class ImportedRow:
    """A row of a label file in a project.

    Attributes:
        name: of the row in its data set.
        face: id of its face.
        reading: its label.
    """

    name: str
    face: str
    reading: Reading


def file_annotator(path: Path) -> str:
    """The name under which the labels of a file are kept beside those of people."""
    shown = "".join(c if c.isprintable() else "?" for c in path.name)
    return f"file {shown}"[:MAX_ANNOTATOR].strip()


def import_labels(
    project: Project, path: Path, data: Photos | Samples, name_of: Callable[[Path], str]
) -> list[ImportedRow]:
    """Take the labels of a data set as readings that are finished.

    Points of the project that the labels name or give by conversion are confirmed; the others are
    absent. Rows that were taken before keep what people changed since. Pictures of a table that
    holds its pixels are written as PNG to a folder beside the journal.

    Args:
        path: the data set, for names and messages.
        data: what `readers.read` gives.
        name_of: the name of a picture's file in the project.

    Raises:
        DataError: the images are no files, or none of the points is labeled.
        WriteError: pictures cannot be written.
    """
    points = project.state.points
    if not len(points):
        raise DataError(f"{path} has labels, and this project names no points; name them first")
    files = _files(project, data, path, name_of)
    places, labelled = convert(data.points, data.labelled, data.landmarks, points.landmarks())
    if not labelled.any():
        raise DataError(
            f"{path} labels none of the points of this project ({', '.join(points.names[:3])}, "
            f"...); it has {', '.join(data.landmarks.names[:3])}, ..."
        )
    hidden = _hidden(data, points)
    own = _short_id(name_of(path))  # files in two folders may have one name, and their rows too
    sizes: dict[Path, ImageSize | None] = {}
    rows: list[tuple[str, ImportedFace]] = []
    for row, file in enumerate(files):
        if file not in sizes:
            sizes[file] = image_size(file)
        size = sizes[file]
        if size is None or not labelled[row].any():
            continue  # no picture, or nothing that this project labels
        picture = project.add_picture(name_of(file), str(file))
        reading = _reading(places[row], labelled[row], hidden[row])
        box = affine.bounding_box(places[row], labelled[row])
        name = str(data.names[row])
        key = f"{own} {row} {name}"[:_KEY]
        face = ImportedFace(picture.id, (size.width, size.height), box, reading, _plain(key))
        rows.append((name, face))
    if not rows:
        raise DataError(f"{path}: none of the pictures that it names can be read")
    ids = import_faces(project, [face for _, face in rows], file_annotator(path))
    return [
        ImportedRow(name, face, row.reading) for (name, row), face in zip(rows, ids, strict=True)
    ]


def _short_id(name: str) -> str:
    return picture_id(name)[:8]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _reading(
    places: NDArray[np.float32], labelled: NDArray[np.bool_], hidden: NDArray[np.bool_]
) -> Reading:
    points = np.where(labelled[:, None], places.astype(np.float64).round(3), np.nan)
    states: tuple[State, ...] = tuple("confirmed" if known else "absent" for known in labelled)
    return Reading(points, states, hidden & labelled, finished=True)


def _hidden(data: Photos | Samples, points: PointSet) -> NDArray[np.bool_]:
    """(N, K) points of the project that the labels call hidden."""
    if data.visibility is None:
        return np.zeros((len(data), len(points)), dtype=bool)
    behind = (data.visibility == 0).astype(np.float32)
    values, known = convert(behind, data.labelled, data.landmarks, points.landmarks())
    return known & (values > 0)


def _files(
    project: Project, data: Photos | Samples, path: Path, name_of: Callable[[Path], str]
) -> list[Path]:
    """The image file of each row."""
    if isinstance(data, Photos):
        if data.files is None:
            raise DataError(
                f"{path} holds frames of videos, which are not labeled here; give their images"
            )
        return list(data.files)
    journal = project.journal.path
    title = journal.name.split(".journal")[0]
    folder = make_folder(journal.with_name(f"{title}-{path.stem}-{_short_id(name_of(path))}"))
    files = []
    for row, image in enumerate(data.images):
        file = folder / f"{row + 1:06d}.png"
        if not os.path.exists(file):
            write_bytes(file, encode_image(np.asarray(image)))
        files.append(file)
    return files
