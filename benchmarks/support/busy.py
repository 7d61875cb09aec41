"""A process that keeps one core busy, as other work on the machine does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

__all__ = ["busy_core"]

# ends with its parent, even if that is killed
_WORK = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"


@contextmanager
def busy_core() -> Iterator[int]:
    """Keep the last processor busy by another process, which ends with the block.

    Yields:
        The id of the process.
    """
    pin = None
    if hasattr(os, "sched_setaffinity"):
        pin = partial(os.sched_setaffinity, 0, {max(os.sched_getaffinity(0))})
    process = subprocess.Popen([sys.executable, "-c", _WORK], preexec_fn=pin)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
