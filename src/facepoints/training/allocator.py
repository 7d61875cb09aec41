"""Keeps the memory that a training step frees in the process, for the next step."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed blocks in this process for the next step instead of returning them.

    A step on the CPU allocates the same large blocks again and again. glibc gives blocks
    of megabytes back to the system at once and gets them anew page by page, which takes
    about a tenth of a step of net2 (benchmarks/throughput.py). See mallopt(3).

    Returns:
        True if the setting was accepted, False if the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**30) and mallopt(_M_TRIM_THRESHOLD, _LARGEST))
