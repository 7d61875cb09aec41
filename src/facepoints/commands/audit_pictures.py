"""The whole pictures behind the crops of data sets, for an audit. They are opened when needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.whole_pictures import Pictures
from facepoints.datasets import readers
from facepoints.datasets.readers.image_files import open_gray
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, DataWarning

__all__ = ["whole_pictures"]


def whole_pictures(paths: Sequence[Path], sets: Sequence[Samples], split: str) -> Pictures:
    """The pictures of all rows of data sets.

    Args:
        paths: of the data sets.
        sets: their faces, as `readers.load` read them.
        split: as for `readers.load`.
    """
    sources = [_Source(path, one, split) for path, one in zip(paths, sets, strict=True)]
    numbers, start = [], 0
    for source in sources:
        numbers.append(source.picture() + start)
        start = int(numbers[-1].max(initial=start - 1)) + 1
    return Pictures(np.concatenate(numbers), _Reader(tuple(sources)))


@dataclass(frozen=True)
class _Reader:
    """Reads the pictures of rows of several sets."""

    sources: tuple[_Source, ...]

    def __call__(self, rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        ends = np.cumsum([len(source.faces) for source in self.sources])
        for number, source in enumerate(self.sources):
            start = int(ends[number]) - len(source.faces)
            yield from source.read([row - start for row in rows if start <= row < ends[number]])


@dataclass(frozen=True)
class _Source:
    """One data set and its faces."""

    path: Path
    faces: Samples
    split: str

    def photos(self) -> Photos | None:
        """The photos of the rows; None: the images of `faces` are whole."""
        if self.faces.frame is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # they were shown before
            data = readers.read(self.path, split=self.split)
        if isinstance(data, Samples):
            return None
        photos = data.take(np.asarray(data.labelled.any(axis=1)))
        if len(photos) != len(self.faces):
            raise DataError(f"{self.path} changed while it was read; audit it again")
        return photos

    def picture(self) -> NDArray[np.int64]:
        """Number (N,) of the picture of each row."""
        photos = self.photos()
        if photos is None or photos.files is None:
            return np.arange(len(self.faces), dtype=np.int64)
        _, numbers = np.unique([str(file) for file in photos.files], return_inverse=True)
        return numbers.ravel().astype(np.int64)

    def read(self, rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """The gray pictures of rows, which are in rising order."""
        if not rows:
            return
        photos = self.photos()
        if photos is None:
            yield from (self.faces.images[row] for row in rows)
            return
        if photos.files is not None:
            yield from (open_gray(photos.files[row]) for row in rows)
            return
        keep = np.zeros(len(photos), bool)
        keep[list(rows)] = True
        yield from photos.take(keep).read_images()
