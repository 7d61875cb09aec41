"""Reads the lines and cells of CSV label tables, plain, in a gzip or zip, or a zip within a zip.

Cells are separated by commas, semicolons or tabs. Lines end with LF, CRLF, or CR.
"""

from __future__ import annotations

import gzip
import io
import lzma
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from facepoints.datasets.readers.label_files import open_regular
from facepoints.datasets.readers.notes import Notes
from facepoints.errors import DataError

__all__ = [
    "ARCHIVE_DAMAGE",
    "GZIP_MAGIC",
    "ZIP_MAGIC",
    "choose_table",
    "csv_cells",
    "damaged",
    "open_table",
    "read_lines",
    "separator_of",
]

ZIP_MAGIC = b"PK"
GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20  # bytes read at once
_BOM = b"\xef\xbb\xbf"
_LONGEST = 64 << 20  # bytes of a line: the pixels of an image of 4000 x 4000
_UNPACKED = 8 << 30  # bytes of a zip within a zip

ARCHIVE_DAMAGE = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # a password
    struct.error,
    UnicodeDecodeError,
    OverflowError,
)
"""Errors of a damaged zip or gzip, of every compression. That of bzip2 is OSError or ValueError."""


@contextmanager
def open_table(
    path: Path, split: str, notes: Notes | None = None
) -> Iterator[tuple[IO[bytes], str]]:
    """Open the label table in a CSV, gzip or zip file.

    From a zip it opens the file named after the split (training.csv or test.csv), or the only CSV
    file. The file may be in a zip of its own, such as training.zip in the complete download of
    Kaggle's competition.

    Args:
        path: CSV, gzip or zip file.
        split: "training" or "test". It chooses between the tables of a zip.
        notes: gets the tables of the same name that are left out; None: nothing is noted.

    Yields:
        A binary stream of the table, and a name of the table for messages.

    Raises:
        DataError: there is no such file, the zip is damaged or encrypted, or it has no such table.
    """
    with open_regular(path) as file:
        head = file.read(2)
        file.seek(0)
        kind = {ZIP_MAGIC: "zip", GZIP_MAGIC: "gzip"}.get(head)
        if kind is None:
            yield file, str(path)
            return
        try:
            if kind == "zip":
                with _open_member(file, split, str(path), notes) as (member, name):
                    yield member, name
            else:
                with gzip.open(file) as unpacked:
                    yield io.BufferedReader(unpacked), str(path)
        except ARCHIVE_DAMAGE as error:
            raise damaged(path, kind, error) from error
        except OSError as error:
            if error.errno is None:  # "Invalid data stream" of bzip2
                raise damaged(path, kind, error) from error
            raise DataError(f"could not read {path}: {error.strerror or error}") from error


def damaged(path: Path, kind: str, error: BaseException) -> DataError:
    """The error for a zip or gzip that cannot be unpacked."""
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        return DataError(f"{path} is encrypted; unpack it with its password first")
    reason = str(error) or type(error).__name__
    return DataError(f"{path} is a damaged or truncated {kind} ({reason}); download it again")


@contextmanager
def _open_member(
    file: IO[bytes], split: str, name: str, notes: Notes | None
) -> Iterator[tuple[IO[bytes], str]]:
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.namelist() if not m.endswith("/") and not _hidden(m)]
        member = choose_table(members, split)
        if member is None:
            raise DataError(
                f"{name} holds no {split} table; expected {split}.csv or {split}.zip, "
                f"found {', '.join(members[:5]) or 'nothing'}"
            )
        wanted = PurePosixPath(member).name.lower()
        for other in members:
            same = other != member and PurePosixPath(other).name.lower() == wanted
            if same and notes is not None:
                notes.add("other tables of the same name in the zip were left out", other)
        with archive.open(member) as inside:
            if not member.lower().endswith(".zip"):
                yield inside, f"{name}/{member}"
                return
            # a zip is read from its end, so the inner zip is unpacked first
            with tempfile.TemporaryFile() as unpacked:
                size = 0
                while block := inside.read(_BLOCK):
                    size += unpacked.write(block)
                    if size > _UNPACKED:
                        raise DataError(
                            f"{name}/{member} unpacks to more than {_UNPACKED >> 30} GiB; "
                            f"unpack it first"
                        )
                with _open_member(unpacked, split, f"{name}/{member}", notes) as inner:
                    yield inner


