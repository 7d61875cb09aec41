"""Runs the command that the arguments name. An error becomes one line and an exit status.

Exit status 0: done; 1: the reader of the output closed it; 2: an input or a setting cannot
be used, or an output cannot be written; 130: stopped by Ctrl-C or SIGTERM, ready to resume.

Importing this module takes no time. The commands are imported inside `main`, so that Ctrl-C is
quiet from the first moment on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from facepoints._util.memory import TOO_LITTLE, enough_to_start, is_out_of_memory
from facepoints._util.processors import limit_openmp

__all__ = ["main"]

_STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: words after the program's name; None: those of this process.
    """
    if arguments is not None:
        from facepoints.cli.run import run

        run(arguments)
        return
    _catch_signals(_leave_at_once(_STOPPED))  # an import may turn KeyboardInterrupt into an error
    if not enough_to_start():
        sys.exit(_fail_for_memory())
    limit_openmp()
    try:
        from facepoints.cli.run import run
    except Exception as error:
        if is_out_of_memory(error):
            sys.exit(_fail_for_memory())
        raise

    _catch_signals(_interrupt)
    status: object = 0
    try:
        run(sys.argv[1:])
    except SystemExit as stop:
        status = stop.code
        raise
    except KeyboardInterrupt:  # between two commands of this function
        status = _STOPPED
        sys.exit(_STOPPED)
    finally:
        _catch_signals(_leave_at_once(status if isinstance(status, int) else 0))


def _fail_for_memory() -> int:
    """Print the error, and return the exit status."""
    print(f"error: {TOO_LITTLE}", file=sys.stderr)
    return 2


_Handler = Callable[[int, FrameType | None], NoReturn]


def _catch_signals(handler: _Handler) -> None:
    """Handle Ctrl-C and SIGTERM alike. A signal that the caller ignores stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave_at_once(status: int) -> _Handler:
    """A handler of signals that ends the process, where nothing has to be tidied up."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        os._exit(status)

    return leave
