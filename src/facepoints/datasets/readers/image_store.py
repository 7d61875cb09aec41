"""Storage for images that arrive one by one, in memory or in a memory-mapped .npy file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

__all__ = ["IMAGES", "ImageStore", "StoreError", "open_images", "reserve_images"]

IMAGES = "images.npy"
_HEADER = 128  # bytes of the header of a .npy with three dimensions, as numpy pads it
_BATCH = 128  # images per write


class StoreError(Exception):
    """The folder for pixels cannot be written, such as on a full disk. `cache` catches it."""


class ImageStore:
    """Collects images (height, width) uint8 into one array (N, height, width).

    Without a folder it keeps them in memory. Always call `close`.
    """

    def __init__(self, folder: Path | None, height: int, width: int) -> None:
        self._shape = (height, width)
        self._batch = np.empty((_BATCH, height, width), dtype=np.uint8)
        self._filled = self._count = 0
        self._blocks: list[NDArray[np.uint8]] = []
        self._path = folder / IMAGES if folder else None
        self._file: IO[bytes] | None = None
        if self._path is not None:
            try:
                self._file = self._path.open("wb")
                self._file.write(bytes(_HEADER))
            except OSError as error:
                raise StoreError(str(error)) from error

    def close(self) -> None:
        """Close the file, finished or not."""
        if self._file is not None:
            self._file.close()

    def append(self, image: NDArray[np.uint8]) -> None:
        """Add an image of height x width pixels in any shape."""
        self._batch[self._filled] = image.reshape(self._shape)
        self._filled += 1
        if self._filled == _BATCH:
            self._flush()

    def _flush(self) -> None:
        block = self._batch[: self._filled]
        self._count += self._filled
        self._filled = 0
        if self._file is None:
            self._blocks.append(block.copy())
            return
        try:
            self._file.write(block.data)
        except OSError as error:
            raise StoreError(str(error)) from error

    def finish(self) -> NDArray[np.uint8]:
        """All images (N, height, width). With a folder they are read-only and memory-mapped."""
        self._flush()
        if self._file is None or self._path is None:
            return np.concatenate(self._blocks)
        # the count is known only now; the padded header has room for any count
        header = {
            "descr": "|u1",
            "fortran_order": False,
            "shape": (self._count, *self._shape),
        }
        try:
            self._file.seek(0)
            np.lib.format.write_array_header_1_0(self._file, header)
            self._file.close()
        except OSError as error:
            raise StoreError(str(error)) from error
        return open_images(self._path.parent)


def open_images(folder: Path) -> NDArray[np.uint8]:
    """Open the stored images of a folder, memory-mapped and read-only."""
    return np.asarray(np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False))


def reserve_images(folder: Path, count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Create a writable memory map (count, height, width) and reserve its disk space.

    Without the reservation, a full disk would kill the process when it writes a pixel.

    Raises:
        StoreError: the folder cannot be written or the disk is too full.
    """
    path = folder / IMAGES
    try:
        mapped = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.uint8, shape=(count, height, width)
        )
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except (OSError, ValueError) as error:
        raise StoreError(str(error)) from error
    return mapped
