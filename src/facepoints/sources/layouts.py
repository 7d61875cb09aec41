"""Reads the ends of Parquet files ahead, in threads: listing thousands of them takes long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from facepoints.sources.parquet_rows import Layout, read_layout
from facepoints.sources.suffixes import file_kind

__all__ = ["with_layouts"]

Item = TypeVar("Item")

_READERS = 16  # threads that wait for a store
_AHEAD = 64  # items


def with_layouts(
    items: Iterator[Item], name_of: Callable[[Item], str]
) -> Iterator[tuple[Item, Future[Layout] | None]]:
    """Items in their order, each with the layout of the Parquet file that it names, or None.

    Args:
        items: files, or entries of a list.
        name_of: the path or address that an item names; empty if it names none.
    """
    pending: deque[tuple[Item, Future[Layout] | None]] = deque()
    with ThreadPoolExecutor(_READERS) as pool:
        try:
            for item in items:
                name = name_of(item)
                table = file_kind(name) == "parquet"
                pending.append((item, pool.submit(read_layout, name) if table else None))
                if len(pending) > _AHEAD or pending[0][1] is None:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            pool.shutdown(cancel_futures=True)
