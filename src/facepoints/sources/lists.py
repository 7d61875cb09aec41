"""Lists of pictures: a path or an address on each line, or in a column of a CSV table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from facepoints.errors import DataError
from facepoints.sources import stores
from facepoints.sources.columns import PATH_NAMES, pick_column
from facepoints.sources.faults import retried
from facepoints.sources.parts import Part
from facepoints.sources.suffixes import file_kind, is_url, url_path

__all__ = ["divide", "names_of", "relative_to"]

_LONGEST = 1 << 20  # bytes of a line; a longer one is no path


class _Table(NamedTuple):
    """How a list is read: the separator of cells ("" for none), the cell, and where rows begin."""

    separator: str
    cell: int
    start: int


def divide(name: str, part_size: int, column: str | None, digest: Any) -> Iterator[Part | str]:
    """The parts of a list, and the names of archives that it holds, in order.

    Args:
        name: path or address of the list.
        part_size: names of a part.
        column: name of the column of a table; None: the only one.
        digest: is updated with the content.

    Raises:
        DataError: it cannot be read, or the column is not known.
    """
    with stores.open_file(name) as file:
        table = _table_of(file, name, column)
        file.seek(0)
        digest.update(file.read(table.start))
        at = start = table.start
        count = 0
        for row in _rows(file, table, name):
            digest.update(row)
            at += len(row)
            text = _text_of(row, table)
            kind = file_kind(text) if text else ""
            archive = kind in ("tar", "parquet")
            count += bool(text) and not archive
            if count == part_size or (archive and count):
                end = at - len(row) if archive else at
                yield _part(name, start, end, count, table)
                start, count = end, 0
            if archive:
                start = at
                yield stores.join(relative_to(name), text)
        if count:
            yield _part(name, start, at, count, table)


def _part(name: str, start: int, stop: int, count: int, table: _Table) -> Part:
    column = f"{table.cell}{table.separator}" if table.separator else ""
    return Part(0, "list", name, start, stop, count, column)


def names_of(part: Part) -> list[str]:
    """The paths and addresses of a part of a list, relative to the list's folder.

    Raises:
        DataError, StoreError: the list cannot be read.
    """
    data = stores.read_range(part.source, part.start, part.stop)
    table = _Table(part.column[-1:], int(part.column[:-1] or 0), 0)
    folder = relative_to(part.source)
    rows = _rows(io.BytesIO(data), table, part.source)
    return [stores.join(folder, text) for row in rows if (text := _text_of(row, table))]


def relative_to(name: str) -> str:
    """The folder of a list or a table, which its paths are relative to."""
    return url_path(name).rpartition("/")[0] if is_url(name) else os.path.dirname(name)


def _rows(file: BinaryIO, table: _Table, name: str) -> Iterator[bytes]:
    """The bytes of each row. A row of a table ends where its quotes are closed (RFC 4180)."""
    row = b""
    while line := file.readline(_LONGEST):
        row = row + line if row else line
        if len(row) >= _LONGEST:
            raise DataError(
                f"{name} has a line of more than {_LONGEST} bytes; expected a list of paths, one "
                f"on each line"
            )
        if table.separator and row.count(b'"') % 2:
            continue
        yield row
        row = b""
    if row:
        yield row


def _text_of(row: bytes, table: _Table) -> str:
    """The path or address of a row; empty if it has none."""
    text = row.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not table.separator or not text:
        return text
    cells = _cells(text, table.separator)
    return cells[table.cell] if table.cell < len(cells) else ""


def _cells(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    return next(csv.reader([text], delimiter=separator), [])


def _table_of(file: BinaryIO, name: str, column: str | None) -> _Table:
    """How a list is to be read, by its suffix and its first row."""
    mark = 3 if retried(lambda: file.read(3), name, retry=False) == b"\xef\xbb\xbf" else 0
    file.seek(mark)
    suffix = os.path.splitext(url_path(name))[1].lower()
    separator = {".csv": ",", ".tsv": "\t"}.get(suffix, "")
    if not separator:
        return _Table("", 0, mark)
    first = next(_rows(file, _Table(separator, 0, 0), name), b"")
    text = first.decode("utf-8", "surrogateescape").rstrip("\r\n")
    cells = [cell.strip() for cell in _cells(text, separator)]
    header = column is not None or any(cell.lower() in PATH_NAMES for cell in cells)
    if not header and len(cells) == 1:  # a table of one column without a header
        known = file_kind(cells[0]) or is_url(cells[0]) or "/" in cells[0]
        return _Table(separator, 0, mark if known else mark + len(first))
    chosen = pick_column(cells, name, column)
    return _Table(separator, cells.index(chosen), mark + len(first))
