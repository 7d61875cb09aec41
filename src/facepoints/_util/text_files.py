"""UTF-8 text files, whatever the file names in them."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

__all__ = []


def open_text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
