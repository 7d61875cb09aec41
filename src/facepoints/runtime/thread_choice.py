"""Choice between one thread and all threads for small batches, by their measured times.

Threads that compute a layer together wait for each other at its end. If another program keeps a
processor busy, all of them wait for the thread that shares it, and one thread alone is faster. On
an idle machine all threads are. Which holds can change from one image to the next, so it is
measured while the program runs.
"""

from __future__ import annotations

from threading import Lock

__all__ = ["ThreadChoice"]

_FIRST = 3
"""Calls with each choice before the faster one is used."""
_PROBE = 24
"""One in so many calls tries the choice that was slower."""
_NEW = 0.3
"""Weight of a new time in the running mean of a choice."""


class ThreadChoice:
    """Chooses between one thread and all threads. Several threads may use it at once."""

    def __init__(self) -> None:
        self._seconds: list[float | None] = [None, None]  # per value of the input: one, all
        self._counts = [0, 0]
        self._calls = 0
        self._lock = Lock()

    def use_all(self) -> bool:
        """True if the next call should use all threads."""
        with self._lock:
            self._calls += 1
            one, every = self._seconds
            if min(self._counts) < _FIRST or one is None or every is None:
                return self._counts[1] <= self._counts[0]
            faster = every < one
            return faster if self._calls % _PROBE else not faster

    def record(self, used_all: bool, seconds: float, values: int) -> None:
        """Note the time of a call.

        Args:
            used_all: whether it used all threads.
            seconds: its duration.
            values: number of values of its input, at least 1.
        """
        with self._lock:
            mine = int(used_all)
            self._counts[mine] += 1
            pace, before = seconds / max(values, 1), self._seconds[mine]
            if self._counts[mine] == 1:  # the first call also makes room in memory
                return
            self._seconds[mine] = pace if before is None else before + _NEW * (pace - before)