def _hidden(member: str) -> bool:
    """True for what macOS adds to a zip."""
    return "__MACOSX" in member or PurePosixPath(member).name.startswith("._")


def choose_table(names: list[str], split: str) -> str | None:
    """The one of these file names that holds the table of the split; None if there is none."""
    tables = [n for n in names if n.lower().endswith((".csv", ".zip"))]
    for suffix in (".csv", ".csv.zip", ".zip"):
        for name in tables:
            if PurePosixPath(name).name.lower() == split + suffix:
                return name
    return tables[0] if len(tables) == 1 else None


def read_lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a table as (line number from 1, bytes without the line end).

    A byte order mark is dropped. LF and CRLF end a line, and CR in a file without LF. A quoted
    cell may contain line ends. Blank lines are skipped, and a first line ``sep=;`` of Excel.

    Raises:
        ValueError: a quote never closes, or a line is longer than 64 MiB.
    """
    open_quote: list[bytes] = []
    start = 1
    for number, line in enumerate(_raw_lines(stream), start=1):
        if number == 1 and line.startswith(_BOM):
            line = line[len(_BOM) :]
        if number == 1 and re.fullmatch(rb"(?i)\s*sep=.\s*", line):
            continue
        if (b'"' in line and line.count(b'"') % 2) or open_quote:
            if not open_quote:
                start = number
                open_quote = [line]
                continue
            open_quote.append(line)
            if sum(map(len, open_quote)) > _LONGEST:
                raise ValueError(f"the quote that opens in line {start} holds over 64 MiB")
            if line.count(b'"') % 2 == 0:
                continue
            yield start, b"\n".join(open_quote).rstrip(b"\r")
            open_quote = []
        elif line and not line.isspace():
            yield number, line.rstrip(b"\r")
    if open_quote:
        raise ValueError(f"the quote that opens in line {start} never closes")


def _raw_lines(stream: IO[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    length = number = 0
    ending = b""
    while block := stream.read(_BLOCK):
        if not ending and b"\n" in block:
            ending = b"\n"
        elif not ending and b"\r" in block.rstrip(b"\r"):
            ending = b"\r"
        first, *more = block.split(ending) if ending else [block]
        rest.append(first)
        length += len(first)
        if length > _LONGEST:
            raise ValueError(f"the line after line {number} is longer than {_LONGEST >> 20} MiB")
        if more:
            yield b"".join(rest)
            yield from more[:-1]
            number += len(more)
            rest, length = [more[-1]], len(more[-1])
    if last := b"".join(rest):
        yield last


def separator_of(header: bytes) -> bytes:
    """The separator of a table's cells, by its first line: a comma, a semicolon or a tab."""
    return max((b",", b";", b"\t"), key=header.count)


_CELLS = {
    separator: re.compile(
        rb'\s*"([^"]*(?:""[^"]*)*)"[^\S\t]*(?:%s|$)|([^%s]*)(?:%s|$)' % ((separator,) * 3)
    )
    for separator in (b",", b";", b"\t")
}


def csv_cells(line: bytes, separator: bytes = b",") -> list[bytes]:
    """The cells of a CSV line, without their quotes."""
    if b'"' not in line:
        return line.split(separator)
    pattern = _CELLS[separator]
    cells, start = [], 0
    while start <= len(line):
        match = pattern.match(line, start)
        if match is None:
            break
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        if match.end() == len(line) and not match.group().endswith(separator):
            break
        start = match.end()
    return cells
