"""Reads text files of LaPa and JD-landmark: the number of points, then x and y of one per line.

The file of ``a.jpg`` is ``a.txt`` or ``a.jpg.txt``, beside the image or in a folder of its own
(``landmarks/`` and ``images/``). Coordinates are 0-based pixels. Source:
https://github.com/jd-opensource/lapa-dataset
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_finder import ImagesByStem, name_below
from facepoints.datasets.readers.label_files import MAX_POINTS, open_regular, read_text
from facepoints.datasets.readers.numbered_points import set_of_numbered_points
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import FaceRow, finite_point, photos_of_rows
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["is_point_text", "point_texts", "read_point_texts"]

_START = re.compile(rb"\s*(\d{1,4})\s*[\r\n]+\s*[-\d.]+[ \t,]+[-\d.]+\s*(?:[\r\n]|$)")
_LARGEST = 1 << 20


def is_point_text(head: bytes) -> bool:
    """True if a file begins with a number and a line of two numbers."""
    return _START.match(head) is not None


def point_texts(path: Path) -> list[Path]:
    """The files of this format below a folder, in order, or the one file itself."""
    if path.is_file():
        return [path]
    found = []
    for file in sorted(f for f in path.rglob("*") if f.suffix.lower() == ".txt" and f.is_file()):
        if not file.name.startswith("."):
            with open_regular(file) as opened:
                if is_point_text(opened.read(256)):
                    found.append(file)
    return found


def read_point_texts(path: Path, options: Options) -> Photos:
    """Read a folder of such files with their images. Groups are the images.

    Files without an image are left out, with a note.

    Raises:
        DataError: a file breaks the format, or has another number of points than the first.
    """
    finder = ImagesByStem(path)
    base = path if path.is_dir() else path.parent
    rows: list[FaceRow] = []
    for file in point_texts(path):
        points = _parsed(file)
        if rows and len(points) != len(rows[0].points):
            raise DataError(
                f"{file} has {len(points)} points, the files before have {len(rows[0].points)}; "
                f"a data set needs the same points everywhere"
            )
        image = finder.find(file)
        if image is None:
            options.notes.add("text files without an image of their name were left out", file.name)
            continue
        name = name_below(base, image)
        rows.append(FaceRow(image, name, image.stem, points, where=str(file)))
    if not rows:
        raise DataError(f"no image of the text files in {path}; expected a.jpg for a.txt")
    landmarks, scheme = set_of_numbered_points(
        [row.points for row in rows], rows[0].name, options.notes
    )
    return photos_of_rows(rows, landmarks, scheme, path=path, notes=options.notes)


def _parsed(file: Path) -> NDArray[np.float32]:
    """The points (K, 2) of a file. Raises DataError."""
    try:
        count, *numbers = (float(t) for t in read_text(file, _LARGEST).replace(",", " ").split())
    except ValueError as error:
        raise DataError(f"{file}: expected a number of points, then x and y: {error}") from error
    if len(numbers) != 2 * count or not 0 < count <= MAX_POINTS:
        raise DataError(
            f"{file}: expected {count:g} points (1 to {MAX_POINTS}), found {len(numbers)} "
            f"coordinates"
        )
    points = np.array(numbers).reshape(-1, 2)
    for number, (x, y) in enumerate(points, start=1):
        if not finite_point(x, y):
            raise DataError(f"{file}: point {number} is at ({x}, {y}), outside of any image")
    return points.astype(np.float32)
