"""Prints results to standard output, and notes and errors to standard error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from rich.text import Text

from facepoints._util.console import PlainConsole, print_line
from facepoints._util.text_files import escape_controls

__all__ = ["ERR", "OUT", "fail", "note", "say"]

OUT = PlainConsole(quiet=os.environ.get("RANK", "0") != "0")
"""Standard output. In distributed training, only the first process prints."""

ERR = PlainConsole(stderr=True, soft_wrap=True)
"""Standard error."""


def say(text: str) -> None:
    """Print a line to standard output."""
    print_line(OUT, text)


def note(text: str) -> None:
    """Print a line to standard error, so that it does not mix with results."""
    with suppress(OSError):
        print_line(ERR, text)


def fail(text: str) -> NoReturn:
    """Print an error on one line and exit with status 2."""
    line = Text.assemble(("error:", "bold red"), " ", escape_controls(text.strip()))
    with suppress(OSError):  # the exit status reports the error as well
        ERR.print(line, soft_wrap=True)
    sys.exit(2)
