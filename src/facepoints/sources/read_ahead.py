"""Reads pictures ahead in threads, within a limit of memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from facepoints._util.prefetch import prefetch
from facepoints.sources.parts import Picture
from facepoints.sources.suffixes import is_url

__all__ = ["MOST_BYTES", "in_background", "read_named"]

MOST_BYTES = 64 << 20
"""Bytes of pictures that wait, unless one is larger."""

_AHEAD = 16  # pictures that wait at most
_LOCAL_READERS = 2  # threads; a disk gains nothing by more
_REMOTE_READERS = 16  # threads that wait for a store: an answer takes about 50 ms


def in_background(pictures: Iterator[Picture]) -> Iterator[Picture]:
    """Pictures that a thread makes while earlier ones are in use.

    Raises:
        Any error of `pictures`, after the pictures before it.
    """
    budget = _Budget()
    made = prefetch(budget.spend(pictures), _AHEAD)
    try:
        for picture in made:
            budget.refund(picture)
            yield picture
    finally:
        budget.end()
        if isinstance(made, Generator):
            made.close()


class _Budget:
    """Bytes of the pictures that wait. Whoever makes more than `MOST_BYTES` waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self._ended = False

    def spend(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        for picture in pictures:
            size = _size_of(picture)
            with self._changed:
                self._changed.wait_for(lambda size=size: self._fits(size))
                self._held += size
            yield picture

    def refund(self, picture: Picture) -> None:
        with self._changed:
            self._held -= _size_of(picture)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self._ended or not self._held or self._held + size <= MOST_BYTES


def read_named(
    pictures: Iterable[Picture], read: Callable[[str], Picture]
) -> Iterator[tuple[Picture, Future[Picture] | None]]:
    """The pictures in their order, with what threads read of those that are only named.

    Args:
        pictures: those with data or an error are given as they are.
        read: reads the picture of a name.

    Raises:
        Any error of `pictures`, after the pictures before it.
    """
    remaining = iter(pictures)
    first = next(remaining, None)
    if first is None:
        return
    readers = _REMOTE_READERS if is_url(first.name) else _LOCAL_READERS
    pending: deque[tuple[Picture, Future[Picture] | None]] = deque()
    failure: Exception | None = None
    with ThreadPoolExecutor(readers) as pool:
        try:
            try:
                for picture in chain((first,), remaining):
                    named = picture.data is None and not picture.error
                    pending.append((picture, pool.submit(read, picture.name) if named else None))
                    while pending and _is_enough(pending, 2 * readers):
                        yield pending.popleft()
            except Exception as error:
                failure = error
            while pending:
                yield pending.popleft()
            if failure is not None:
                raise failure
        finally:
            pool.shutdown(cancel_futures=True)


def _is_enough(pending: deque[tuple[Picture, Future[Picture] | None]], most: int) -> bool:
    """True if the first picture is to be used before more are read."""
    if len(pending) > most or pending[0][1] is None:
        return True
    done = (f.result() for _, f in pending if f is not None and f.done() and not f.exception())
    return sum(map(_size_of, done)) > MOST_BYTES


def _size_of(picture: Picture) -> int:
    return len(picture.data or b"")
