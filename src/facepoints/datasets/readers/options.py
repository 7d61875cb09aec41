"""Options of the readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.notes import Notes
from facepoints.datasets.samples import Photos, Samples

__all__ = ["SPLITS", "LabeledFaces", "Mend", "Options"]

LabeledFaces = TypeVar("LabeledFaces", bound=Samples | Photos)

SPLITS = ("training", "test")
"""The splits that a data set may hold."""


class Mend(Protocol):
    """Changes the labels of a data set while it is read."""

    @property
    def key(self) -> str:
        """Differs for other changes."""
        ...

    def __call__(self, data: LabeledFaces, rows: NDArray[np.int64]) -> LabeledFaces:
        """The same faces with other labels.

        Args:
            data: the data set.
            rows: row in `data` of each row that is read: those with a label, if crops are cut.
        """
        ...


@dataclass(frozen=True)
class Options:
    """Settings for reading a data set.

    Attributes:
        split: "training" or "test", for data sets that hold both.
        every: read every n-th frame of a video.
        scratch: folder for the pixels, so that they need not fit into memory; None: keep them
            in memory.
        notes: gets what the reader leaves out, changes or doubts.
        images: False: pixels inside a table are not read. They are 0 then.
    """

    split: str = "training"
    every: int = 5
    scratch: Path | None = None
    notes: Notes = field(default_factory=Notes)
    images: bool = True
