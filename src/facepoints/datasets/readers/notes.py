"""Collects what a reader leaves out of a data set, changes or doubts, for one line per kind."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from facepoints.errors import DataWarning

__all__ = ["Notes", "shortened", "warn_of"]

_NAMED = 3  # examples in a line
_LONGEST = 60  # characters of an example


class Notes:
    """Lines about a data set. Cases of one kind share a line with their count and first names.

    Examples:
        >>> notes = Notes()
        >>> for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        ...     notes.add("boxes without parts were left out", name)
        >>> notes.lines()
        ['boxes without parts were left out: 4 (a.jpg, b.jpg, c.jpg, ...)']
    """

    def __init__(self) -> None:
        self._cases: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, what: str, name: str, count: int = 1) -> None:
        """Count cases of one kind.

        Args:
            what: the line, before the count.
            name: where the case is; the first few are shown.
            count: number of cases at this place.
        """
        names = self._cases.setdefault(what, [])
        if len(names) <= _NAMED:
            names.append(shortened(name))
        self._counts[what] = self._counts.get(what, 0) + count

    def say(self, line: str) -> None:
        """Add a line without a count."""
        self._cases.setdefault(line, [])

    def lines(self) -> list[str]:
        """One line per kind, in the order of their first cases."""
        lines = []
        for what, names in self._cases.items():
            if not names:
                lines.append(what)
                continue
            more = ", ..." if len(names) > _NAMED else ""
            lines.append(f"{what}: {self._counts[what]} ({', '.join(names[:_NAMED])}{more})")
        return lines


def shortened(text: str) -> str:
    """A name for a message: at most 60 characters, line breaks and control characters escaped."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def warn_of(path: Path, lines: Iterable[str], stacklevel: int) -> None:
    """Issue a `DataWarning` per line.

    Args:
        stacklevel: as of `warnings.warn`, counted from the caller of this function.
    """
    for line in lines:
        warnings.warn(f"{path}: {line}", DataWarning, stacklevel=stacklevel + 1)
