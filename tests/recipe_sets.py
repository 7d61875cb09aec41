"""The data sets of the landmark model's recipes, read once for all tests of a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import points_data

__all__ = ["read_sets_once"]


@cache
def read_sets_once(data: Path, seed: int) -> dict[str, points_data.LabeledSet]:
    """What `points_data.read_sets` returns: it takes six seconds."""
    return points_data.read_sets(data, seed)
