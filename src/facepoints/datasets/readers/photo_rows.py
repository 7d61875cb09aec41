"""Builds `Photos` from rows: the points of a face and the path of its image.

The readers of formats with image files share this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import NUMBERED_SETS, known_or_plain, numbered_set
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "IMAGE_SUFFIXES",
    "FaceRow",
    "finite_point",
    "photos_of_rows",
    "set_of_names",
]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Suffixes of image files, in lower case."""

_FAR = 1e6  # pixels; no image is that large, so such a coordinate is damage


@dataclass(frozen=True)
class FaceRow:
    """One labeled face in an image file.

    Attributes:
        file: the image.
        name: where the row comes from, unique in the data set.
        group: what a split must not separate, such as the person or the photo.
        points: (K, 2), (x, y) in pixels, NaN where not labeled.
        scheme: name of the marking scheme; empty if unknown.
    """

    file: Path
    name: str
    group: str
    points: NDArray[np.float32]
    scheme: str = ""


def open_gray(path: Path) -> NDArray[np.uint8]:
    """Read a gray image (H, W) uint8 with its EXIF rotation applied.

    Raises:
        DataError: there is no such file, or it is not an image that OpenCV reads.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no image at {path}") from error
    except OSError as error:
        raise DataError(f"could not read image {path}: {error.strerror or error}") from error
    except ValueError as error:  # no file can have this name
        raise DataError(f"could not read image {str(path)!r}: {error}") from error
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(0)  # the error below is one line
    try:
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except cv2.error:
        image = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if image is None:
        raise DataError(
            f"could not read image {path}: it is damaged or has a format unknown to OpenCV"
        )
    return np.asarray(image, dtype=np.uint8)


def finite_point(x: float, y: float) -> bool:
    """True if both numbers are finite and small enough to be image coordinates."""
    return abs(x) < _FAR and abs(y) < _FAR


def set_of_names(names: Sequence[str]) -> LandmarkSet:
    """The landmark set for the point names of a file.

    If the names are consecutive numbers, it is the numbered set of that many points, such as the
    68 iBUG points. Otherwise it is the known set with these names, or a plain set.
    """
    if names and all(n.isdecimal() and len(n) < 20 for n in names):
        numbers = [int(n) for n in names]
        numbered, scheme = numbered_set(len(names))
        if scheme in NUMBERED_SETS and numbers == list(range(numbers[0], numbers[0] + len(names))):
            return numbered
    return known_or_plain(names)


def photos_of_rows(
    rows: Sequence[FaceRow],
    landmarks: LandmarkSet,
    scheme: str,
    schemes: dict[str, tuple[str, ...]] | None = None,
) -> Photos:
    """Join rows to `Photos`. Adjacent rows of one file read it only once.

    Args:
        rows: at least one.
        landmarks: of the K columns of the rows' points.
        scheme: name of the marking scheme of all rows, if `schemes` is empty.
        schemes: the points of each scheme that the rows name.
    """
    points = np.stack([row.points for row in rows]).astype(np.float32)
    labelled = np.asarray(np.isfinite(points).all(axis=2))
    points[~labelled] = 0
    order = list(schemes or ())
    return Photos(
        read_images=_ImageFiles(tuple(row.file for row in rows)),
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
class _ImageFiles:
    """Image files. A call yields their gray images in order."""

    files: tuple[Path, ...]

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        last, image = None, None
        for file in self.files:
            if image is None or file != last:
                last, image = file, open_gray(file)
            yield image
