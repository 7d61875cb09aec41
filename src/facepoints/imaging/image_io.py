"""Reads image files into arrays.

The kind of a file is known from its content, never from its name. Messages of the decoders do not
reach standard error; a failure is one line of a `DataError`.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError, DataWarning
from facepoints.imaging.colors import composite_on_white
from facepoints.imaging.decoding import MAX_PIXELS, DecodedImage, decode, not_an_image
from facepoints.imaging.fork import close_pools_before_forks
from facepoints.imaging.image_header import HEAD_BYTES, kind_of

__all__ = [
    "MAX_PIXELS",
    "STDIN",
    "check_regular",
    "composite_on_white",
    "decode_image",
    "read_image",
    "read_image_file",
    "to_gray",
]

close_pools_before_forks()

STDIN = "-"
"""Name of standard input."""

_STREAMS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # opened by the caller already


def read_image(source: str | Path | bytes) -> NDArray[np.uint8]:
    """Read an image as RGB, uint8, (height, width, 3).

    EXIF rotation is applied. Gray becomes RGB, and transparent pixels are composited on white.
    Floats and more than 8 bits a channel are scaled to 8 (`bit_depth.to_uint8`). An animation
    gives its first frame and a TIFF file its first page, with a `DataWarning`.

    Args:
        source: path of a file, "-" for standard input, or the bytes of a file.

    Raises:
        DataError: there is no such file, it is not an image, is damaged or cut off, has more
            than `MAX_PIXELS`, does not fit in memory, or is a HEIC image and pi-heif is not
            installed.
    """
    image = decode_image(source)
    if image.note:
        name = "the image" if isinstance(source, bytes) else str(source)
        warnings.warn(f"{name} {image.note}", DataWarning, stacklevel=2)
    return image.pixels


def decode_image(source: str | Path | bytes) -> DecodedImage:
    """Read an image with a note on what was left out. Otherwise it is `read_image`."""
    if isinstance(source, bytes):
        return decode(source, "the image")
    if str(source) == STDIN:
        if sys.stdin is None:
            raise DataError("standard input is closed, expected an image; name a file instead")
        return decode(_checked_read(sys.stdin.buffer, "standard input"), "standard input")
    return decode(read_image_file(source), str(source))


def read_image_file(path: str | Path, max_bytes: int | None = None) -> bytes:
    """The bytes of an image file. Of a file of another kind, only the head is read.

    Args:
        path: path of a file.
        max_bytes: of the largest file that is read; None: any.

    Raises:
        DataError: there is no such file, it is not an image, is larger, or cannot be read.
    """
    name = str(path)
    try:
        check_regular(name)
        with open(path, "rb") as file:
            if max_bytes is not None and (size := os.fstat(file.fileno()).st_size) > max_bytes:
                raise DataError(f"{name} has {size} bytes; at most {max_bytes} are read")
            return _checked_read(file, name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no image at {name}") from error
    except IsADirectoryError as error:
        raise DataError(f"{name} is a folder, expected an image; name a file") from error
    except OSError as error:
        raise DataError(f"could not read {name}: {error.strerror or error}") from error
    except ValueError as error:  # no file can have this name
        raise DataError(f"could not read {name!r}: {error}") from error
    except MemoryError as error:
        raise DataError(f"not enough memory to read {name}") from error


def check_regular(name: str) -> None:
    """Refuse a named pipe or a device, where reading could wait for ever.

    Pipes that the caller opened (``/dev/fd/63`` of a shell, ``/dev/stdin``) are accepted.

    Raises:
        DataError: it is a pipe, socket or device.
        OSError: there is no such file.
    """
    mode = os.stat(name).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or name.startswith(_STREAMS):
        return
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    raise DataError(
        f"{name} is {kind}, expected a file; pipe an image to standard input as {STDIN}"
    )


def _checked_read(file: BinaryIO, name: str) -> bytes:
    """All bytes of an image file. Only the head of any other file is read."""
    head = file.read(HEAD_BYTES)
    if not kind_of(head):
        raise not_an_image(head, name)
    return head + file.read()


def to_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert an image (H, W) or (H, W, 3) RGB to gray (H, W)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)
