"""Reads iBUG .pts files next to images, as in 300-W, LFPW, HELEN and AFW.

A file lists "x y" per line between braces. Coordinates are 1-based, as in MATLAB, so 1 is
subtracted. "nan nan" means that a point is not labeled, and so do "-1 -1" and "0 0". The header
and the braces may be absent. Source:
https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_finder import ImagesByStem, name_below
from facepoints.datasets.readers.label_files import MAX_POINTS, read_text
from facepoints.datasets.readers.numbered_points import set_of_numbered_points
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import FaceRow, finite_point, photos_of_rows
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["parse_pts", "pts_files", "read_pts"]

_COUNT = re.compile(r"n_points\s*:?\s*(\d{1,18})")
_HEADER = re.compile(r"(?im)^\s*(?:version|n_points)\s*:?\s*[\w.]+\s*$")
_BODY = re.compile(r"\{([^{}]*)\}")
_LARGEST = 1 << 20  # bytes; a file with 1000 points has about 40 kB


def pts_files(path: Path) -> list[Path]:
    """The .pts files below a folder, in order, or the one file itself. Hidden files, such as the
    ``._`` files that macOS leaves on other disks, are passed over."""
    if path.is_file():
        return [path]
    files = (f for f in path.rglob("*") if f.suffix.lower() == ".pts" and f.is_file())
    return sorted(f for f in files if not f.name.startswith("."))


def read_pts(path: Path, options: Options) -> Photos:
    """Read a folder, with its subfolders, of images that have a .pts file of the same name.

    The number and the places of the points decide their names (`set_of_numbered_points`): 68 points
    are the iBUG set; unknown ones get the names "0", "1", ..., which cannot be mirrored. Groups are
    the names of the photos without suffix, so a photo with two suffixes or in two folders is one
    group. A .pts file without an image is left out, with a note.

    Raises:
        DataError: there is no .pts file, one cannot be read, none has an image, or one has
            another number of points than most.
    """
    files = pts_files(path)
    if not files:
        raise DataError(f"no .pts file in {path}")
    base = path if path.is_dir() else path.parent
    rows: list[FaceRow] = []
    counts: Counter[int] = Counter()
    first: dict[int, Path] = {}
    finder = ImagesByStem(path)
    images = [finder.find(file) for file in files]
    missing = [file for file, image in zip(files, images, strict=True) if image is None]
    if len(missing) == len(files):
        file = missing[0]
        raise DataError(f"no image beside {file}; expected {file.stem}.jpg, .png or another image")
    for file in missing:
        what = ".pts files without an image of their name were left out"
        options.notes.add(what, file.relative_to(base).as_posix())
    for file, image in zip(files, images, strict=True):
        if image is None:
            continue
        points = parse_pts(file)
        counts[len(points)] += 1
        first.setdefault(len(points), file)
        name = name_below(base, image)
        rows.append(FaceRow(image, name, file.stem, points, where=str(file)))
    if len(counts) > 1:
        (most, _), (fewest, _) = counts.most_common(1)[0], counts.most_common()[-1]
        raise DataError(
            f"{first[fewest]} has {fewest} points, {first[most].name} has {most}; "
            f"a data set needs the same points everywhere"
        )
    landmarks, scheme = set_of_numbered_points(
        [row.points for row in rows], rows[0].name, options.notes
    )
    return photos_of_rows(rows, landmarks, scheme, path=path, notes=options.notes, offset=1)


def parse_pts(file: Path) -> NDArray[np.float32]:
    """The points (K, 2) of a .pts file, 0-based, NaN where not labeled. Raises DataError."""
    text = read_text(file, _LARGEST)
    body, count = _BODY.search(text), _COUNT.search(text)
    if body is None and ("{" in text or "}" in text or not text.strip()):
        raise DataError(f"{file} is not a .pts file: expected points between braces")
    content = _HEADER.sub("", text) if body is None else body.group(1)
    try:
        numbers = np.array(content.replace(",", " ").split(), dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{file}: expected numbers x y of points: {error}") from error
    want = int(count.group(1)) if count else len(numbers) // 2
    if want == 0 or len(numbers) != 2 * want:
        raise DataError(f"{file}: expected {want} points, found {len(numbers)} coordinates")
    if want > MAX_POINTS:
        raise DataError(f"{file} has {want} points, at most {MAX_POINTS} are read")
    points = numbers.reshape(-1, 2) - 1
    unknown = np.asarray(np.isnan(points).any(axis=1))
    for number, (x, y) in enumerate(points, start=1):
        if not unknown[number - 1] and not finite_point(x, y):
            raise DataError(f"{file}: point {number} is at ({x}, {y}), outside of any image")
    points[unknown] = np.nan
    return points.astype(np.float32)
