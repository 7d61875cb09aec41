"""Builds `Photos` from rows: the points of a face and the path of its image.

The readers of formats with image files share this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_files import ImageSize, image_size, open_gray
from facepoints.datasets.readers.label_checks import LabelTable, check_labels
from facepoints.datasets.readers.label_files import MAX_NAME, check_names
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import (
    AMBIGUOUS_NUMBERS,
    NUMBERED_SETS,
    known_or_plain,
    numbered_set,
)
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "Box",
    "FaceRow",
    "box_of",
    "finite_point",
    "photos_of_rows",
    "set_of_names",
    "unique_row_names",
]

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels."""

_FAR = 1e6  # pixels; no image is that large, so such a coordinate is damage
_MOST_VALUES = 2**28  # points of all faces that are read, 2 GB


@dataclass(frozen=True)
class FaceRow:
    """One labeled face in an image file.

    Attributes:
        file: the image.
        name: where the row comes from, unique in the data set.
        group: what a split must not separate, such as the person or the photo.
        points: (K, 2), (x, y) in pixels, NaN where not labeled.
        scheme: name of the marking scheme; empty if unknown.
        size: width and height of the image in the label file; None: not there.
        where: the place in the label file, for messages; empty: `name` says it.
        visibility: (K,) 1 where a point is visible, 0 where it is hidden, -1 where this is
            unknown; None: unknown everywhere.
        box: (x, y, width, height) of the face in pixels; None: not there.
    """

    file: Path
    name: str
    group: str
    points: NDArray[np.float32]
    scheme: str = ""
    size: tuple[int, int] | None = None
    where: str = ""
    visibility: NDArray[np.int8] | None = None
    box: Box | None = None


def finite_point(x: float, y: float) -> bool:
    """True if both numbers are finite and small enough to be image coordinates."""
    return abs(x) < _FAR and abs(y) < _FAR


def set_of_names(names: Sequence[str], what: str = "the label file") -> LandmarkSet:
    """The landmark set for the point names of a file.

    If the names are consecutive numbers, it is the numbered set of that many points, such as the
    68 iBUG points. Otherwise it is the known set with these names, or a plain set.

    Args:
        what: the file, for the message.

    Raises:
        DataError: there are too many names, or one is blank, too long or there twice.
    """
    check_names(names, what)
    if names and all(n.isdecimal() and len(n) < 20 for n in names):
        numbers = [int(n) for n in names]
        numbered, scheme = numbered_set(len(names))
        known = scheme in NUMBERED_SETS and scheme not in AMBIGUOUS_NUMBERS
        if known and numbers == list(range(numbers[0], numbers[0] + len(names))):
            return numbered
    return known_or_plain(names)


def unique_row_names(files: Sequence[str]) -> list[str]:
    """Names for faces by their image files: the second face of a.jpg is "a.jpg#2"."""
    counts: dict[str, int] = {}
    names = []
    for file in files:
        counts[file] = counts.get(file, 0) + 1
        names.append(file if counts[file] == 1 else f"{file}#{counts[file]}")
    return names


