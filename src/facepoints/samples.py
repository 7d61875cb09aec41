"""Labelled faces as columns and a mask: all that the rest of the program sees of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.errors import DataError, SettingsError
from facepoints.landmark_sets import convert
from facepoints.landmarks import LandmarkSet

__all__ = [
    "CLUSTER",
    "CROP_MARGIN",
    "Photos",
    "Samples",
    "concatenate",
    "crops",
    "duplicate_groups",
    "middle",
    "resized",
    "resized_images",
    "split_groups",
    "spread_rows",
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
    source: NDArray[np.int16]
    sources: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        n, k = len(self.images), len(self.landmarks)
        shapes = {
            "images": (self.images.shape, (n, *self.images.shape[1:3])),
            "points": (self.points.shape, (n, k, 2)),
            "labelled": (self.labelled.shape, (n, k)),
            "group": (self.group.shape, (n,)),
            "names": (self.names.shape, (n,)),
            "source": (self.source.shape, (n,)),
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
            source=self.source[rows],
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
    source: NDArray[np.int16]
    sources: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.points)


CROP_MARGIN = 0.4
"""Side of a training crop over the longer side of the box of its points, less one."""


def crops(
    photos: Photos,
    size: int = 96,
    margin: float = CROP_MARGIN,
    out: NDArray[np.uint8] | None = None,
) -> Samples:
    """Square crops around the labelled points of every face.

    Faces without a labelled point are left out: there is nothing to crop them by.

    Args:
        size: side of the crops in pixels.
        margin: see `geometry.crop_matrix`.
        out: (faces with a label, size, size) uint8 to draw into (a memory map, say).

    Raises:
        DataError: a picture does not open, or no face has a labelled point.
    """
    rows = np.flatnonzero(photos.labelled.any(axis=1))
    if not len(rows):
        raise DataError("no face has a labelled point to crop it by")
    place = {int(row): k for k, row in enumerate(rows)}
    images = np.empty((len(rows), size, size), dtype=np.uint8) if out is None else out
    points = np.zeros_like(photos.points)
    for row, picture in enumerate(photos.pictures()):
        if row not in place:
            continue
        box = geometry.bounding_box(photos.points[row], photos.labelled[row])
        matrix = geometry.crop_matrix(box, size, margin)
        images[place[row]] = geometry.warp(picture, matrix, size, size)
        points[row] = geometry.apply(matrix, photos.points[row])
    points[~photos.labelled] = 0
    return Samples(
        images=images,
        points=points[rows],
        labelled=photos.labelled[rows],
        landmarks=photos.landmarks,
        group=photos.group[rows],
        names=photos.names[rows],
        source=photos.source[rows],
        sources=photos.sources,
    )


def resized_images(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Images (N, H, W) as (N, height, width); the same array if they have that size."""
    if images.shape[1:] == (height, width):
        return images
    out = np.empty((len(images), height, width), dtype=np.uint8)
    for row, image in enumerate(images):
        out[row] = geometry.resize(image, width, height)
    return out


def resized(samples: Samples, height: int, width: int) -> Samples:
    """Samples with images of another size, points moved along."""
    if samples.size == (height, width):
        return samples
    matrix = geometry.resize_matrix(width / samples.size[1], height / samples.size[0])
    moved = replace(samples, images=resized_images(samples.images, height, width))
    return moved.with_points(geometry.apply(matrix, samples.points), samples.labelled)


def middle(samples: Samples, side: int | None) -> Samples:
    """Samples cut to the middle `side` pixels of their pictures; None: as they are.

    Points outside are kept: what a network sees may end before the face does.

    Raises:
        SettingsError: the pictures are smaller, or by an odd number larger, so that their
            middle falls between pixels.
    """
    height, width = samples.size
    if side is None:
        return samples
    if min(height, width) < side or (height - side) % 2 or (width - side) % 2:
        raise SettingsError(
            f"the middle {side} pixels were asked for (--view), the pictures are {width}x{height}; "
            f"they must be as large or larger, by an even number"
        )
    top, left = (height - side) // 2, (width - side) // 2
    cut = replace(samples, images=samples.images[:, top : top + side, left : left + side])
    shift = np.array([left, top], dtype=np.float32)
    return cut.with_points(samples.points - shift, samples.labelled)


