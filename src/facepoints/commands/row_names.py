"""Finds rows with the same name, however many rows there are, in little memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import WriteError

__all__ = ["Doubles", "RowNames", "row_key"]

_FILES = 64  # temporary ones; of a hundred million rows, each has 31 MB
_ROW = np.dtype([("key", "S16"), ("part", "<u4")])
_NAMED = 5  # doubles whose parts are kept


def row_key(name: str) -> bytes:
    """A digest of 16 bytes, which no two names share in practice."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass
class Doubles:
    """Rows whose name an earlier row has.

    Attributes:
        count: of these rows.
        parts: numbers of the parts of the first and of a later row, by the key of their name; of
            some names.
    """

    count: int = 0
    parts: dict[bytes, tuple[int, int]] = field(default_factory=dict)


class RowNames:
    """The names of all rows, in temporary files by the first bits of their keys.

    `open` makes one.

    Raises:
        WriteError: there is no room for the temporary files.
    """

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[RowNames]:
        """No names yet. The temporary files are removed at the end of the context."""
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(_FILES)]
            except OSError as error:
                raise _no_room(error) from error
            yield cls(files)

    def add(self, part: int, names: Iterable[str]) -> None:
        """Add the names of rows of a part."""
        number = part.to_bytes(4, "little")
        try:
            for key in map(row_key, names):
                self._files[key[0] % len(self._files)].write(key + number)
        except OSError as error:
            raise _no_room(error) from error

    def doubles(self) -> Doubles:
        """The rows whose name an earlier row has."""
        found = Doubles()
        for file in self._files:
            try:
                file.seek(0)
                rows = np.frombuffer(file.read(), dtype=_ROW)
            except OSError as error:
                raise _no_room(error) from error
            _count(rows, found)
        return found


def _count(rows: NDArray[np.void], found: Doubles) -> None:
    ordered = rows[np.argsort(rows["key"], kind="stable")]
    same = np.flatnonzero(ordered["key"][1:] == ordered["key"][:-1])
    found.count += len(same)
    for place in same[: _NAMED - len(found.parts)]:
        one, other = ordered[place], ordered[place + 1]
        key = bytes(one["key"]).ljust(16, b"\0")  # numpy drops zeros at the end
        found.parts.setdefault(key, (int(one["part"]), int(other["part"])))


def _no_room(error: OSError) -> WriteError:
    return WriteError(
        f"could not keep the names of the rows in {tempfile.gettempdir()}: "
        f"{error.strerror or error}; set TMPDIR to a folder with more room"
    )
