"""Waiting in tests: for a state itself, never for a time in which it should have come."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE", "wait_until"]

PATIENCE = 240  # seconds; only what hangs needs as many, on any machine

Value = TypeVar("Value")


def wait_until(
    state: Callable[[], Value | None],
    process: subprocess.Popen[str] | None = None,
    *,
    message: str = "it did not come true",
    pause: float = 0.01,
) -> Value:
    """Wait until a state is true, and return it.

    Args:
        state: what is looked at again and again.
        process: it must not end before; None: no process is waited for.
        message: what the error says after `PATIENCE`.
        pause: seconds between two looks.
    """
    end = time.monotonic() + PATIENCE
    while not (value := state()):
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the process ended: {process.communicate()}")
        assert time.monotonic() < end, f"{message} in {PATIENCE} s"
        time.sleep(pause)
    return value
