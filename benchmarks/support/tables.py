"""The same table for the terminal and for a Markdown page, and the files of a result."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from facepoints._util.files import write_json, write_text

from . import machine

__all__ = ["Cells", "markdown", "show", "show_titled", "write"]

Cells = list[list[str]]
"""Header, then rows; the first column is aligned to the left, the others to the right."""


def show(title: str, cells: Cells) -> None:
    """Print to the terminal."""
    table = Table(title=title)
    for place, head in enumerate(cells[0]):
        table.add_column(head, justify="right" if place else "left", no_wrap=True)
    for row in cells[1:]:
        table.add_row(*row)
    width = 2 + sum(3 + max(len(row[i]) for row in cells) for i in range(len(cells[0])))
    Console(width=width).print(table)


def markdown(cells: Cells) -> str:
    """The table as Markdown, with a line break at the end."""
    rule = ["---", *["---:"] * (len(cells[0]) - 1)]
    lines = [cells[0], rule, *cells[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show_titled(titled: Iterable[tuple[str, Cells]], heading: str = "") -> str:
    """Print tables to the terminal, and return them as Markdown.

    Args:
        titled: each table with its title.
        heading: marks titles as headings, for example "### ".
    """
    text = ""
    for title, cells in titled:
        show(title, cells)
        text += f"{heading}{title}\n\n{markdown(cells)}\n"
    return text


def write(folder: Path, name: str, content: dict[str, Any], text: str) -> None:
    """Write NAME.json and NAME.md; both name the machine.

    Args:
        folder: for both files.
        content: the figures.
        text: the same as Markdown.
    """
    here = machine.describe_machine()
    write_json(folder / f"{name}.json", {"machine": here} | content)
    write_text(folder / f"{name}.md", f"{machine.header(here)}\n\n{text}")