def concatenate(parts: Sequence[Samples]) -> Samples:
    """Several sets as one: rows after rows, the union of columns, images of the first's size.

    Columns that a set does not have are unlabelled in its rows. Marking schemes of one
    name must mark the same points.

    Raises:
        DataError: no set came, or two schemes of one name mark different points.
    """
    if not parts:
        raise DataError("nothing to put together: no data set came")
    if len(parts) == 1:
        return parts[0]
    landmarks = parts[0].landmarks
    sources: dict[str, tuple[str, ...]] = {}
    for part in parts:
        landmarks = landmarks.union(part.landmarks)
        for name, marked in part.sources.items():
            if sources.setdefault(name, marked) != marked:
                raise DataError(
                    f"two data sets use the marking scheme name '{name}' for different points"
                )
    order = list(sources)
    fitted = [_in_columns(resized(part, *parts[0].size), landmarks) for part in parts]
    return Samples(
        images=np.concatenate([p.images for p in fitted]),
        points=np.concatenate([p.points for p in fitted]),
        labelled=np.concatenate([p.labelled for p in fitted]),
        landmarks=landmarks,
        group=np.concatenate([p.group for p in fitted]),
        names=np.concatenate([p.names for p in fitted]),
        source=np.concatenate(
            [np.array([order.index(s) for s in p.sources], np.int16)[p.source] for p in fitted]
        ),
        sources=sources,
    )


def _in_columns(samples: Samples, landmarks: LandmarkSet) -> Samples:
    """The samples' own columns at their places in a wider set; the rest unlabelled."""
    places = landmarks.columns(samples.landmarks.names)
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    points[:, places], labelled[:, places] = samples.points, samples.labelled
    return samples.with_points(points, labelled, landmarks)


CLUSTER = "picture-"
"""How the names of clusters of duplicates begin."""

_THUMB = 16  # side of the thumbnails that are compared
_SAME = 0.995  # correlation of two thumbnails from which they count as one picture


def duplicate_groups(images: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Cluster of near-identical images that each image (N, H, W) belongs to.

    Two images are one picture if their 16x16 thumbnails, freed of brightness and
    contrast, correlate at 0.995 or more: re-encoded copies and neighbouring video frames
    of a still face. A cluster is named after its first row.
    """
    n = len(images)
    thumbs = np.empty((n, _THUMB * _THUMB), dtype=np.float32)
    for row in range(n):
        thumbs[row] = geometry.resize(images[row], _THUMB, _THUMB).ravel()
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    thumbs /= np.maximum(np.linalg.norm(thumbs, axis=1, keepdims=True), 1e-6)
    first = np.arange(n)

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = first[first[row]]
            row = int(first[row])
        return row

    for start in range(0, n, 1024):
        alike = thumbs[start : start + 1024] @ thumbs[: start + 1024].T >= _SAME
        for row in np.flatnonzero(np.count_nonzero(alike, axis=1) > 1):
            same = np.flatnonzero(alike[row])
            # by way of the few parents, so that a cluster of all rows stays cheap
            roots = [root(int(parent)) for parent in np.unique(first[same])]
            first[roots] = first[same] = min(roots)
    return np.array([f"{CLUSTER}{root(row)}" for row in range(n)], dtype=np.str_)


def split_groups(
    group: NDArray[np.str_], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers to train on and to hold out, such that no group is in both.

    Args:
        group: (N,) person or cluster of every row.
        share: part of the rows to hold out, [0, 1); whole groups, drawn at random, until
            that many rows are reached.
        seed: of the draw; same seed and groups, same split.

    Raises:
        DataError: rows are to be held out and there is but one group.
    """
    names, member = np.unique(group, return_inverse=True)
    rows = np.arange(len(group))
    if share == 0:
        return rows, rows[:0]
    if len(names) < 2:
        raise DataError(
            f"cannot hold out {share:.0%} of the rows: all {len(group)} belong to one person or "
            f"picture; give more data, or hold out nothing (--validation 0)"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(member)[order]
    reached = np.searchsorted(np.cumsum(sizes), share * len(group))
    chosen = order[: int(np.clip(reached + 1, 1, len(names) - 1))]
    held = np.isin(member, chosen)
    return rows[~held], rows[held]


def spread_rows(rows: int, count: int) -> NDArray[np.int64]:
    """At most `count` of `rows` row numbers, evenly from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, min(count, rows)).round().astype(np.int64))
