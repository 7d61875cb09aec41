"""Results whose last digits depend neither on the number of threads nor on other rows of a batch.

Matrix products of one row are summed in another order than those of several, and threads share rows
out. So the same picture may get points that differ by 0.00001 pixels with other threads, or beside
other pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["PIECE", "has_own_thread", "is_repeatable", "repeatable"]

PIECE = 2
"""Rows that a thread computes at once. Two take as long for each row as 16."""

_repeatable: ContextVar[bool] = ContextVar("repeatable", default=False)
_own_thread: ContextVar[bool] = ContextVar("own_thread", default=False)


@contextmanager
def repeatable(own_thread: bool = False) -> Iterator[None]:
    """In this context, ONNX models compute rows in pieces of `PIECE`, each in one thread. If the
    last piece is shorter, its last row is computed twice.

    Then the result of a row depends on this row alone, on processors of one kind. Only a call with
    a single row has other last digits; a landmark model makes two of it. Small batches use fewer
    threads. Models on a GPU are not changed.

    Args:
        own_thread: compute in the calling thread alone, because other threads call as well.
    """
    token, own = _repeatable.set(True), _own_thread.set(own_thread)
    try:
        yield
    finally:
        _own_thread.reset(own)
        _repeatable.reset(token)


def is_repeatable() -> bool:
    """True if this thread is in a context of `repeatable`."""
    return _repeatable.get()


def has_own_thread() -> bool:
    """True if this thread should compute alone; see `repeatable`."""
    return _own_thread.get()
