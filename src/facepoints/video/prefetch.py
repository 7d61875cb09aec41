"""Items made by a background thread while earlier ones are in use."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from facepoints.video.opencv_source import _PATIENCE

__all__ = ["Item", "prefetch"]


Item = TypeVar("Item")


def prefetch(items: Iterator[Item], count: int, newest: bool = False) -> Iterator[Item]:
    """The same items, made by a thread of their own while earlier ones are in use.

    Args:
        count: items that may wait.
        newest: when as many wait, drop the oldest instead of waiting: for cameras.

    Raises:
        Whatever making an item raised, after the items before it.
    """
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(count)
    stop = threading.Event()

    def put(what: tuple[bool, Item | BaseException | None], drop: bool) -> None:
        while not stop.is_set():
            try:
                waiting.put(what, timeout=0.0 if drop else 0.1)
                break
            except queue.Full:
                if drop:
                    with suppress(queue.Empty):
                        waiting.get_nowait()

    def work() -> None:
        try:
            for item in items:
                put((True, item), newest)
                if stop.is_set():
                    break
            put((False, None), False)
        except BaseException as error:
            put((False, error), False)

    thread = threading.Thread(target=work, name="facepoints-frames", daemon=True)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if not more:
                if item is not None:
                    raise item  # type: ignore[misc]
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join(timeout=2 * _PATIENCE)
        close = getattr(items, "close", None)
        if close is not None and not thread.is_alive():
            close()
