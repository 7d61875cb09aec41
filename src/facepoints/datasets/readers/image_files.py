"""Measures and reads the image files that label files name."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.label_files import open_regular
from facepoints.errors import DataError
from facepoints.imaging.image_header import read_header
from facepoints.imaging.image_io import MAX_PIXELS

__all__ = ["ImageSize", "image_size", "open_gray"]

_HEAD = 1 << 17  # bytes that hold the size and the rotation of most images


class ImageSize(NamedTuple):
    """The size of an image.

    Attributes:
        width, height: in pixels, as a person sees the image: with its EXIF rotation applied.
        orientation: the EXIF orientation, 1 to 8. With 5 to 8 the stored rows are columns.
    """

    width: int
    height: int
    orientation: int = 1


def image_size(path: Path) -> ImageSize | None:
    """The size of an image file as a person sees it; None if it is missing or not an image.

    Most images are measured by their first bytes, without decoding them.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_HEAD)
            header = read_header(data)
            if header is None:
                return None
            if header.kind != "JPEG" and (header.kind == "TIFF" or header.alpha):
                data += file.read()
            elif header.width == 0:
                data += file.read(64 * _HEAD)
                header = read_header(data)
    except (DataError, OSError):
        return None
    if header is None:
        return None
    if header.kind == "JPEG":
        turn = _jpeg_orientation(data)
        width, height = header.width, header.height
        if turn > 4:
            width, height = height, width
        return ImageSize(width, height, turn) if width and height else None
    if header.kind == "TIFF" or re.search(rb"eXIf|EXIF|Exif", data):
        return _decoded_size(path, header.width, header.height)
    return ImageSize(header.width, header.height) if header.width and header.height else None


def _decoded_size(path: Path, width: int, height: int) -> ImageSize | None:
    """The size of an image that may be rotated in a way that only the decoder knows."""
    try:
        height_seen, width_seen = open_gray(path).shape
    except DataError:
        return None
    turned = (width_seen, height_seen) == (height, width) != (width, height)
    return ImageSize(width_seen, height_seen, 6 if turned else 1)


def _jpeg_orientation(data: bytes) -> int:
    """The EXIF orientation of a JPEG by its first bytes, 1 if there is none. Source: Exif 2.32."""
    at = data.find(b"Exif\0\0")
    if at < 0:
        return 1
    tiff = data[at + 6 :]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(min(count, 512)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def open_gray(path: Path) -> NDArray[np.uint8]:
    """Read a gray image (H, W) uint8 with its EXIF rotation applied.

    Raises:
        DataError: there is no such file, or it is not an image that OpenCV reads.
    """
    if not _exists(path):
        raise DataError(f"no image at {path}")
    with open_regular(path) as file:
        try:
            data = np.frombuffer(file.read(), dtype=np.uint8)
        except OSError as error:
            raise DataError(f"could not read image {path}: {error.strerror or error}") from error
    header = read_header(data[:_HEAD].tobytes())
    if header is not None and header.width * header.height > MAX_PIXELS:
        raise DataError(
            f"could not read image {path}: it claims {header.width} x {header.height} pixels, at "
            f"most {MAX_PIXELS // 10**6} million are read"
        )
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(0)  # the error below is one line
    try:
        known = header is not None and data.size
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if known else None
    except (cv2.error, MemoryError):
        image = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if image is None:
        raise DataError(
            f"could not read image {path}: it is damaged or has a format unknown to OpenCV"
        )
    return np.asarray(image, dtype=np.uint8)
