"""Formats ``--help``: short in the list of commands, in full for one command, and wrapped.

The texts themselves are in the docstrings of the commands and, for options that several commands
share, in `options`.
"""

from __future__ import annotations

import inspect
import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TextIO, Union

import tyro

__all__ = ["command_type", "wrapped_help"]


def command_type(commands: Mapping[str, Callable[..., None]], arguments: Sequence[str]) -> Any:
    """The type that tyro builds the parser from: a choice of one of the commands.

    The help of a command is its docstring. The list of commands shows only the first paragraph.

    Args:
        commands: functions by command name.
        arguments: command line without the program's name. Its first word may be a command.
    """
    choices = []
    for name, command in commands.items():
        paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
        shown = paragraphs if arguments[:1] == [name] else paragraphs[:1]
        choice = tyro.conf.subcommand(name, constructor=command, description="\n\n".join(shown))
        choices.append(Annotated[Any, choice])
    return Union[tuple(choices)]  # noqa: UP007 (made at run time)


class _Capture(io.StringIO):
    """Collects text for a stream. tyro uses colors and boxes in it if the stream can show them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoding of the stream."""
        return self._stream.encoding or "ascii"

    def isatty(self) -> bool:
        """True if the stream is a terminal."""
        return self._stream.isatty()


_NARROWEST = 40
"""Columns. In less than 8, tyro never comes to the end of wrapping."""


@contextmanager
def _columns(width: int) -> Iterator[None]:
    """Let tyro see a terminal of this width."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


@contextmanager
def wrapped_help(arguments: Sequence[str]) -> Iterator[None]:
    """Wrap the help that is printed inside to the width of the terminal.

    tyro wraps the texts in its boxes, but neither the usage line nor the description above them.
    In a terminal with fewer than 40 columns, the help has 40.
    """
    if sys.stdout is None or not {"-h", "--help"} & set(arguments):
        yield
        return
    output = _Capture(sys.stdout)
    width = max(shutil.get_terminal_size().columns, _NARROWEST)
    try:
        with redirect_stdout(output), _columns(width):
            yield
    finally:
        for line in output.getvalue().splitlines():
            text = "\n".join(_wrap(line, width))
            print(text.encode(output.encoding, "replace").decode(output.encoding))


def _wrap(line: str, width: int) -> list[str]:
    if line.startswith("usage:"):
        line = re.sub(r"\{\w+(,\w+)+\}", "COMMAND", line)
        indent = " " * 4
        return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
    if len(line) <= width or line[:1] in "│╭╰\x1b":
        return [line]
    return textwrap.wrap(line, width, break_on_hyphens=False)
