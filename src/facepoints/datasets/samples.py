"""Labeled faces as a table of points with a mask of the labeled ones.

All data sets become `Samples` (crops or images of one size) or `Photos` (images of any size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.landmarks.conversion import conversion_parts, convert
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "Photos",
    "Samples",
]


@dataclass(frozen=True)
class Samples:
    """Labeled faces in images of one size.

    Attributes:
        images: (N, H, W) uint8, gray, [0, 255]. May be memory-mapped: read-only.
        points: (N, K, 2) float32, (x, y) in pixels of the image, 0 where not labeled.
        labelled: (N, K) bool.
        landmarks: the names of the K columns.
        group: (N,) str: the person, or a cluster of near-identical images. A split never
            separates the rows of one group.
        names: (N,) str: where the row comes from (file, frame, image id).
        scheme: (N,) int16: the marking scheme of the row, an index into `schemes`.
        schemes: the names of the marking schemes and the points that each of them marks.
        visibility: (N, K) int8: 1 where a point is visible, 0 where it is hidden, -1 where this is
            unknown; None: unknown everywhere.
        frame: (N, 2, 3) float64: the affine map from pixels of the image to pixels of the picture
            that it was cut from or resized from; None: the images are the pictures.

    Raises:
        DataError: the arrays do not fit each other, or the images are not uint8 (N, H, W).
    """

    images: NDArray[np.uint8]
    points: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    landmarks: LandmarkSet
    group: NDArray[np.str_]
    names: NDArray[np.str_]
    scheme: NDArray[np.int16]
    schemes: dict[str, tuple[str, ...]]
    visibility: NDArray[np.int8] | None = None
    frame: NDArray[np.float64] | None = None

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
        if self.visibility is not None:
            shapes["visibility"] = (self.visibility.shape, (n, k))
        if self.frame is not None:
            shapes["frame"] = (self.frame.shape, (n, 2, 3))
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
        """Select rows by indices, mask or slice."""
        return replace(
            self,
            images=self.images[rows],
            points=self.points[rows],
            labelled=self.labelled[rows],
            group=self.group[rows],
            names=self.names[rows],
            scheme=self.scheme[rows],
            visibility=None if self.visibility is None else self.visibility[rows],
            frame=None if self.frame is None else self.frame[rows],
        )

    def with_points(
        self,
        points: NDArray[np.float32],
        labelled: NDArray[np.bool_],
        landmarks: LandmarkSet | None = None,
    ) -> Samples:
        """The same images with another table of points. Visibility is kept if the columns are."""
        clean = np.where(labelled[..., None], points, 0).astype(np.float32)
        kept = landmarks is None or landmarks.names == self.landmarks.names
        return replace(
            self,
            points=clean,
            labelled=labelled,
            landmarks=landmarks or self.landmarks,
            visibility=self.visibility if kept else None,
        )

    def select(self, names: Sequence[str]) -> Samples:
        """Select the columns `names`, in that order. Raises DataError for an unknown name."""
        index = self.landmarks.columns(names)
        chosen = self.with_points(
            self.points[:, index], self.labelled[:, index], self.landmarks.subset(names)
        )
        visibility = None if self.visibility is None else self.visibility[:, index]
        return replace(chosen, visibility=visibility)

    def as_landmarks(self, want: LandmarkSet) -> Samples:
        """Convert to another landmark set. Points without a conversion are unlabeled.

        A mean of several points is visible if all of them are.
        """
        points, labelled = convert(self.points, self.labelled, self.landmarks, want)
        moved = self.with_points(points, labelled, want)
        if self.visibility is None:
            return moved
        visibility = np.full(labelled.shape, -1, dtype=np.int8)
        for column, parts in enumerate(conversion_parts(self.landmarks, want)):
            if parts:
                visibility[:, column] = self.visibility[:, parts].min(axis=1)
        return replace(moved, visibility=np.where(labelled, visibility, -1).astype(np.int8))


@dataclass(frozen=True)
class Photos:
    """Labeled faces in images of any size, which are read on demand.

    Attributes:
        read_images: a call yields the N gray images (h, w) uint8 in row order, one in
            memory at a time. It raises DataError for an image that cannot be read.
        points: (N, K, 2) float32, (x, y) in pixels of each image, 0 where not labeled.
        labelled, landmarks, group, names, scheme, schemes, visibility: as in `Samples`.
        files: the N image files; None: the images are frames of videos or parts of another file.
        boxes: (N, 4) float64, (x, y, width, height) of the box that the label file has of each
            face, in pixels, NaN where it has none; None: it has none.
    """

    read_images: Callable[[], Iterator[NDArray[np.uint8]]]
    points: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    landmarks: LandmarkSet
    group: NDArray[np.str_]
    names: NDArray[np.str_]
    scheme: NDArray[np.int16]
    schemes: dict[str, tuple[str, ...]]
    visibility: NDArray[np.int8] | None = None
    files: tuple[Path, ...] | None = None
    boxes: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.points)

    def take(self, keep: NDArray[np.bool_]) -> Photos:
        """Select photos by a mask (N,)."""

        def kept() -> Iterator[NDArray[np.uint8]]:
            return (image for image, k in zip(self.read_images(), keep, strict=True) if k)

        return replace(
            self,
            read_images=kept,
            points=self.points[keep],
            labelled=self.labelled[keep],
            group=self.group[keep],
            names=self.names[keep],
            scheme=self.scheme[keep],
            visibility=None if self.visibility is None else self.visibility[keep],
            files=None
            if self.files is None
            else tuple(file for file, k in zip(self.files, keep, strict=True) if k),
            boxes=None if self.boxes is None else self.boxes[keep],
        )

    def as_samples(
        self,
        images: NDArray[np.uint8],
        points: NDArray[np.float32],
        rows: NDArray[np.int64],
        frame: NDArray[np.float64] | None = None,
    ) -> Samples:
        """Samples of crops that were cut from these photos.

        Args:
            images: (M, H, W) uint8, the crops.
            points: (M, K, 2) in pixels of the crops. Unlabeled points become 0.
            rows: (M,) row number of each crop's photo.
            frame: (M, 2, 3), see `Samples`; None: not known.
        """
        labelled = self.labelled[rows]
        return Samples(
            images=images,
            points=np.where(labelled[..., None], points, 0).astype(np.float32),
            labelled=labelled,
            landmarks=self.landmarks,
            group=self.group[rows],
            names=self.names[rows],
            scheme=self.scheme[rows],
            schemes=self.schemes,
            visibility=None if self.visibility is None else self.visibility[rows],
            frame=frame,
        )
