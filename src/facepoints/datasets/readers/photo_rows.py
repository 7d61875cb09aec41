"""Faces in picture files: rows of points that point at a file each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68, known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "IMAGE_SUFFIXES",
    "FaceRow",
    "finite_point",
    "open_gray",
    "photos_of_rows",
    "set_of_names",
]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Endings of picture files, in lower case."""

_FAR = 1e6  # pixels; no picture is that large, so such a coordinate is damage


@dataclass(frozen=True)
class FaceRow:
    """One face: its file and points (x, y) in pixels, NaN where not labelled.

    Attributes:
        file: the picture.
        name: where the row comes from, unique in the data set.
        group: what must stay on one side of a split: person, photo, ...
        points: (K, 2).
        source: name of the marking scheme, if the data set tells.
    """

    file: Path
    name: str
    group: str
    points: NDArray[np.float32]
    scheme: str = ""


def open_gray(path: Path) -> NDArray[np.uint8]:
    """Gray picture (H, W) uint8, as a person sees it (EXIF rotation applied).

    Raises:
        DataError: there is no such file, or it is no picture that OpenCV reads.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no image at {path}") from error
    except OSError as error:
        raise DataError(f"could not read image {path}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise DataError(f"could not read image {str(path)!r}: {error}") from error
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(0)  # the error below says it, in one line
    try:
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except cv2.error:
        image = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if image is None:
        raise DataError(f"could not read image {path}: damaged, or of a kind that OpenCV lacks")
    return np.asarray(image, dtype=np.uint8)


def finite_point(x: float, y: float) -> bool:
    """Whether both are numbers that a picture could have."""
    return abs(x) < _FAR and abs(y) < _FAR


def set_of_names(names: Sequence[str]) -> LandmarkSet:
    """Landmark set for the point names of a file.

    68 ascending numbers are the iBUG points; names that are known or say left and right
    give a set that mirrors; any other a plain one.
    """
    if len(names) == len(IBUG_68) and all(n.isdecimal() and len(n) < 20 for n in names):
        numbers = [int(n) for n in names]
        if numbers == list(range(numbers[0], numbers[0] + len(IBUG_68))):
            return IBUG_68
    return known_or_plain(names)


def photos_of_rows(
    rows: Sequence[FaceRow],
    landmarks: LandmarkSet,
    scheme: str,
    schemes: dict[str, tuple[str, ...]] | None = None,
) -> Photos:
    """Photos of these faces; neighbouring rows of one file decode it once.

    Args:
        rows: at least one.
        landmarks: K columns of the rows' points.
        scheme: name of the marking scheme, unless `sources` and the rows tell.
        sources: schemes that the rows name.
    """
    points = np.stack([row.points for row in rows]).astype(np.float32)
    labelled = np.asarray(np.isfinite(points).all(axis=2))
    points[~labelled] = 0
    order = list(schemes or ())
    return Photos(
        pictures=_Pictures(tuple(row.file for row in rows)),
        points=points,
        labelled=labelled,
        landmarks=landmarks,
        group=np.array([row.group for row in rows], dtype=np.str_),
        names=np.array([row.name for row in rows], dtype=np.str_),
        scheme=np.array(
            [order.index(row.scheme) if schemes else 0 for row in rows], dtype=np.int16
        ),
        schemes=schemes or {scheme: landmarks.names},
    )


@dataclass(frozen=True)
class _Pictures:
    """Call it for the gray pictures of the files, in order."""

    files: tuple[Path, ...]

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        last, picture = None, None
        for file in self.files:
            if picture is None or file != last:
                last, picture = file, open_gray(file)
            yield picture
