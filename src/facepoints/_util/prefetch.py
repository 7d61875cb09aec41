"""Makes items in a background thread while earlier ones are in use."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

__all__ = ["prefetch"]

Item = TypeVar("Item")

_Finished = queue.Queue[tuple[bool, Item | BaseException | None]]
"""Entries: (True, item), then (False, None) at the end or (False, error)."""

_JOIN_SECONDS = 10.0  # wait for the thread's last item: a camera may take 5 s to give up


def prefetch(items: Iterator[Item], count: int, newest: bool = False) -> Iterator[Item]:
    """Iterate `items` in a background thread, ahead of the caller.

    Args:
        items: the items; a background thread makes them.
        count: number of finished items that may wait. Larger: more memory, fewer pauses.
        newest: if `count` items wait, drop the oldest instead of pausing. Meant for cameras.

    Raises:
        Any error of `items`, after the items before it.
    """
    finished: _Finished[Item] = queue.Queue(count)
    stop = threading.Event()
    arguments = (items, finished, stop, newest)
    thread = threading.Thread(target=_work, args=arguments, name="facepoints-frames", daemon=True)
    thread.start()
    try:
        while True:
            is_item, item = finished.get()
            if not is_item:
                if item is not None:
                    raise item  # type: ignore[misc]
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join(timeout=_JOIN_SECONDS)
        close = getattr(items, "close", None)
        if close is not None and not thread.is_alive():
            close()


def _work(
    items: Iterator[Item], finished: _Finished[Item], stop: threading.Event, newest: bool
) -> None:
    """Make the items and put them in the queue, then an entry for the end or the error."""
    try:
        for item in items:
            _put(finished, (True, item), stop, newest)
            if stop.is_set():
                break
        _put(finished, (False, None), stop)
    except BaseException as error:
        _put(finished, (False, error), stop)


def _put(
    finished: _Finished[Item],
    entry: tuple[bool, Item | BaseException | None],
    stop: threading.Event,
    drop: bool = False,
) -> None:
    """Put an entry in the queue. If it is full, drop the oldest entry (`drop`) or wait."""
    while not stop.is_set():
        try:
            finished.put(entry, timeout=0.0 if drop else 0.1)
            break
        except queue.Full:
            if drop:
                with suppress(queue.Empty):
                    finished.get_nowait()
