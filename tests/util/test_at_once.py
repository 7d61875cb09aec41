"""Work on several items at a time, with the results in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints._util.at_once import leave_if_unwanted, map_at_once


class Work:
    """Squares numbers, the first ones slowest, and counts what is worked on at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, number: int) -> int:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.0005 * max(0, 6 - number))
        with self.lock:
            self.now -= 1
        return number**2


@given(
    count=st.integers(0, 12),
    at_once=st.integers(1, 5),
    size=st.integers(1, 9),
    most=st.integers(0, 20),
)
def test_results_come_in_order_and_not_too_much_is_worked_on(
    count: int, at_once: int, size: int, most: int
) -> None:
    work, taken, given_back = Work(), 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(count):
            taken += 1
            assert taken - given_back <= at_once + 1  # one waits
            yield number

    results = []
    for result in map_at_once(work, items(), at_once, size=lambda _: size, most=most):
        given_back += 1
        results.append(result)
    assert results == [number**2 for number in range(count)]
    assert work.most <= at_once
    if most and at_once > 1:
        assert work.most <= max(1, most // size)


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_error_comes_after_the_results_before_it(at_once: int) -> None:
    results = map_at_once(lambda number: 6 // (3 - number), range(9), at_once)
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_closed_iterator_begins_no_further_work() -> None:
    begun: list[int] = []
    results = map_at_once(begun.append, range(1000), 2)
    next(results)
    results.close()
    count = len(begun)
    assert count <= 4
    time.sleep(0.01)
    assert len(begun) == count


def test_work_at_hand_ends_early_if_nobody_waits_for_it() -> None:
    begun, whole = threading.Event(), []

    def work(number: int) -> None:
        if number:
            begun.set()
            for _ in range(2000):
                time.sleep(0.01)
                leave_if_unwanted()
            whole.append(number)

    leave_if_unwanted()  # of a thread without such work
    results = map_at_once(work, range(4), 2)
    next(results)
    assert begun.wait(20)
    results.close()
    assert not whole
