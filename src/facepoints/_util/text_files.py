"""Text in files and on the terminal: UTF-8, without control characters, harmless as CSV cells."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

__all__ = [
    "escape_controls",
    "formulas_kept",
    "harmless_cell",
    "open_text",
    "original_cell",
    "printable",
    "write_row",
]

_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of writing, and so the order in which text is seen."""

_UNSAFE = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators

_FORMULA = re.compile(r"'*[=+\-@\t\r]", re.DOTALL)
"""Beginning of a cell that a spreadsheet may take for a formula, or of one that was escaped."""

_formulas_kept: ContextVar[bool] = ContextVar("formulas_kept", default=False)


def open_text(path: Path) -> TextIO:
    """Open a file to write UTF-8 text; line ends are written as given."""
    return path.open("w", encoding="utf-8", newline="")


def printable(name: str) -> str:
    """A file name that can be encoded as UTF-8; other bytes are escaped with a backslash."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def escape_controls(text: str) -> str:
    """Text on one line that leaves the terminal alone.

    Control characters, ends of lines, characters that change the direction of writing, and bytes
    that are not UTF-8 are escaped as in Python.

    Examples:
        >>> print(escape_controls("a\\x1b[2Jb\\nc"))
        a\\x1b[2Jb\\nc
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) for c in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) in _UNSAFE or character in _DIRECTIONS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def harmless_cell(text: str) -> str:
    """Text for a CSV cell that no spreadsheet takes for a formula.

    Text that begins with ``= + - @``, a tab or a carriage return gets an apostrophe in front, as
    spreadsheets show text. So does text that begins so after apostrophes: then `original_cell`
    gives every text back exactly. A single character is left alone.
    """
    text = printable(text)
    risky = len(text) > 1 and _FORMULA.match(text) and not _formulas_kept.get()
    return f"'{text}" if risky else text


def original_cell(cell: str) -> str:
    """The text that `harmless_cell` was given."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


@contextmanager
def formulas_kept(kept: bool = True) -> Iterator[None]:
    """In this context, `harmless_cell` leaves all cells as they are if `kept` is true."""
    token = _formulas_kept.set(kept)
    try:
        yield
    finally:
        _formulas_kept.reset(token)


def write_row(file: TextIO, cells: Iterable[Any]) -> None:
    """Write a row of a CSV table. Texts are made harmless (`harmless_cell`); None is blank."""
    row = [harmless_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    # csv does not quote a carriage return by itself, and readers end a row there
    risky = any(isinstance(cell, str) and "\r" in cell for cell in row)
    quoting = csv.QUOTE_NONNUMERIC if risky else csv.QUOTE_MINIMAL
    csv.writer(file, lineterminator="\n", quoting=quoting).writerow(row)
