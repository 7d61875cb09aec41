"""Does work on several items at a time, in threads, and gives the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_at_once"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_at_once(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    at_once: int,
    *,
    size: Callable[[Item], int] | None = None,
    most: int = 0,
) -> Generator[Result]:
    """The results of work on items, in their order. If the iterator is closed, the threads stop.

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
    with ThreadPoolExecutor(at_once, thread_name_prefix="facepoints-batch") as pool:
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
            pool.shutdown(cancel_futures=True)
