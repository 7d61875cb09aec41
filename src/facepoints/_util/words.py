"""Words in messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["consecutive_runs", "count_noun"]


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun, as in "1 face" and "2 faces". The default plural adds an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def consecutive_runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers, in order; a number counts once.

    Examples:
        >>> consecutive_runs([9, 3, 4, 5, 4])
        [(3, 5), (9, 9)]
    """
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
