"""Standard output and error of the commands: safe text, full disks, closed pipes, noisy
libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from facepoints._util.text_files import escape_controls
from facepoints.errors import WriteError

__all__ = ["PlainConsole", "checked_output", "print_line", "quiet_libraries"]


class PlainConsole(Console):
    """A console that prints strings as they are.

    Names of files, columns and points come from other people. In a string, ``[red]`` and
    ``:smile:`` are no markup here, and control characters are escaped (`escape_controls`), so a
    string is one line and cannot move the cursor. Styles are given as arguments or as `Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a string, with its control characters escaped."""
        return super().render_str(escape_controls(text), **options)


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print text as one line on any console, without markup and control characters."""
    console.print(Text(escape_controls(text), style), soft_wrap=True)


class _CheckedStream:
    """A text stream that raises WriteError on failure, except for a closed pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _failures():
            return self._stream.write(text)

    def flush(self) -> None:
        with _failures():
            self._stream.flush()


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # as in `facepoints ... | head`: not an error, the reader has enough
    except OSError as error:
        raise WriteError(f"could not write to standard output: {error.strerror}") from error


@contextmanager
def checked_output() -> Iterator[None]:
    """Raise an error in this context if printed text cannot be written.

    Raises:
        WriteError: standard output cannot be written, for example on a full disk.
        BrokenPipeError: the reader of the pipe is gone.
    """
    stream = sys.stdout
    if stream is None:  # closed by the caller
        yield
        return
    checked: Any = _CheckedStream(stream)
    try:
        with redirect_stdout(checked):
            try:
                yield
            finally:
                checked.flush()
    except (WriteError, BrokenPipeError):
        _discard(stream)
        raise


def _discard(stream: TextIO) -> None:
    """Discard the buffered text of a stream that fails. Python would try to write it again at
    exit, and fail again."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Discard messages of C libraries on standard error; those of Python are shown. (libpng and
    libjpeg warn of damage that facepoints reports itself.)"""
    stream = sys.stderr
    try:
        direct = stream.fileno() == 2 if stream is not None else False
        kept = os.dup(2)
    except (OSError, ValueError):  # closed by the caller
        yield
        return
    try:
        if stream is not None and direct:
            stream.flush()
            how = {"encoding": stream.encoding, "errors": "backslashreplace", "closefd": False}
            sys.stderr = open(kept, "w", buffering=1, **how)  # noqa: SIM115
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        sys.stderr = stream
