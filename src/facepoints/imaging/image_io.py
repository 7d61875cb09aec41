"""Reads image files into arrays.

The kind of a file is known from its content, never from its name. Messages of the decoders do not
reach standard error; a failure is one line of a `DataError`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.image_header import HEAD_BYTES, KINDS, kind_of, read_header

__all__ = [
    "MAX_PIXELS",
    "STDIN",
    "composite_on_white",
    "read_image",
    "to_gray",
]

MAX_PIXELS = 2**28
"""Pixels of the largest image that is decoded (268 million, 0.8 GB as RGB). A file of a few bytes
may claim any size, and memory is allocated before its pixels are read."""

STDIN = "-"
"""Name of standard input."""


def read_image(source: str | Path | bytes) -> NDArray[np.uint8]:
    """Read an image as RGB, uint8, (height, width, 3).

    EXIF rotation is applied. Gray becomes RGB, 16 bits a channel become 8, and transparent
    pixels are composited on white. An animation gives its first frame.

    Args:
        source: path of a file, "-" for standard input, or the bytes of a file.

    Raises:
        DataError: there is no such file, it is not an image, is damaged or cut off, or has more
            than `MAX_PIXELS`.
    """
    if isinstance(source, bytes):
        return _decode(source, "the image")
    if str(source) == STDIN:
        if sys.stdin is None:
            raise DataError("standard input is closed, expected an image; name a file instead")
        return _decode(_checked_read(sys.stdin.buffer, "standard input"), "standard input")
    name = str(source)
    try:
        with open(source, "rb") as file:
            data = _checked_read(file, name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no image at {name}") from error
    except IsADirectoryError as error:
        raise DataError(f"{name} is a folder, expected an image; name a file") from error
    except OSError as error:
        raise DataError(f"could not read {name}: {error.strerror or error}") from error
    except ValueError as error:  # no file can have this name
        raise DataError(f"could not read {name!r}: {error}") from error
    return _decode(data, name)


def _checked_read(file: BinaryIO, name: str) -> bytes:
    """All bytes of an image file. Only the head of any other file is read."""
    head = file.read(HEAD_BYTES)
    if not kind_of(head):
        raise _not_an_image(head, name)
    return head + file.read()


def _not_an_image(data: bytes, name: str) -> DataError:
    if not data:
        return DataError(f"{name} is empty (0 bytes)")
    return DataError(f"{name} is not an image of a known kind ({', '.join(KINDS)})")


def _decode(data: bytes, name: str) -> NDArray[np.uint8]:
    header = read_header(data)
    if header is None:
        raise _not_an_image(data, name)
    if header.width * header.height > MAX_PIXELS:
        raise DataError(
            f"{name} claims {header.width} x {header.height} pixels, "
            f"at most {MAX_PIXELS // 10**6} million are read; shrink it first"
        )
    rgb = _opencv(data, cv2.IMREAD_COLOR)
    if rgb is None or rgb.dtype != np.uint8:
        raise DataError(
            f"{name} could not be decoded: its {header.kind} data is damaged, cut off, or a "
            f"variant that OpenCV {cv2.__version__} does not read"
        )
    cv2.cvtColor(rgb, cv2.COLOR_BGR2RGB, dst=rgb)
    if header.alpha:
        stored = _opencv(data, cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.ndim == 3 and stored.shape[2] == 4:
            rgb = composite_on_white(rgb, _alpha(rgb, stored))
    return rgb


def _opencv(data: bytes, flags: int) -> NDArray | None:
    with _quiet_opencv():
        try:
            return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
        except (cv2.error, MemoryError):
            return None


def _alpha(rgb: NDArray[np.uint8], stored: NDArray) -> NDArray[np.uint8]:
    """Opacity (H, W) of an image (H, W, 3) with its EXIF rotation applied.

    OpenCV returns alpha only without the rotation. The rotation is found by comparing colors.

    Args:
        stored: (h, w, 4) BGRA of 8 or 16 bits, as the file holds it.
    """
    if stored.dtype != np.uint8:
        stored = (stored >> 8).astype(np.uint8)
    turns = [np.rot90(side, k) for side in (stored, stored[:, ::-1]) for k in range(4)]
    fitting = [turn for turn in turns if turn.shape[:2] == rgb.shape[:2]]
    same = (t for t in fitting if np.array_equal(t[..., 2], rgb[..., 0]))
    return next(same, fitting[0])[..., 3]


def composite_on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Composite an image (H, W, 3) on white by its opacity `alpha` (H, W), [0, 255]."""
    if not alpha.any():  # an unused channel, as in many BMP files
        return rgb
    cover = alpha.astype(np.uint16)
    out = np.empty_like(rgb)
    for channel in range(3):
        mixed = rgb[..., channel] * cover + 255 * (255 - cover)
        out[..., channel] = (mixed + 127) // 255
    return out


def to_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert an image (H, W) or (H, W, 3) RGB to gray (H, W)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)


_lock = threading.Lock()
_quiet = {"depth": 0, "level": 0}


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log. Its level is global, so the threads inside are counted."""
    with _lock:
        if _quiet["depth"] == 0:
            _quiet["level"] = cv2.utils.logging.getLogLevel()
            cv2.utils.logging.setLogLevel(0)
        _quiet["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _quiet["depth"] -= 1
            if _quiet["depth"] == 0:
                cv2.utils.logging.setLogLevel(_quiet["level"])
