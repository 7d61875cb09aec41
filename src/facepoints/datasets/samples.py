"""Labelled faces as columns and a mask: all that the rest of the program sees of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "Photos",
    "Samples",
]


@dataclass(frozen=True)
class Samples:
    """Faces of one size with a table of points and a mask.

    Attributes:
        images: (N, H, W) uint8, gray, [0, 255]. May be memory-mapped: read-only.
        points: (N, K, 2) float32, (x, y) in pixels of the image, 0 where not labelled.
        labelled: (N, K) bool.
        landmarks: names of the K columns.
        group: (N,) str: person, or cluster of duplicates. Rows of one group are never
            split between training and validation.
        names: (N,) str: where the row comes from (file, frame, image id).
        source: (N,) int16: index into `sources`, who marked the row.
        sources: for each marking scheme its name and the points that it marks.
    """

    images: NDArray[np.uint8]
    points: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    landmarks: LandmarkSet
    group: NDArray[np.str_]
    names: NDArray[np.str_]
    scheme: NDArray[np.int16]
    schemes: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        n, k = len(self.images), len(self.landmarks)
        shapes = {
            "images": (self.images.shape, (n, *self.images.shape[1:3])),
            "points": (self.points.shape, (n, k, 2)),
            "labelled": (self.labelled.shape, (n, k)),
            "group": (self.group.shape, (n,)),
            "names": (self.names.shape, (n,)),
            "scheme": (self.scheme.shape, (n,)),
        }
        for name, (have, want) in shapes.items():
            if have != want:
                raise DataError(f"samples: {name} must have shape {want}, has {have}")
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise DataError(
                f"samples: images must be uint8 (N, H, W), are {self.images.dtype} "
                f"{self.images.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return self.images.shape[1], self.images.shape[2]

    def take(self, rows: NDArray | Sequence[int] | slice) -> Samples:
        """Just these rows (indices, mask or slice)."""
        return replace(
            self,
            images=self.images[rows],
            points=self.points[rows],
            labelled=self.labelled[rows],
            group=self.group[rows],
            names=self.names[rows],
            scheme=self.scheme[rows],
        )

    def with_points(
        self,
        points: NDArray[np.float32],
        labelled: NDArray[np.bool_],
        landmarks: LandmarkSet | None = None,
    ) -> Samples:
        """Same images under another table of points."""
        clean = np.where(labelled[..., None], points, 0).astype(np.float32)
        return replace(self, points=clean, labelled=labelled, landmarks=landmarks or self.landmarks)

    def select(self, names: Sequence[str]) -> Samples:
        """Just the columns `names`, in that order. Raises DataError for an unknown one."""
        index = self.landmarks.columns(names)
        return self.with_points(
            self.points[:, index], self.labelled[:, index], self.landmarks.subset(names)
        )

    def as_landmarks(self, want: LandmarkSet) -> Samples:
        """The columns of `want`, converted where a conversion is known, else unlabelled."""
        points, labelled = convert(self.points, self.labelled, self.landmarks, want)
        return self.with_points(points, labelled, want)


@dataclass(frozen=True)
class Photos:
    """Faces in pictures of any size: points in picture pixels, pictures read on demand.

    Attributes:
        pictures: call it to get the N gray pictures (h, w) uint8 in row order, one in
            memory at a time. Raises DataError for one that does not open.
        points, labelled, landmarks, group, names, source, sources: as in `Samples`.
    """

    pictures: Callable[[], Iterator[NDArray[np.uint8]]]
    points: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    landmarks: LandmarkSet
    group: NDArray[np.str_]
    names: NDArray[np.str_]
    scheme: NDArray[np.int16]
    schemes: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.points)
