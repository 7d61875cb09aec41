"""Reads text files that list the points of an image per line: WFLW and CelebA.

- WFLW (https://wywu.github.io/projects/LAB/WFLW.html): x and y of 98 points, then, in the lists
  ``list_98pt_rect_attr_*.txt``, the box and six attributes, then the image's file name.
- CelebA (``list_landmarks_celeba.txt``): the number of images, then the names of the coordinates
  (``lefteye_x lefteye_y ...``), then an image's file name and its coordinates per line. Its left
  is the image's left side, so left and right are swapped to the subject's.

Coordinates are 0-based pixels. Other lists are refused: some have x1..xn before y1..yn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import read_lines
from facepoints.datasets.readers.image_finder import ImageFinder
from facepoints.datasets.readers.label_files import open_regular
from facepoints.datasets.readers.notes import shortened
from facepoints.datasets.readers.numbered_points import set_of_numbered_points
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    FaceRow,
    finite_point,
    photos_of_rows,
    unique_row_names,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["is_celeba_head", "is_wflw_line", "read_celeba", "read_wflw"]

_WFLW = 2 * 98
_CELEBA = {
    "lefteye": "right_eye",
    "righteye": "left_eye",
    "nose": "nose",
    "leftmouth": "mouth_right_corner",
    "rightmouth": "mouth_left_corner",
}


def is_wflw_line(line: bytes) -> bool:
    """True if a line has 98 points, with or without box and attributes, and a file name."""
    cells = line.split()
    return len(cells) in (_WFLW + 1, _WFLW + 11) and b"." in cells[-1] and _number(cells[0])


def is_celeba_head(head: bytes) -> bool:
    """True if the first two lines are the number of images and names of coordinates."""
    lines = head.splitlines()
    names = lines[1].split() if len(lines) > 1 else []
    return bool(lines) and lines[0].strip().isdigit() and names[:2] == [b"lefteye_x", b"lefteye_y"]


def _number(cell: bytes) -> bool:
    return re.fullmatch(rb"[-+]?\d*\.?\d*(?:e[-+]?\d+)?", cell) is not None


def read_wflw(path: Path, options: Options) -> Photos:
    """Read a list of WFLW with its images, which may be in ``WFLW_images`` beside its folder.

    Groups are the image files.

    Raises:
        DataError: a line breaks the format.
    """
    faces: list[tuple[str, NDArray[np.float32]]] = []
    for line, cells in _lines(path):
        if len(cells) not in (_WFLW + 1, _WFLW + 11):
            raise DataError(
                f"{path}, line {line}: expected {_WFLW + 1} or {_WFLW + 11} values, found "
                f"{len(cells)}"
            )
        faces.append((cells[-1], _points(cells[:_WFLW], f"{path}, line {line}")))
    if not faces:
        raise DataError(f"{path} lists no image")
    landmarks, scheme = set_of_numbered_points(
        [points for _, points in faces], faces[0][0], options.notes, expected=True
    )
    return _photos(path, faces, landmarks, scheme, options)


def read_celeba(path: Path, options: Options) -> Photos:
    """Read a list of CelebA with its images. Groups are the image files.

    Raises:
        DataError: a line breaks the format.
    """
    lines = _lines(path)
    next(lines)
    _, columns = next(lines)
    names = [column[:-2] for column in columns[::2]]
    if columns != [f"{name}{axis}" for name in names for axis in ("_x", "_y")]:
        raise DataError(f"{path}, line 2: expected names of coordinates, such as nose_x nose_y")
    faces: list[tuple[str, NDArray[np.float32]]] = []
    for line, cells in lines:
        if len(cells) != len(columns) + 1:
            raise DataError(
                f"{path}, line {line}: expected {len(columns) + 1} values, found {len(cells)}"
            )
        faces.append((cells[0], _points(cells[1:], f"{path}, line {line}")))
    landmarks = known_or_plain([_CELEBA.get(name, name) for name in names])
    return _photos(path, faces, landmarks, "celeba", options)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with open_regular(path) as stream:
        line = 0
        try:
            for line, text in read_lines(stream):
                yield line, text.decode("utf-8").split()
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}") from error


def _points(cells: list[str], where: str) -> NDArray[np.float32]:
    try:
        points = np.array(cells, dtype=np.float64).reshape(-1, 2)
    except ValueError as error:
        raise DataError(f"{where}: expected numbers: {error}") from error
    for number, (x, y) in enumerate(points, start=1):
        if not finite_point(x, y):
            raise DataError(f"{where}: point {number} is at ({x}, {y}), outside of any image")
    return points.astype(np.float32)


def _photos(
    path: Path,
    faces: list[tuple[str, NDArray[np.float32]]],
    landmarks: LandmarkSet,
    scheme: str,
    options: Options,
) -> Photos:
    if not faces:
        raise DataError(f"{path} lists no image")
    finder = ImageFinder(path)
    names = unique_row_names([file for file, _ in faces])
    rows = [
        FaceRow(finder.find(file), name, file, points, where=shortened(name))
        for (file, points), name in zip(faces, names, strict=True)
    ]
    return photos_of_rows(rows, landmarks, scheme, path=path, notes=options.notes)
