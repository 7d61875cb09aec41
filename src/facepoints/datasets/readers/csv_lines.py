"""Reads the lines and cells of CSV label tables, which may be in a zip or in a zip within a zip."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from facepoints.errors import DataError

__all__ = ["ZIP_MAGIC", "choose_table", "csv_cells", "open_table", "read_lines"]

ZIP_MAGIC = b"PK"
_BLOCK = 1 << 20  # bytes read at once
_BOM = b"\xef\xbb\xbf"


@contextmanager
def open_table(path: Path, split: str) -> Iterator[tuple[IO[bytes], str]]:
    """Open the label table in a CSV or zip file.

    From a zip it opens the file named after the split (training.csv or test.csv), or the only CSV
    file. The file may be in a zip of its own, such as training.zip in the complete download of
    Kaggle's competition.

    Args:
        path: CSV or zip file.
        split: "training" or "test". It chooses between the tables of a zip.

    Yields:
        A binary stream of the table, and a name of the table for messages.

    Raises:
        DataError: there is no such file, the zip is damaged, or it has no such table.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) != ZIP_MAGIC:
                file.seek(0)
                yield file, str(path)
            else:
                with _open_member(file, split, str(path)) as (member, name):
                    yield member, name
    except FileNotFoundError as error:
        raise DataError(f"no file at {path}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is a damaged or truncated zip ({error}); download it again"
        ) from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error


@contextmanager
def _open_member(file: IO[bytes], split: str, name: str) -> Iterator[tuple[IO[bytes], str]]:
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.namelist() if not m.endswith("/") and "__MACOSX" not in m]
        member = choose_table(members, split)
        if member is None:
            raise DataError(
                f"{name} holds no {split} table; expected {split}.csv or {split}.zip, "
                f"found {', '.join(members[:5]) or 'nothing'}"
            )
        with archive.open(member) as inside:
            if not member.lower().endswith(".zip"):
                yield inside, f"{name}/{member}"
                return
            # a zip is read from its end, so the inner zip is unpacked first
            with tempfile.TemporaryFile() as unpacked:
                while block := inside.read(_BLOCK):
                    unpacked.write(block)
                with _open_member(unpacked, split, f"{name}/{member}") as inner:
                    yield inner


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

    A byte order mark is dropped. LF and CRLF end a line. A quoted cell may contain line ends.
    Blank lines are skipped.

    Raises:
        ValueError: a quote never closes.
    """
    open_quote: list[bytes] = []
    start = 1
    for number, line in enumerate(_raw_lines(stream), start=1):
        if number == 1 and line.startswith(_BOM):
            line = line[len(_BOM) :]
        if (b'"' in line and line.count(b'"') % 2) or open_quote:
            if not open_quote:
                start = number
                open_quote = [line]
                continue
            open_quote.append(line)
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
    while block := stream.read(_BLOCK):
        first, *more = block.split(b"\n")
        rest.append(first)
        if more:
            yield b"".join(rest)
            yield from more[:-1]
            rest = [more[-1]]
    if last := b"".join(rest):
        yield last


_CELL = re.compile(rb'\s*"([^"]*(?:""[^"]*)*)"\s*(?:,|$)|([^,]*)(?:,|$)')


def csv_cells(line: bytes) -> list[bytes]:
    """The cells of a CSV line, without their quotes."""
    if b'"' not in line:
        return line.split(b",")
    cells, start = [], 0
    while start <= len(line):
        match = _CELL.match(line, start)
        if match is None:
            break
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        if match.end() == len(line) and not match.group().endswith(b","):
            break
        start = match.end()
    return cells
