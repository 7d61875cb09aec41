"""Results whose last digits do not depend on the number of threads.

Matrix products of few rows are summed in another order than those of many, and threads share rows
out. So the same picture may get points that differ by 0.00001 pixels with other threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["PIECE", "is_repeatable", "repeatable"]

PIECE = 4
"""Rows that a thread computes at once. One takes 9 % more time than 16, four take 2 % more."""

_repeatable: ContextVar[bool] = ContextVar("repeatable", default=False)


@contextmanager
def repeatable() -> Iterator[None]:
    """In this context, ONNX models compute rows in pieces of `PIECE`, each in one thread.

    Then the result of a batch depends on its rows alone, on processors of one kind. Small batches
    use fewer threads. Models on a GPU are not changed.
    """
    token = _repeatable.set(True)
    try:
        yield
    finally:
        _repeatable.reset(token)


def is_repeatable() -> bool:
    """Whether this thread is in a context of `repeatable`."""
    return _repeatable.get()
