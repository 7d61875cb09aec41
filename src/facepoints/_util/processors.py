"""The processors of this machine."""

from __future__ import annotations

import os

__all__ = ["processor_count"]


def processor_count() -> int:
    """Number of processors that this process may use, at least 1.

    A container, or `taskset`, may allow fewer than the machine has (`os.cpu_count`).
    """
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