def photos_of_rows(
    rows: Sequence[FaceRow],
    landmarks: LandmarkSet,
    scheme: str,
    schemes: dict[str, tuple[str, ...]] | None = None,
    *,
    path: Path,
    notes: Notes,
    offset: float = 0,
    measured: bool = False,
    read_images: Callable[[], Iterator[NDArray[np.uint8]]] | None = None,
) -> Photos:
    """Join rows to `Photos`, and check their labels (`label_checks`).

    Adjacent rows of one file read it only once. The visibility of points counts as unknown if no
    labeled point is hidden, or all are: many tools give every point the same mark.

    Args:
        rows: at least one.
        landmarks: of the K columns of the rows' points.
        scheme: name of the marking scheme of all rows, if `schemes` is empty.
        schemes: the points of each scheme that the rows name.
        path: the label file or folder, for messages.
        notes: gets what is left out and changed.
        offset: number that the label file adds to the coordinates: 1 if it counts from 1.
        measured: the rows' `size` is the real size of their images, which need not be opened.
        read_images: yields the gray image of each row; None: they are read from the rows' files.

    Raises:
        DataError: labels are no positions in their images, or the data are too large.
    """
    if len(rows) * len(landmarks) > _MOST_VALUES:
        raise DataError(f"{path} has {len(rows)} faces of {len(landmarks)} points, too many")
    for row in rows:
        if max(len(row.name), len(row.group)) > MAX_NAME:
            raise DataError(f"{path}: the name '{shortened(row.name)}' is too long")
    points = np.stack([row.points for row in rows]).astype(np.float32)
    labelled = np.asarray(np.isfinite(points).all(axis=2))
    points[~labelled] = 0
    sizes: dict[Path, ImageSize | None] = {}
    if not measured:
        for row in rows:
            if row.file not in sizes:
                sizes[row.file] = image_size(row.file)
    table = LabelTable(
        path=path,
        names=[row.where or row.name for row in rows],
        point_names=landmarks.names,
        points=points,
        labelled=labelled,
        seen=[sizes.get(row.file) for row in rows],
        declared=[row.size for row in rows],
        offset=offset,
    )
    keep = check_labels(table, notes)
    order = list(schemes or ())
    photos = Photos(
        read_images=read_images or _ImageFiles(tuple(row.file for row in rows)),
        points=points,
        labelled=labelled,
        landmarks=landmarks,
        group=np.array([row.group for row in rows], dtype=np.str_),
        names=np.array([row.name for row in rows], dtype=np.str_),
        scheme=np.array(
            [order.index(row.scheme) if schemes else 0 for row in rows], dtype=np.int16
        ),
        schemes=schemes or {scheme: landmarks.names},
        visibility=_visibility(rows, labelled),
        files=tuple(row.file for row in rows) if read_images is None else None,
        boxes=_boxes(rows, table.seen),
    )
    return photos if keep.all() else photos.take(keep)


def box_of(x: object, y: object, width: object, height: object) -> Box | None:
    """A box in a label file; None if it is not there or cannot be one."""
    try:
        box = float(str(x)), float(str(y)), float(str(width)), float(str(height))
    except ValueError:
        return None
    possible = finite_point(*box[:2]) and finite_point(*box[2:]) and min(box[2:]) > 0
    return box if possible else None


def _boxes(rows: Sequence[FaceRow], seen: Sequence[ImageSize | None]) -> NDArray[np.float64] | None:
    """Boxes (N, 4) of the rows; None if there is none. Those of pictures that have another size
    than the label file says are left out."""
    boxes = np.full((len(rows), 4), np.nan)
    for number, (row, size) in enumerate(zip(rows, seen, strict=True)):
        same = row.size is None or size is None or row.size == (size.width, size.height)
        if row.box is not None and same:
            boxes[number] = row.box
    return None if np.isnan(boxes).all() else boxes


def _visibility(rows: Sequence[FaceRow], labelled: NDArray[np.bool_]) -> NDArray[np.int8] | None:
    """Visibility (N, K) of the points of all rows; None if no labeled point is hidden, or all."""
    if all(row.visibility is None for row in rows):
        return None
    visibility = np.full(labelled.shape, -1, dtype=np.int8)
    for number, row in enumerate(rows):
        if row.visibility is not None:
            visibility[number] = row.visibility
    visibility[~labelled] = -1
    told = (visibility == 0).any() and (visibility == 1).any()
    return visibility if told else None


@dataclass(frozen=True)
class _ImageFiles:
    """Image files. A call yields their gray images in order."""

    files: tuple[Path, ...]

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        last, image = None, None
        for file in self.files:
            if image is None or file != last:
                last, image = file, open_gray(file)
            yield image
