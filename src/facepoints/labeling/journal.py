"""The journal of a project: a file to which every change is appended before it counts.

Each line is a JSON object. A change is written and flushed to the disk (fsync) before anybody
hears that it was saved. So a crash, a kill or a power cut loses at most the change in flight: the
torn last line that it leaves is passed over, with a note.

Several processes may share a journal, such as two servers on one folder. Each locks the file while
it appends, and reads what the others appended before. Where a file system has no locks, only one
process may open it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from facepoints._util.temporary import try_lock
from facepoints.errors import DataError, WriteError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None

__all__ = ["FORMAT", "Event", "Journal"]

FORMAT = 1
"""Version of the journal's format, in its first line."""

Event = dict[str, Any]
"""A change: ``event`` says what kind, ``time`` is in seconds since 1970."""

_HEAD = "facepoints labels"


class Journal:
    """An open journal.

    It is not safe to use from several threads at once; `Project` has the lock for that.

    Args:
        path: the file. It is created, with its folder, if it does not exist.

    Attributes:
        path: the file.
        notes: a sentence for each damaged line that was passed over.

    Raises:
        DataError: the file is no journal, or of a newer version.
        WriteError: it cannot be opened for writing, or another process has it open where the file
            system has no locks to share it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._read_to = 0
        self._lines = 0
        self._alone: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
        except OSError as error:
            raise WriteError(f"could not write {path}: {error.strerror or error}") from error
        try:
            self._check_alone()
            self._begin()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file. Nothing is lost without it."""
        os.close(self._handle)
        if self._alone is not None:
            os.close(self._alone)
            with suppress(OSError):
                os.unlink(self._alone_path)
            self._alone = None

    @property
    def _alone_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.open")

    def _check_alone(self) -> None:
        """Refuse a second process where there are no locks."""
        if fcntl is not None and try_lock(self._handle) is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
            return
        try:
            self._alone = os.open(self._alone_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError as error:
            raise WriteError(
                f"{self.path} is open in another process, and this file system has no locks to "
                f"share it; end that one, or remove {self._alone_path} if there is none"
            ) from error

    def _begin(self) -> None:
        """Check the first line, or write it."""
        with self.locked():
            if os.fstat(self._handle).st_size == 0:
                self._write([{"event": "begin", "format": FORMAT, "what": _HEAD}])
                _sync_folder(self.path.parent)
            first = next(iter(self._parsed(os.pread(self._handle, 4096, 0), quiet=True)), None)
        if not isinstance(first, dict) or first.get("what") != _HEAD:
            raise DataError(
                f"{self.path} is not a journal of facepoints label; name another file for the "
                f"labels"
            )
        if not isinstance(first.get("format"), int) or first["format"] > FORMAT:
            raise DataError(
                f"{self.path} was written by a newer version of facepoints (format "
                f"{first.get('format')!r:.20}); update facepoints"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process appends while this lasts; it may be nested in no other of its kind."""
        if self._alone is not None or fcntl is None:
            yield
            return
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def read_new(self) -> list[Event]:
        """The whole lines that were appended since the last call, in order.

        Raises:
            DataError: the file cannot be read, or became shorter.
        """
        try:
            size = os.fstat(self._handle).st_size
            if size < self._read_to:
                raise DataError(
                    f"{self.path} became shorter while it was used; stop, and restore it"
                )
            data = bytearray()
            while self._read_to + len(data) < size:
                part = os.pread(self._handle, 1 << 24, self._read_to + len(data))
                if not part:
                    break
                data += part
        except OSError as error:
            raise DataError(f"could not read {self.path}: {error.strerror or error}") from error
        whole = data.rfind(b"\n") + 1
        self._read_to += whole
        return list(self._parsed(bytes(data[:whole])))

    @property
    def torn(self) -> bool:
        """True if the file ends within a line, which a crash left."""
        return os.fstat(self._handle).st_size > self._read_to

    def append(self, events: list[Event]) -> None:
        """Write changes, and wait until they are on the disk. Call it within `locked`.

        They are not returned by `read_new`. (Read the changes of others before.)

        Raises:
            WriteError: they could not be written; the file is as before.
        """
        before = os.fstat(self._handle).st_size
        if before != self._read_to:  # a torn line
            self._write_bytes(b"\n", before)
            self.read_new()
        self._read_to += self._write(events)
        self._lines += len(events)

    def _write(self, events: list[Event]) -> int:
        now = round(time.time(), 3)
        lines = [
            json.dumps({"time": now, **event}, separators=(",", ":"), allow_nan=False) + "\n"
            for event in events
        ]
        data = "".join(lines).encode("ascii")
        self._write_bytes(data, os.fstat(self._handle).st_size)
        return len(data)

    def _write_bytes(self, data: bytes, size: int) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
            os.fsync(self._handle)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, size)
            raise WriteError(
                f"could not write {self.path}: {error.strerror or error}; nothing was changed"
            ) from error

    def _parsed(self, data: bytes, quiet: bool = False) -> Iterator[Event]:
        for line in data.splitlines():
            self._lines += not quiet
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                event = None
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event
            elif not quiet:
                self.notes.append(
                    f"{self.path}: line {self._lines} is torn or damaged ({len(line)} bytes), as a "
                    f"crash leaves it; it was passed over"
                )


_BINARY = getattr(os, "O_BINARY", 0)


def _sync_folder(folder: Path) -> None:
    """Flush the entry of a new file; where folders cannot be opened, the system does it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
