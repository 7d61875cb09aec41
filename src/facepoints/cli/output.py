"""Prints results to standard output, and notes, warnings and errors to standard error."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO

from rich.text import Text

from facepoints._util.console import PlainConsole, print_line
from facepoints._util.text_files import escape_controls
from facepoints.errors import DataWarning

__all__ = ["ERR", "OUT", "fail", "note", "say", "shown_warnings", "working"]

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


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that a command works, and for how long: on a terminal, until the block ends.

    Args:
        what: what it does, as in "reading the data".
    """
    if not ERR.is_terminal or OUT.quiet:
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=ERR, transient=True) as bar:
        bar.add_task(what, total=None)
        yield


def fail(text: str) -> NoReturn:
    """Print an error on one line and exit with status 2."""
    with suppress(OSError):  # the exit status reports the error as well
        _print_marked("error:", "bold red", text)
    sys.exit(2)


@contextmanager
def shown_warnings() -> Iterator[None]:
    """Print every DataWarning in this context as one line on standard error.

    In distributed training, only the first process prints them. Other warnings keep their form.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        before = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, DataWarning):
                before(message, category, filename, lineno, file, line)
            elif os.environ.get("RANK", "0") == "0":
                with suppress(OSError):
                    _print_marked("warning:", "bold yellow", str(message))

        warnings.showwarning = show
        yield


def _print_marked(mark: str, style: str, text: str) -> None:
    """Print a word with a style, and text. Messages of libraries may have several lines."""
    line = escape_controls(re.sub(r"\s*\n\s*", " ", text.strip()))
    parts: list[Any] = [(mark, style), " ", line]
    ERR.print(Text.assemble(*parts), soft_wrap=True)
