"""Reads iBUG .pts files next to images, as in 300-W, LFPW, HELEN and AFW.

A file lists "x y" per line between braces. Coordinates are 1-based, as in MATLAB, so 1 is
subtracted. "nan nan" means that a point is not labeled. Source:
https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    IMAGE_SUFFIXES,
    FaceRow,
    finite_point,
    photos_of_rows,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import numbered_set

__all__ = ["parse_pts", "pts_files", "read_pts"]

_COUNT = re.compile(r"n_points\s*:\s*(\d{1,18})")
_BODY = re.compile(r"\{([^{}]*)\}")


def pts_files(path: Path) -> list[Path]:
    """The .pts files below a folder, in order, or the one file itself."""
    if path.is_file():
        return [path]
    return sorted(f for f in path.rglob("*") if f.suffix.lower() == ".pts" and f.is_file())


def read_pts(path: Path, options: Options) -> Photos:
    """Read a folder, with its subfolders, of images that have a .pts file of the same name.

    The number of points decides their names (`known_sets.numbered_set`): 68 points are the iBUG
    set, other counts give the names "0", "1", ..., which cannot be mirrored. Groups are the names
    of the photos without suffix, so a photo with two suffixes or in two folders is one group.

    Raises:
        DataError: there is no .pts file, one cannot be read, one has no image, or one has
            another number of points than the first.
    """
    files = pts_files(path)
    if not files:
        raise DataError(f"no .pts file in {path}")
    base = path if path.is_dir() else path.parent
    rows: list[FaceRow] = []
    for file in files:
        points = parse_pts(file)
        if rows and len(points) != len(rows[0].points):
            raise DataError(
                f"{file} has {len(points)} points, {files[0].name} has {len(rows[0].points)}; "
                f"a data set needs the same points everywhere"
            )
        image = _image_beside(file)
        name = image.relative_to(base).as_posix()
        rows.append(FaceRow(image, name, file.stem, points))
    landmarks, scheme = numbered_set(len(rows[0].points))
    return photos_of_rows(rows, landmarks, scheme)


def parse_pts(file: Path) -> NDArray[np.float32]:
    """The points (K, 2) of a .pts file, 0-based, NaN where not labeled. Raises DataError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"could not read {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a .pts file: not text") from error
    body, count = _BODY.search(text), _COUNT.search(text)
    if body is None:
        raise DataError(f"{file} is not a .pts file: expected points between braces")
    try:
        numbers = np.array(body.group(1).split(), dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{file}: expected numbers between the braces: {error}") from error
    want = int(count.group(1)) if count else len(numbers) // 2
    if want == 0 or len(numbers) != 2 * want:
        raise DataError(f"{file}: expected {want} points, found {len(numbers)} coordinates")
    points = numbers.reshape(-1, 2) - 1
    unknown = np.asarray(np.isnan(points).any(axis=1))
    for number, (x, y) in enumerate(points, start=1):
        if not unknown[number - 1] and not finite_point(x, y):
            raise DataError(f"{file}: point {number} is at ({x}, {y}), outside of any image")
    points[unknown] = np.nan
    return points.astype(np.float32)


def _image_beside(file: Path) -> Path:
    for suffix in IMAGE_SUFFIXES:
        for ending in (suffix, suffix.upper()):
            image = file.with_suffix(ending)
            if image.is_file():
                return image
    raise DataError(f"no image beside {file}; expected {file.stem}.jpg, .png or another image")
