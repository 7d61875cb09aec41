"""Records of a video that are kept on the disk until the output can be written as a whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from facepoints._util import files
from facepoints.errors import WriteError
from facepoints.results.records import Record, json_line

__all__ = ["TemporaryRecords"]


class TemporaryRecords:
    """Stores the records of all frames in a temporary file in the folder of the output."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def add(self, record: Record) -> None:
        """Append the record of the next frame. Raises WriteError."""
        try:
            self._file.write(json_line(record).encode())
        except OSError as error:
            raise self._failed(error) from error

    def records(self) -> Iterator[Record]:
        """Read all records, from the first on."""
        try:
            self._file.seek(0)
        except OSError as error:  # what is still buffered may not fit on the disk
            raise self._failed(error) from error
        for line in self._file:
            yield json.loads(line)

    def __enter__(self) -> TemporaryRecords:
        files.make_folder(self._out.parent)
        try:
            self._file = tempfile.TemporaryFile(dir=self._out.parent)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._file.close()

    def _failed(self, error: OSError) -> WriteError:
        return WriteError(f"could not write {self._out}: {error.strerror or error}")
