"""Memory that this process may still use."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

from facepoints._util.cgroup import cgroup_folders

__all__ = [
    "TOO_LITTLE",
    "enough_to_start",
    "free_memory",
    "is_out_of_memory",
    "return_freed_memory",
]

TOO_LITTLE = "not enough memory; facepoints needs about 1 GB (a limit may be set: ulimit -v)"
"""Message for a lack of memory that is not due to one picture."""

_TO_START = 600_000_000  # bytes of addresses; below, loading the libraries may crash

_CGROUPS = (  # limit, use, statistics, and the name of reclaimable memory in these
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"),
)


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still allocate; None if the system does not say.

    It is the least of the machine's free memory with swap, the limit of the container (cgroup
    v1 or v2), and the limit of the process (``ulimit -v``). Linux only.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    limits = [_of_machine(root), _of_process(root)]
    folders = cgroup_folders("memory", root)
    limits += [_of_container(folder, *names) for folder in folders for names in _CGROUPS]
    known = [limit for limit in limits if limit is not None]
    return max(0, min(known)) if known else None


def enough_to_start() -> bool:
    """False if the limit of this process (``ulimit -v``) is too low to load the libraries."""
    if sys.platform == "win32":
        return True
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return limit == resource.RLIM_INFINITY or limit >= _TO_START


def is_out_of_memory(error: BaseException) -> bool:
    """True if an error of Python, OpenCV or onnxruntime, or what caused it, is a lack of memory."""
    texts = ("Insufficient memory", "bad_alloc", "bad allocation", "Failed to allocate")
    texts += ("failed to map segment", "can't start new thread", "Cannot allocate memory")
    known = isinstance(error, MemoryError) or any(text in str(error) for text in texts)
    cause = error.__cause__
    return known or (cause is not None and is_out_of_memory(cause))


def return_freed_memory() -> None:
    """Give memory that Python and the libraries have freed back to the system.

    The allocator of glibc keeps what threads freed, in an area per thread, and these areas grow.
    Does nothing with other allocators.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _of_machine(root: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        lines = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
        values = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}
        if "MemAvailable" in values:
            return values["MemAvailable"] + values.get("SwapFree", 0)
    return None


def _of_container(folder: Path, limit: str, use: str, statistics: str, cache: str) -> int | None:
    with suppress(OSError, ValueError, IndexError):  # "max" is not a number: no limit
        free = int((folder / limit).read_text()) - int((folder / use).read_text())
        for line in (folder / statistics).read_text().splitlines():
            name, value = line.split()
            if name == cache:
                free += int(value)
        return free
    return None


def _of_process(root: Path) -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, ValueError, IndexError):
        pages = int((root / "proc/self/statm").read_text().split()[0])
        return limit - pages * resource.getpagesize()
    return None
