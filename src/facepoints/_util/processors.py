"""The processors that this process may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from facepoints._util.cgroup import cgroup_folders

__all__ = ["limit_openmp", "processor_count"]


def processor_count(root: Path = Path("/")) -> int:
    """Number of processors that this process may use, at least 1.

    It may be lower than the machine's (`os.cpu_count`): `taskset` and cpusets allow some
    processors only, and a container with a quota (``docker run --cpus 2``, a CPU limit of
    Kubernetes) gets a share of their time. A share of 1.5 counts as 2 processors.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    quota = _quota(root)
    return _allowed() if quota is None else max(1, min(_allowed(), math.ceil(quota)))


def limit_openmp() -> None:
    """Let OpenMP, with which PyTorch computes, start no more threads than a quota allows.

    OpenMP knows of `taskset`, but not of quotas. It must be called before PyTorch is imported. A
    number that the user has set (``OMP_NUM_THREADS``) stays.
    """
    count = processor_count()
    if count < _allowed():
        os.environ.setdefault("OMP_NUM_THREADS", str(count))


def _allowed() -> int:
    """Number of processors on which the threads of this process may run."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _quota(root: Path) -> float | None:
    """Processors' worth of time that the control groups allow; None: all."""
    quotas = [_quota_of(folder) for folder in cgroup_folders("cpu", root)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_of(folder: Path) -> float | None:
    """The quota of one control group, in processors; None: it has none."""
    for files in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):  # version 2, version 1
        with suppress(OSError, ValueError):  # "max" is not a number: no quota
            words = " ".join((folder / file).read_text() for file in files).split()
            time, period = map(int, words)
            if time > 0 and period > 0:  # -1: no quota
                return time / period
    return None
