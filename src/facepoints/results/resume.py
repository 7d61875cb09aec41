"""Results of work in progress, in a file beside the output, so that an interrupted run can go on.

The file is OUT.part: a line of JSON that says what the results depend on, then a record a
line. It is there while work goes on, and after it was interrupted; what is finished replaces
it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from facepoints.errors import WriteError
from facepoints.imaging.image_io import STDIN
from facepoints.results.records import Record, json_line

__all__ = ["ResumableRecords"]


class ResumableRecords:
    """Records of pictures, in the order of the pictures, that outlast an interruption.

    Args:
        out: the output that the records will become; nothing is written there.
        files: the pictures, in order.
        depends_on: what the records depend on besides the pictures (model, settings). Those
            of another run are kept if it depended on the same, for as many pictures as
            come first in `files` and were not changed since; what comes from standard input
            may be another picture each time.

    Raises:
        WriteError: the file cannot be written.
    """

    def __init__(self, out: Path, files: Sequence[str], depends_on: dict[str, Any]) -> None:
        self.path = out.with_name(f"{out.name}.part")
        head = json_line({"facepoints": depends_on}).encode()
        self.done = 0
        """How many pictures have records."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            end = self._usable(head, files)
            self._file: BinaryIO = open(self.path, "r+b" if end else "wb")  # noqa: SIM115
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._file.write(head)
            self._file.flush()
        except OSError as error:
            raise WriteError(f"could not write {self.path}: {error.strerror or error}") from error

    def _usable(self, head: bytes, files: Sequence[str]) -> int:
        """Bytes of what is there that can be kept; counts the records in `done`."""
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
                    if name == STDIN or _changed(name) >= written:
                        break
                    end = file.tell()
                    self.done += 1
                return end
        except FileNotFoundError:
            return 0
        except (ValueError, TypeError, LookupError):  # damaged by a power cut
            return end

    def add(self, record: Record) -> None:
        """Keep the next picture's record. Raises WriteError."""
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
        """The output is there: the file is not needed any more."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> ResumableRecords:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # told by `add`; on a full disk closing fails as well
            self._file.close()


def _changed(name: str) -> int:
    """When a file got its content or its name, in nanoseconds: another picture that was moved
    to its place may be older. 0 if it is not there."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return 0
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _as_json(name: str) -> str:
    """A file name as it comes back from a record."""
    return json.loads(json_line({"file": name}))["file"]
