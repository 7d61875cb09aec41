"""Options of the readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from facepoints.datasets.readers.notes import Notes

__all__ = ["SPLITS", "Options"]

SPLITS = ("training", "test")
"""The splits that a data set may hold."""


@dataclass(frozen=True)
class Options:
    """Settings for reading a data set.

    Attributes:
        split: "training" or "test", for data sets that hold both.
        every: read every n-th frame of a video.
        scratch: folder for the pixels, so that they need not fit into memory; None: keep them
            in memory.
        notes: gets what the reader leaves out, changes or doubts.
    """

    split: str = "training"
    every: int = 5
    scratch: Path | None = None
    notes: Notes = field(default_factory=Notes)
