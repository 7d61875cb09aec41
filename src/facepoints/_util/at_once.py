"""Does work on several items at a time, in threads, and gives the results in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["leave_if_unwanted", "map_at_once"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_thread = threading.local()


def map_at_once(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    at_once: int,
    *,
    size: Callable[[Item], int] | None = None,
    most: int = 0,
) -> Generator[Result]:
    """The results of work on items, in their order.

    If the iterator is closed, or an error or Ctrl-C ends it, it waits for the work at hand. Long
    work should call `leave_if_unwanted` now and then.

    Args:
        work: is called in threads; with `at_once` 1 in the thread that iterates.
        items: are taken when they are needed, in the thread that iterates.
        at_once: number of items that are worked on at a time. One more may wait.
        size: of an item, in any unit; None: items have no size.
        most: size of all items at a time, unless a single one is larger.

    Raises:
        Any error of `work`, after the results before it; any error of `items`.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    pending: deque[tuple[Future[Result], int]] = deque()
    closed = threading.Event()

    def begin() -> None:
        _thread.closed = closed

    with ThreadPoolExecutor(
        at_once, thread_name_prefix="facepoints-batch", initializer=begin
    ) as pool:
        try:
            for item in items:
                own = 0 if size is None else size(item)
                while pending and sum(each for _, each in pending) + own > most > 0:
                    yield pending.popleft()[0].result()
                pending.append((pool.submit(work, item), own))
                del item
                if len(pending) > at_once:
                    yield pending.popleft()[0].result()
            while pending:
                yield pending.popleft()[0].result()
        finally:
            closed.set()
            pool.shutdown(cancel_futures=True)


def leave_if_unwanted() -> None:
    """End the work of this thread if nobody waits for its result any more.

    Does nothing in other threads than those of `map_at_once`.

    Raises:
        CancelledError: the iterator that `map_at_once` returned was closed. It is not seen outside.
    """
    closed: threading.Event | None = getattr(_thread, "closed", None)
    if closed is not None and closed.is_set():
        raise CancelledError
