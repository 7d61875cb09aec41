"""Imports onnxruntime when it is first needed."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["import_onnxruntime"]


def import_onnxruntime() -> Any:
    """The package onnxruntime.

    The first import takes a third of a second, which `import facepoints` should not. Its library
    turns a KeyboardInterrupt at that time into an ImportError. So Ctrl-C and SIGTERM are handled
    right after the import.
    """
    with _signals_later():
        return importlib.import_module("onnxruntime")


@contextmanager
def _signals_later() -> Iterator[None]:
    """Call Python's handlers of SIGINT and SIGTERM after this context instead of inside it.

    Python handles signals in the main thread only, so in other threads nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    held = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in held:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)
