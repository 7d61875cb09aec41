"""The choice between one thread and all threads follows the measured times."""

from __future__ import annotations

import pytest

from facepoints.runtime.thread_choice import ThreadChoice


def run(choice: ThreadChoice, one: float, every: float, calls: int = 400) -> float:
    """Share of the calls that used all threads, if calls take these seconds."""
    used = 0
    for _ in range(calls):
        use_all = choice.use_all()
        choice.record(use_all, every if use_all else one, 1)
        used += use_all
    return used / calls


@pytest.mark.parametrize(("one", "every", "share"), [(2.0, 1.0, 1.0), (1.0, 2.5, 0.0)])
def test_nearly_all_calls_use_the_faster_choice(one: float, every: float, share: float) -> None:
    assert run(ThreadChoice(), one, every) == pytest.approx(share, abs=0.08)


def test_it_changes_its_mind_when_the_machine_becomes_busy_and_idle_again() -> None:
    choice = ThreadChoice()
    run(choice, 2.0, 1.0)
    run(choice, 2.0, 5.0, calls=100)
    assert run(choice, 2.0, 5.0) < 0.08
    run(choice, 2.0, 1.0, calls=200)
    assert run(choice, 2.0, 1.0) > 0.9


def test_inputs_of_different_sizes_are_compared_per_value() -> None:
    choice = ThreadChoice()
    used = 0
    for call in range(300):
        values = 1000 if call % 3 else 10
        use_all = choice.use_all()
        choice.record(use_all, values * (1.0 if use_all else 3.0), values)
        used += use_all
    assert used / 300 > 0.9
