"""Prints results to standard output, and notes and errors to standard error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

__all__ = ["ERR", "OUT", "fail", "note", "say"]

OUT = Console(quiet=os.environ.get("RANK", "0") != "0")
"""Standard output. In distributed training, only the first process prints."""

ERR = Console(stderr=True, soft_wrap=True)
"""Standard error."""


def say(text: str) -> None:
    """Print a line to standard output."""
    text = text.encode(errors="backslashreplace").decode()  # file names need not be UTF-8
    OUT.print(escape(text), soft_wrap=True, highlight=False)


def note(text: str) -> None:
    """Print a line to standard error, so that it does not mix with results."""
    with suppress(OSError):
        ERR.print(escape(text), highlight=False)


def fail(text: str) -> NoReturn:
    """Print an error on one line and exit with status 2."""
    with suppress(OSError):  # the exit status reports the error as well
        ERR.print(f"[bold red]error:[/bold red] {escape(' '.join(text.split()))}", highlight=False)
    sys.exit(2)
