"""The same table for the terminal and for a Markdown page."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

__all__ = ["Cells", "markdown", "show"]

Cells = list[list[str]]
"""Heads, then rows; the first column is text, the others stand to the right."""


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
