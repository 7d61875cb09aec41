"""Decodes image files with OpenCV: quietly, and with errors of facepoints."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.image_header import Header

__all__ = [
    "NO_MEMORY",
    "check_pixels",
    "decode_with_opencv",
    "out_of_memory",
    "quiet_opencv",
    "quietly",
    "undecodable",
]

NO_MEMORY = -4
"""OpenCV's code of the error that there is not enough memory."""

_Result = TypeVar("_Result")


def decode_with_opencv(data: bytes, flags: int, header: Header) -> NDArray | None:
    """The image that OpenCV decodes, (H, W) or (H, W, C) of any depth; None if it cannot.

    Args:
        data: the file.
        flags: of ``cv2.imdecode``.
        header: of the file.

    Raises:
        MemoryError: the image does not fit in memory.
    """
    image = quietly(lambda: cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags))
    if image is None and header.width:
        # OpenCV does not tell damage from a lack of memory
        np.empty((header.height, header.width, 3), np.uint8)
    return image


def quietly(decoder: Callable[[], _Result]) -> _Result | None:
    """Call a decoder of OpenCV without its messages. Returns None for any error but `NO_MEMORY`."""
    with quiet_opencv():
        try:
            return decoder()
        except cv2.error as error:
            if error.code == NO_MEMORY:
                raise
            return None


def check_pixels(name: str, width: int, height: int, most: int) -> None:
    """Refuse an image by the size that its file claims. Raises DataError."""
    if width * height > most:
        raise DataError(
            f"{name} claims {width} x {height} pixels, at most {most / 1e6:.3g} million are read; "
            f"shrink it first"
        )


def out_of_memory(name: str, width: int, height: int) -> DataError:
    """The error for an image that does not fit in memory."""
    return DataError(
        f"not enough memory for this picture ({width} x {height}): {name}; shrink it, or allow "
        f"the program more memory"
    )


def undecodable(name: str, kind: str, stored: str = "") -> DataError:
    """The error for an image that the decoder refuses.

    Args:
        name: of the file.
        kind: of the file, such as "PNG".
        stored: how the file stores its pixels, as in " (16-bit floats)".
    """
    return DataError(
        f"{name} could not be decoded: its {kind} data{stored} is damaged, cut off, or a "
        f"variant that OpenCV {cv2.__version__} does not read"
    )


_lock = threading.Lock()
_quiet = {"depth": 0, "level": 0}


@contextmanager
def quiet_opencv() -> Iterator[None]:
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
