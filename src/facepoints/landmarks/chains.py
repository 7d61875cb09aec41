"""Edges between points in a row, for drawing."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["chain"]


def chain(*names: str, closed: bool = False) -> tuple[tuple[str, str], ...]:
    """The edges that join points one after the other, and the last with the first if closed."""
    return tuple(pairwise((*names, names[0]) if closed else names))
