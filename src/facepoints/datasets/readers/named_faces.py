"""Builds `Photos` from faces whose points have names, as annotation tools write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facepoints.datasets.readers.image_finder import ImageFinder
from facepoints.datasets.readers.label_files import check_names
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.readers.photo_rows import (
    Box,
    FaceRow,
    finite_point,
    photos_of_rows,
    set_of_names,
    unique_row_names,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["NamedFace", "Size", "photos_of_named_faces", "size_of"]

Size = tuple[int, int]
"""Width and height of an image in pixels."""


@dataclass(frozen=True)
class NamedFace:
    """The labeled points of a face.

    Attributes:
        file: the image, as the label file names it.
        points: (x, y) in pixels by the name of the point; points that are absent are not labeled.
        size: of the image in the label file; None: not there.
        where: the place in the label file, for messages.
        image: the path of the image; None: it is found by `file`.
        group: what a split must not separate; empty: the image.
        hidden: names of the points that are hidden, such as behind hair or a hand.
        box: (x, y, width, height) of the face in pixels; None: not there.
    """

    file: str
    points: dict[str, tuple[float, float]]
    size: Size | None
    where: str
    image: Path | None = None
    group: str = ""
    hidden: frozenset[str] = frozenset()
    box: Box | None = None


def photos_of_named_faces(
    faces: Sequence[NamedFace], scheme: str, *, path: Path, notes: Notes
) -> Photos:
    """Join faces to `Photos`. The points are all names, sorted (numbers by value); 68 consecutive
    numbers are the iBUG set.

    Args:
        faces: at least one.
        scheme: name of the marking scheme.
        path: the label file or folder.
        notes: gets what is left out and changed.

    Raises:
        DataError: a point is no position, or names cannot be used.
    """
    names = sorted({name for face in faces for name in face.points}, key=_order)
    check_names(names, str(path))
    landmarks = set_of_names(names, str(path))
    columns = {name: column for column, name in enumerate(names)}
    finder = ImageFinder(path)
    files = [face.file for face in faces]
    rows: list[FaceRow] = []
    for face, row_name in zip(faces, unique_row_names(files), strict=True):
        points = np.full((len(names), 2), np.nan, dtype=np.float32)
        visible = np.full(len(names), -1, dtype=np.int8)
        for name, (x, y) in face.points.items():
            if not finite_point(x, y):
                raise DataError(
                    f"{path}: the point {shortened(name)} of {shortened(face.where)} is at "
                    f"({x}, {y}), which is no position in an image"
                )
            points[columns[name]] = x, y
            visible[columns[name]] = name not in face.hidden
        image = face.image or finder.find(face.file)
        group = face.group or face.file
        row = FaceRow(image, row_name, group, points, "", face.size, face.where, visible, face.box)
        rows.append(row)
    return photos_of_rows(rows, landmarks, scheme, path=path, notes=notes)


def _order(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() and len(name) < 20 else (1, 0, name)


def size_of(width: object, height: object) -> Size | None:
    """The size of an image in a label file; None if it is not there or cannot be one."""
    try:
        size = int(float(str(width))), int(float(str(height)))
    except (ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None
