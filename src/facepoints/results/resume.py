"""Records of work in progress, in a file beside the output, to resume an interrupted run.

The file is OUT.part: a line of JSON that states what the records depend on, then a record per
line. It exists during the work and after an interruption. The finished output replaces it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from facepoints.errors import WriteError
from facepoints.imaging.image_io import STDIN
from facepoints.results.records import Record, json_line

__all__ = ["ResumableRecords"]


class ResumableRecords:
    """Records of images, in the order of the images, that survive an interruption.

    If an earlier run depended on the same settings, its records are kept up to the first image
    that differs: another name in `files`, or changed since. The record of standard input is never
    kept, because it may be another image each time.

    Args:
        out: output that the records will become; nothing is written there.
        files: the images, in order.
        depends_on: what the records depend on besides the images (model, settings), JSON-ready.

    Attributes:
        path: the file of the records.
        done: number of images that have a record.

    Raises:
        WriteError: the file cannot be written.
    """

    def __init__(self, out: Path, files: Sequence[str], depends_on: dict[str, Any]) -> None:
        self.path = out.with_name(f"{out.name}.part")
        head = json_line({"facepoints": depends_on}).encode()
        self.done = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            end = self._bytes_to_keep(head, files)
            self._file: BinaryIO = open(self.path, "r+b" if end else "wb")  # noqa: SIM115
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._file.write(head)
            self._file.flush()
        except OSError as error:
            raise WriteError(f"could not write {self.path}: {error.strerror or error}") from error

    def _bytes_to_keep(self, head: bytes, files: Sequence[str]) -> int:
        """Number of bytes of an existing file to keep. Sets `done` to their number of records."""
        end = 0
        try:
            written = os.stat(self.path).st_mtime_ns
            with open(self.path, "rb") as file:
                if file.readline() != head:
                    return 0
                end = file.tell()
                for name in files:
                    line = file.readline()
                    if not line.endswith(b"\n") or json.loads(line)["file"] != _as_json(name):
                        break
                    if name == STDIN or _time_of_change(name) >= written:
                        break
                    end = file.tell()
                    self.done += 1
                return end
        except FileNotFoundError:
            return 0
        except (ValueError, TypeError, LookupError):  # damaged by a power cut
            return end

    def add(self, record: Record) -> None:
        """Append the record of the next image. Raises WriteError."""
        try:
            self._file.write(json_line(record).encode())
            self._file.flush()
        except OSError as error:
            raise WriteError(f"could not write {self.path}: {error.strerror}") from error
        self.done += 1

    def records(self) -> Iterator[Record]:
        """All records, from the first on."""
        with open(self.path, "rb") as file:
            file.readline()
            for line in file:
                yield json.loads(line)

    def remove(self) -> None:
        """Delete the file, once the output is written."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> ResumableRecords:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # `add` reports a full disk; closing fails on it, too
            self._file.close()


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
