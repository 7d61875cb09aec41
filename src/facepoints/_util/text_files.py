"""UTF-8 text files. File names whose bytes are not UTF-8 are escaped in them."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

__all__ = ["open_text", "printable"]


def open_text(path: Path) -> TextIO:
    """Open a file to write UTF-8 text; line ends are written as given."""
    return path.open("w", encoding="utf-8", newline="")


def printable(name: str) -> str:
    """A file name that can be encoded as UTF-8; other bytes are escaped with a backslash."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
