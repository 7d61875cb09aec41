"""The loop of the processes that are timed: a line in, a line of JSON out.

The peers' workers run in another environment, so this module needs only Python. Workers run as
scripts, so they import it as a neighbor.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["peak_mb", "serve", "time_calls"]


def serve(respond: Callable[[str], Any]) -> None:
    """Print "ready", then a line of JSON for every line of standard input.

    Args:
        respond: maps a line without its end to the value to print.
    """
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(respond(line.rstrip("\n"))), flush=True)


def time_calls(call: Callable[[], object], line: str) -> list[float]:
    """Seconds of each of as many calls as the line says."""
    seconds = []
    for _ in range(int(line)):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def peak_mb() -> float:
    """Most memory that this process has held, in MB; interpreter and libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
