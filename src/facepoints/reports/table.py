"""Tables of a report: cells with a text, and the value that sorts them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Cell",
    "Column",
    "Table",
    "count",
    "number",
    "percent",
    "share",
    "significant",
    "text",
]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its heading.
        note: explanation that shows when the pointer rests on the heading.
        numeric: aligned to the right, as numbers are.
    """

    name: str
    note: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is shown.
        value: what a click on the heading sorts by; None: the text.
        strong: shown in bold.
        link: id of an element of the page that the text leads to; empty: none.
    """

    text: str
    value: float | str | None = None
    strong: bool = False
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table that the page's script makes sortable.

    Attributes:
        columns: headings.
        rows: cells, as many in a row as there are columns.
        caption: a line above the table; empty: none.
        sortable: False if the order of the rows has a meaning.
        words: True for a table of sentences: on a phone, its cells are below each other.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    sortable: bool = True
    words: bool = False


def text(value: str, *, strong: bool = False, link: str = "") -> Cell:
    """A cell of text."""
    return Cell(value, strong=strong, link=link)


def count(value: int) -> Cell:
    """A cell with a whole number, as in "1,234"."""
    return Cell(f"{value:,}", float(value))


def number(value: float | None, digits: int = 3, unit: str = "", *, strong: bool = False) -> Cell:
    """A cell with a number of some significant digits and its unit; a dash for None and for what
    is not finite."""
    if value is None or not math.isfinite(value):
        return Cell("–")
    return Cell(significant(value, digits) + unit, float(value), strong)


def share(value: float | None, digits: int = 1, *, strong: bool = False) -> Cell:
    """A cell with a share in percent: 0.123 becomes "12.3 %"."""
    if value is None or not math.isfinite(value):
        return Cell("–")
    return Cell(percent(value, digits), float(value), strong)


def percent(value: float, digits: int = 1) -> str:
    """A share in percent: 0.123 becomes "12.3 %"."""
    return f"{100 * value:.{digits}f} %"


def significant(value: float, digits: int = 3) -> str:
    """A number with some significant digits and no exponent where it can be helped."""
    if value == 0:
        return "0"
    shown = f"{value:.{digits}g}"
    if "e" in shown and 1e-5 < abs(value) < 1e9:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{places}f}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(float(shown)))))
    return f"{value:.{min(places, 8)}f}"
