"""What a reader is told besides the path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["SPLITS", "Options"]

SPLITS = ("training", "test")
"""Parts that a data set may hold."""


@dataclass(frozen=True)
class Options:
    """How to read a data set.

    Attributes:
        part: "training" or "test", for data sets that hold both.
        every: take each n-th frame of a video.
        scratch: a folder for pixels, so that they need not fit into memory; None keeps
            them in memory.
    """

    split: str = "training"
    every: int = 5
    scratch: Path | None = None
