"""Standard output of the commands, which may be a full disk or a pipe that nobody reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from facepoints.errors import WriteError

__all__ = ["checked_output", "count_noun", "quiet_libraries"]


def count_noun(count: int, what: str, several: str = "") -> str:
    """So many things, as in "1 face" and "2 faces"; `several` if that takes more than an s."""
    return f"{count} {what if count == 1 else several or what + 's'}"


class _Checked:
    """A text stream whose failures are WriteErrors, but for a closed pipe's."""

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
        raise  # as in `facepoints ... | head`: no error, the reader has seen enough
    except OSError as error:
        raise WriteError(f"could not write to standard output: {error.strerror}") from error


@contextmanager
def checked_output() -> Iterator[None]:
    """While it is entered, what is printed arrives, or a WriteError says that it does not.

    Raises:
        WriteError: standard output cannot be written, such as on a full disk.
        BrokenPipeError: nobody reads it any more.
    """
    stream = sys.stdout
    if stream is None:  # closed by the caller: nothing is to be said
        yield
        return
    checked: Any = _Checked(stream)
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
    """Let what a stream still holds go nowhere, or Python would try and fail again at its
    exit, if it is that stream which fails."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """What libraries written in C say on standard error goes nowhere meanwhile; what Python
    says arrives. (libpng and libjpeg warn of damage that we tell in our own words.)"""
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
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        sys.stderr = stream
