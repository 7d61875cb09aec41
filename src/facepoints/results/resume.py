"""Records of work in progress, in a file beside the output, to resume an interrupted run.

The file is OUT.part: a line of JSON that states the inputs and what the records depend on, then a
record per line. It exists during the work and after an interruption. The finished output replaces
it. While a process writes it, no other one can. A file of this name that facepoints did not write
stays as it is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from facepoints._util.files import write_errors
from facepoints._util.temporary import try_lock
from facepoints.errors import DataError, WriteError
from facepoints.imaging.image_io import STDIN
from facepoints.results.jsonl import parse_line
from facepoints.results.records import Record, json_line

__all__ = ["DRAWING_NAMES", "ResumableRecords", "part_path"]

DRAWING_NAMES = "drawing_names"
"""Setting that may change with the images in a folder: then the run starts over."""

_MARK = b'{"facepoints": '
_LONGEST = 1 << 28  # bytes of a line; a longer one is damage
_NAME_BYTES = 255  # of a file name, in most file systems


class ResumableRecords:
    """Records of images, in the order of the images, that survive an interruption.

    If an earlier run had the same inputs and settings, its records are kept up to the first image
    that changed since. Images may be added, but not left out. The record of standard input is
    never kept, because it may be another image each time. Records of another run are not touched,
    unless `overwrite` says so.

    Args:
        out: output that the records will become; nothing is written there.
        files: the images, in order.
        depends_on: what the records depend on besides the images (model, settings), JSON-ready;
            "points" lists the names of the points.
        given: inputs as the user gave them, such as a folder; None: `files`.
        overwrite: discard the records of another run.

    Attributes:
        path: the file of the records.
        done: number of images that have a record.

    Raises:
        WriteError: the file cannot be written, is not one of these, holds the records of another
            run, or another process writes it.
    """

    def __init__(
        self,
        out: Path,
        files: Sequence[str],
        depends_on: dict[str, Any],
        *,
        given: Sequence[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = part_path(out)
        self.done = 0
        self._depends_on, self._overwrite = depends_on, overwrite
        self._inputs = list(files if given is None else given)
        head = {"facepoints": depends_on, "inputs": self._inputs}
        with write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._open()
            try:
                end = self._bytes_to_keep(files)
                self._file.truncate(end)
                self._file.seek(end)
                if not end:
                    self._file.write(json_line(head).encode())
                self._file.flush()
            except BaseException:
                self._file.close()
                raise

    def _open(self) -> BinaryIO:
        """Open and lock the file, or a new one. Never follows a link, never waits for a pipe."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        while True:
            try:
                handle = os.open(self.path, flags, 0o666)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
                    raise self._not_ours("is a link or a pipe") from error
                if isinstance(error, IsADirectoryError):
                    raise self._not_ours("is a folder") from error
                raise
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                os.close(handle)
                raise self._not_ours("is not a regular file")
            file = os.fdopen(handle, "r+b")
            try:
                if try_lock(file.fileno()) is False:
                    raise WriteError(
                        f"another facepoints is writing {self.path} now; wait until it has "
                        f"finished, or name another output"
                    )
                with suppress(FileNotFoundError):  # another process has just finished with it
                    if os.path.samestat(os.stat(self.path), status):
                        return file
            except BaseException:
                file.close()
                raise
            file.close()

    def _not_ours(self, why: str) -> WriteError:
        return WriteError(
            f"{self.path} {why}, and facepoints would write its unfinished records there; move it "
            f"away, or name another output"
        )

    def _bytes_to_keep(self, files: Sequence[str]) -> int:
        """Number of bytes of an existing file to keep. Sets `done` to their number of records.

        Raises WriteError for a file that is not to be touched.
        """
        written = os.fstat(self._file.fileno()).st_mtime_ns
        first = self._file.readline(_LONGEST)
        if not first:
            return 0
        if not first.startswith(_MARK):
            raise self._not_ours("is not of facepoints")
        start = end = self._file.tell()
        changed = False
        for count, record in enumerate(self._stored_records(first)):
            if count >= len(files) or record["file"] != _as_json(files[count]):
                return self._keep_of_other_inputs(first, start, end)
            changed = changed or files[count] == STDIN or _time_of_change(files[count]) >= written
            if not changed:
                end = self._file.tell()
                self.done += 1
        if end == start and not changed:  # nothing was done, so nothing is lost
            return 0
        return end if not self._differing(first) else self._start_over(first)

    def _stored_records(self, first: bytes) -> Iterator[Record]:
        """Yield the records in the file, up to the first that is cut or damaged."""
        settings = _parsed(first).get("facepoints")
        points = settings.get("points") if isinstance(settings, dict) else None
        names = tuple(points) if isinstance(points, list) else ()
        while (line := self._file.readline(_LONGEST)).endswith(b"\n"):
            try:
                result = parse_line(line.decode(), str(self.path), None, "")
                if any(names and face.landmarks.names != names for face in result.faces):
                    return
                yield json.loads(line)
            except (DataError, ValueError):
                return

    def _keep_of_other_inputs(self, first: bytes, start: int, end: int) -> int:
        """Bytes to keep of a file whose images are not the first of ours."""
        if self._differing(first) or not self._has_same_inputs(first):
            return self._start_over(first)
        return end if end > start else 0  # the folder has changed

    def _start_over(self, first: bytes) -> int:
        """Discard the records. Raises WriteError if they are of another run."""
        names = self._differing(first)
        renamed = names == [DRAWING_NAMES] and self._has_same_inputs(first)
        if not (self._overwrite or renamed):
            why = f"other settings ({', '.join(names)})" if names else "other inputs"
            raise WriteError(
                f"{self.path} holds the records of an unfinished run with {why}; run that command "
                f"again to finish it, name another output, or discard it with `overwrite`"
            )
        self.done = 0
        return 0

    def _has_same_inputs(self, first: bytes) -> bool:
        return _parsed(first).get("inputs") == [_as_json(one) for one in self._inputs]

    def _differing(self, first: bytes) -> list[str]:
        """Names of the settings that differ from those of the stored records."""
        stored, own = _parsed(first).get("facepoints"), json.loads(json_line(self._depends_on))
        if not isinstance(stored, dict):
            stored = {}
        return [name for name in {**own, **stored} if stored.get(name) != own.get(name)]

    def add(self, record: Record) -> None:
        """Append the record of the next image. Raises WriteError."""
        with write_errors(self.path):
            self._file.write(json_line(record).encode())
            self._file.flush()
        self.done += 1

    def records(self) -> Iterator[Record]:
        """All records, from the first on."""
        with open(self.path, "rb") as file:
            file.readline()
            for line in file:
                yield json.loads(line)

    def remove(self) -> None:
        """Delete the file, once the output is written."""
        try:
            self.path.unlink(missing_ok=True)
        except PermissionError:  # Windows cannot delete an open file
            self._file.close()
            self.path.unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> ResumableRecords:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # `add` reports a full disk; closing fails on it, too
            self._file.close()


def _parsed(first: bytes) -> dict[str, Any]:
    """The first line of the file; empty if it is damaged."""
    try:
        head = json.loads(first)
    except (ValueError, RecursionError):
        return {}
    return head if isinstance(head, dict) else {}


def part_path(out: Path) -> Path:
    """The file of unfinished records of an output: OUT.part, shortened if the name is too long."""
    out = Path(os.path.abspath(out))
    name = f"{out.name}.part"
    raw = os.fsencode(name)
    if len(raw) > _NAME_BYTES:
        digest = hashlib.sha256(raw).hexdigest()[:12]
        name = f"{os.fsdecode(raw[:200])}-{digest}.part"
    return out.parent / name


def _time_of_change(name: str) -> int:
    """Time at which a file got its content or its name, in nanoseconds; 0 if it does not exist. The
    name counts, because another, older file may have been moved to it."""
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _as_json(name: str) -> str:
    """A file name as reading a record returns it: escaped where it is not UTF-8."""
    return json.loads(json_line({"file": name}))["file"]
