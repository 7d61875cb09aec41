"""Commands that run at the same time, with the memory of their processes and the parts that they
write over time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

__all__ = ["Run", "run_commands"]

_SAMPLE = 0.5  # seconds between two looks at the memory
_MIB = 1 << 20


@dataclass
class Run:
    """Commands that have run.

    Attributes:
        seconds: from the start of the first to the end of the last.
        said: what they wrote to standard error.
        finished: time of the end of each part, seconds after the start, sorted.
        memory: resident memory of each worker, MiB, by process number: pairs of seconds and MiB.
    """

    seconds: float = 0.0
    said: list[str] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    memory: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def rows_per_second(self, part_size: int) -> float:
        """Slope of the line through the numbers of rows that were done, over time: starting and
        ending a command do not count, as they do not in a run of hours."""
        rows = part_size * np.arange(1, len(self.finished) + 1)
        return float(np.polyfit(self.finished, rows, 1)[0])

    def peak_mib(self) -> float:
        """Most memory of any worker."""
        return max((mib for each in self.memory.values() for _, mib in each), default=0.0)


def run_commands(commands: Sequence[Sequence[str]], folder: Path | None, ray: bool = False) -> Run:
    """Run facepoints with several lists of words at the same time.

    Args:
        commands: the words after "facepoints" of each.
        folder: of the parts; None: there are none.
        ray: the workers are those that Ray starts, not the commands themselves.

    Raises:
        SystemExit: a command failed.
    """
    run, began, wall = Run(), time.perf_counter(), time.time()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "facepoints", *words], stderr=subprocess.PIPE, text=True
        )
        for words in commands
    ]
    while any(process.poll() is None for process in processes):
        for worker in _workers([process.pid for process in processes], ray):
            try:
                mib = worker.memory_info().rss / _MIB
            except psutil.Error:
                continue
            run.memory.setdefault(worker.pid, []).append((time.perf_counter() - began, mib))
        time.sleep(_SAMPLE)
    run.seconds = time.perf_counter() - began
    run.said = [process.communicate()[1] for process in processes]
    for process, said in zip(processes, run.said, strict=True):
        if process.returncode:
            raise SystemExit(f"facepoints ended with status {process.returncode}: {said.strip()}")
    if folder is not None:
        parts = folder.glob("part-*")
        run.finished = sorted(part.stat().st_mtime_ns / 1e9 - wall for part in parts)
    return run


def _workers(pids: Sequence[int], ray: bool) -> list[psutil.Process]:
    """The processes that predict."""
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if not ray:
                found.append(process)
                continue
            for child in process.children(recursive=True):
                if child.cmdline()[:1] and child.cmdline()[0].startswith("ray::Worker"):
                    found.append(child)
        except psutil.Error:  # it has just ended
            continue
    return found
