"""How a list of pictures is written: a name on each line, or a column of a CSV table."""

from __future__ import annotations

import csv
import os
import re
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.sources.columns import PATH_NAMES, pick_column
from facepoints.sources.suffixes import file_kind, is_url, url_path

__all__ = ["LONGEST", "ListFormat", "check_quotes", "format_of", "row_ends", "text_of"]

LONGEST = 1 << 20
"""Bytes of the longest row; a longer one is no path."""

_LONGEST_PATH = 4096  # letters
_PIXELS = re.compile(r"\d+(?: \d+){9}")

_MARK = b"\xef\xbb\xbf"  # of UTF-8, which some programs write at the beginning
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16, as PowerShell writes text


class ListFormat(NamedTuple):
    """How a list is read.

    Attributes:
        separator: of the cells of a table; empty if a row is a name.
        cell: number of the cell that holds the name.
        start: bytes before the first row of names.
    """

    separator: str
    cell: int
    start: int


def format_of(file: BinaryIO, name: str, column: str | None) -> ListFormat:
    """Find out how a list is to be read, by its suffix and its first row.

    A table begins with the names of its columns. A table of one column may lack them.

    Raises:
        DataError: it is no text in UTF-8; the table has no such column, or several may be meant.
    """
    head = file.read(LONGEST)
    if head.startswith(_WIDE_MARKS) or b"\0" in head:
        raise DataError(
            f"{name} should be text in UTF-8, with a path or an address on each line, and is not; "
            f"save it as UTF-8"
        )
    mark = len(_MARK) if head.startswith(_MARK) else 0
    suffix = os.path.splitext(url_path(name))[1].lower()
    separators = {".csv": ",;\t", ".tsv": "\t"}.get(suffix, "")
    if not separators:
        return ListFormat("", 0, mark)
    ends = row_ends(head, True)
    first = head[mark : ends[0]] if len(ends) else head[mark:]
    separator = _separator(_text(first), separators, column)
    cells = [cell.strip() for cell in _cells(_text(first), separator)]
    header = column is not None or any(cell.lower() in PATH_NAMES for cell in cells)
    if not header and len(cells) == 1:
        named = file_kind(cells[0]) or is_url(cells[0]) or "/" in cells[0]
        return ListFormat(separator, 0, mark if named else mark + len(first))
    chosen = pick_column(cells, name, column)
    form = ListFormat(separator, cells.index(chosen), mark + len(first))
    second = head[ends[0] : ends[1] if len(ends) > 1 else None] if len(ends) else b""
    _check_path(text_of(second, form), chosen, name)
    return form


def _separator(first: str, separators: str, column: str | None) -> str:
    """The separator of a table's first row: the one that cuts out the name of a column of paths,
    else the first one that is there. A row that is itself a path of an image has the usual one."""
    for separator in separators:
        cells = [cell.strip() for cell in _cells(first, separator)]
        if len(cells) > 1 and any(c == column or c.lower() in PATH_NAMES for c in cells):
            return separator
    there = [each for each in separators if each in first and not file_kind(first)]
    return there[0] if there else separators[0]


def _check_path(text: str, column: str, name: str) -> None:
    """Refuse a column that holds pixels, as Kaggle's tables of faces do. Raises DataError."""
    if len(text) > _LONGEST_PATH or _PIXELS.match(text):
        raise DataError(
            f"the column '{column}' of {name} holds no paths, it begins with '{text[:20]}...'; "
            f"expected the path or the address of an image file in each row"
        )


def row_ends(data: bytes, table: bool) -> NDArray[np.int64]:
    """Ends of the rows of some data, which begins with a row. What follows is cut off.

    A row of a table ends at the end of a line where its quotes are closed (RFC 4180).
    """
    letters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(letters == ord("\n")) + 1
    if table and b'"' in data:
        quotes = np.flatnonzero(letters == ord('"'))
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return ends


def check_quotes(
    rows: bytes, ends: NDArray[np.int64], start: int, form: ListFormat, name: str
) -> None:
    """Refuse quotes of a table that are wrong: they would join rows, whose pictures are lost.

    Args:
        rows: whole rows.
        ends: where each of them ends.
        start: where the first of them begins, in bytes of the table.
        form: how they are read.
        name: of the table, for messages.

    Raises:
        DataError: a row of several lines is not written as RFC 4180 says.
    """
    if not form.separator or b'"' not in rows:
        return
    lines = np.flatnonzero(np.frombuffer(rows, np.uint8) == ord("\n"))
    inside = np.searchsorted(lines, ends) - np.searchsorted(lines, np.append(0, ends[:-1]))
    for at in np.flatnonzero(inside > 1).tolist():
        first = int(ends[at - 1]) if at else 0
        text = _text(rows[first : ends[at]])
        try:
            next(csv.reader([text], delimiter=form.separator, strict=True))
        except csv.Error:
            raise DataError(
                f"{name} has a quote that is not closed, or that stands within a cell, in the row "
                f"at byte {start + first}; expected cells with quotes to be in quotes, with each "
                f'quote inside doubled: "5"" wide.jpg"'
            ) from None


def text_of(row: bytes, form: ListFormat) -> str:
    """The name in a row; empty if it has none."""
    text = _text(row)
    if not form.separator or not text:
        return text
    cells = _cells(text, form.separator)
    return cells[form.cell] if form.cell < len(cells) else ""


def _text(row: bytes) -> str:
    return row.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _cells(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:  # a cell that is longer than any path
        return []
