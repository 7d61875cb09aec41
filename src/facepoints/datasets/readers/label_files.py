"""Opens label files: regular files only, of a size that fits into memory."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from facepoints.datasets.readers.notes import shortened
from facepoints.errors import DataError

__all__ = [
    "MAX_NAME",
    "MAX_POINTS",
    "MAX_TEXT",
    "check_names",
    "open_regular",
    "read_bytes",
    "read_label_json",
    "read_text",
]

MAX_TEXT = 2**30
"""Bytes of the largest label file that is read at once (1 GiB)."""

MAX_POINTS = 1000
"""Points of the largest landmark set that is read. A table has a column for each, so a small file
with many names would fill the memory."""

MAX_NAME = 1024
"""Characters of the longest name of a point, photo or person that is read."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading, without waiting for a pipe or device.

    Raises:
        DataError: there is no such file, it is not a regular file, or it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError as error:
        raise DataError(f"no file at {path}") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, expected a file") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except ValueError as error:  # no file can have this name
        raise DataError(f"could not read {str(path)!r}: {error}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise DataError(f"{path} is {kind}, expected a file; write the data to a file first")
    return open(descriptor, "rb")


_BINARY = getattr(os, "O_BINARY", 0)


def read_bytes(path: Path, limit: int = MAX_TEXT) -> bytes:
    """All bytes of a regular file. Raises DataError if it is larger than `limit`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise DataError(
                f"{path} has {size / 2**20:.0f} MiB, at most {limit / 2**20:.0f} MiB are read; "
                f"split it"
            )
        try:
            return file.read(min(size, limit) + 1)  # a larger number would be allocated
        except OSError as error:
            raise DataError(f"could not read {path}: {error.strerror or error}") from error


def read_text(path: Path, limit: int = MAX_TEXT) -> str:
    """The text of a file in UTF-8, or UTF-16 with a byte order mark.

    Raises:
        DataError: it cannot be read or is not such text.
    """
    data = read_bytes(path, limit)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8: {error.reason}; save it as UTF-8") from error


def read_label_json(path: Path) -> Any:
    """Parsed JSON of a label file. Raises DataError if it is missing, too large or not JSON."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers with too many digits
        shown = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{path} should hold JSON and does not: {shown}") from error


def check_names(names: Sequence[str], what: str) -> None:
    """Check names of points before arrays are made of them.

    Args:
        what: the file, for the message.

    Raises:
        DataError: there are too many, or one is blank, too long or there twice.
    """
    if len(names) > MAX_POINTS:
        raise DataError(f"{what} names {len(names)} points, at most {MAX_POINTS} are read")
    seen: set[str] = set()
    for name in names:
        if not name.strip() or len(name) > MAX_NAME:
            kind = f"has {len(name)} characters, at most {MAX_NAME} are read"
            raise DataError(f"{what}: a point name {kind if name.strip() else 'is blank'}")
        if name in seen:
            raise DataError(f"{what}: two points have the name '{shortened(name)}'")
        seen.add(name)
