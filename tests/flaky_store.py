"""A store in memory that fails as real ones do, by a plan: flaky://bucket/name."""

from __future__ import annotations

import errno
import io
from collections import defaultdict
from typing import Any, ClassVar

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

__all__ = ["FlakyStore", "HttpError", "throttled"]


class HttpError(Exception):
    """An answer with a status, as packages of fsspec raise it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def throttled() -> OSError:
    """What s3fs raises for SlowDown."""
    return OSError(errno.EBUSY, "Please reduce your request rate.")


class _CutFile(io.BytesIO):
    """A file whose connection is cut at some places, once at each."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        super().__init__(data)
        self.size = len(data)
        self._cuts = cuts

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        if self._cuts and at + (size or 0) > self._cuts[0]:
            data = super().read(self._cuts[0] - at)
            if not data:
                self._cuts.pop(0)
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            return data
        return super().read(size)


class FlakyStore(MemoryFileSystem):
    """A file system in memory with faults.

    Attributes:
        faults: errors that requests for a path raise, one after the other; of a folder, requests
            for its files, and to write one there.
        cuts: places in bytes at which reading a path breaks off, once each.
        asked: how often each path was asked for.
    """

    protocol = "flaky"
    store: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    pseudo_dirs: ClassVar[list[str]] = [""]
    faults: ClassVar[defaultdict[str, list[Exception]]] = defaultdict(list)
    cuts: ClassVar[defaultdict[str, list[int]]] = defaultdict(list)
    asked: ClassVar[defaultdict[str, int]] = defaultdict(int)

    @classmethod
    def clear(cls) -> None:
        for each in (cls.store, cls.faults, cls.cuts, cls.asked):
            each.clear()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        path = path.removeprefix("flaky://").strip("/")
        return f"/{path}" if path else ""

    find = AbstractFileSystem.find  # by `ls`, as most stores do

    def _ask(self, path: str) -> None:
        path = self._strip_protocol(path)
        self.asked[path] += 1
        if self.faults[path]:
            raise self.faults[path].pop(0)

    def cat_file(self, path: str, start: Any = None, end: Any = None, **kwargs: Any) -> bytes:
        self._ask(path)
        return super().cat_file(path, start, end, **kwargs)

    def _open(self, path: str, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        if mode == "rb":
            self._ask(path)
            if self.cuts[path]:
                return _CutFile(self.store[path].getvalue(), self.cuts[path])
        return super()._open(path, mode, *args, **kwargs)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        self._ask(path)
        self._ask(self._parent(path))
        super().pipe_file(path, value, mode, **kwargs)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        self._ask(path)
        return super().ls(path, detail, **kwargs)


fsspec.register_implementation("flaky", FlakyStore, clobber=True)
