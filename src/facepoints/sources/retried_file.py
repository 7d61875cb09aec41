"""A file of a store. After a cut connection, it is read on from the same byte."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from facepoints.sources.faults import retried

__all__ = ["RetriedFile"]

_BLOCK = 8 << 20  # bytes that are asked for at once; larger: fewer requests, more memory
_NO_RANGES = "support range requests"  # of fsspec's error for such a server
_BACKGROUND = {"cache_type": "background", "cache_options": {"maxblocks": 2}}


class RetriedFile(io.RawIOBase):
    """A file of an fsspec file system to read, whose reads are tried again.

    After a fault the file is opened anew and read from the same place. Where a server cannot give
    ranges, the bytes before it are read and dropped.

    Args:
        store: fsspec file system.
        path: of the file there.
        name: for messages.
        ahead: whether it is read from beginning to end: then a thread reads the next bytes.

    Raises:
        DataError, MissingFile, StoreError: it cannot be opened or read; by its methods as well.
    """

    def __init__(self, store: Any, path: str, name: str, ahead: bool = False) -> None:
        super().__init__()
        self._store, self._path, self._name = store, path, name
        self._at = 0
        self._stream = False  # whether the server gives no ranges
        self._cache = _BACKGROUND if ahead else {"cache_type": "readahead"}
        self._file: Any = retried(self._open, name)
        self.size: int | None = getattr(self._file, "size", None)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.size is not None

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            if self.size is None:
                raise io.UnsupportedOperation(f"{self._name} cannot be read from its end")
            offset += self.size
        elif whence == io.SEEK_CUR:
            offset += self._at
        self._at = max(0, offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        data = retried(lambda: self._read(wanted), self._name)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            with suppress(Exception):
                self._file.close()
            self._file = None
        super().close()

    def _open(self) -> Any:
        if self._stream:
            return self._store.open(self._path, "rb", block_size=0)
        return self._store.open(self._path, "rb", block_size=_BLOCK, **self._cache)

    def _read(self, count: int) -> bytes:
        if self.size is not None:
            count = min(count, self.size - self._at)
        if count <= 0:
            return b""
        file, self._file = self._file or self._open(), None
        try:
            if file.tell() != self._at:
                file = self._at_place(file)
            data = file.read(count)
        except Exception as error:
            with suppress(Exception):
                file.close()
            if not self._stream and _NO_RANGES in str(error):
                self._stream = True
                return self._read(count)
            raise
        if not data and self.size is not None:
            raise ConnectionResetError(f"got {self._at} of {self.size} bytes")
        self._file = file
        return data

    def _at_place(self, file: Any) -> Any:
        """The file at the place where the reading goes on, perhaps opened anew."""
        try:
            file.seek(self._at)
            return file
        except (ValueError, OSError):  # a server that gives no ranges
            file.close()
        file, left = self._open(), self._at
        while left > 0:
            dropped = len(file.read(min(left, _BLOCK)))
            if not dropped:
                raise ConnectionResetError(f"got fewer than {self._at} bytes")
            left -= dropped
        return file
