"""Finds labels that cannot be positions in their picture, before anything is trained on them.

- (-1, -1) and (0, 0) stand for points that nobody marked: they are taken as not labeled.
- Labels made on a picture that was turned by EXIF or resized afterwards are moved with it where
  the label file's width and height show it, and refused where they only contradict the picture.
- Coordinates from 0 to 1, and positions far outside of the picture, are refused.
- Faces whose center lies outside of the picture are left out.

Every change is noted (`Notes`), every refusal names the first case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_files import ImageSize
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.errors import DataError

__all__ = ["LabelTable", "check_fractions", "check_labels", "drop_sentinels"]

_FRACTION = 1.25  # coordinates up to this are fractions of the picture
_FAR = 0.5  # of the longer side: no landmark of a face in the picture lies farther outside
_SAME_SHAPE = 0.02  # relative difference of two aspect ratios that count as one


@dataclass
class LabelTable:
    """The labels of a data set with what is known about their pictures.

    Attributes:
        path: the label file or folder, for messages.
        names: (N,) name of each face.
        point_names: (K,) names of the points.
        points: (N, K, 2) float32 in pixels, changed in place.
        labelled: (N, K) bool, changed in place.
        seen: (N,) size of each picture as a person sees it; None: unknown.
        declared: (N,) width and height in the label file; None: not there.
        offset: number that the label file adds to the coordinates: 1 if it counts from 1.
    """

    path: Path
    names: Sequence[str]
    point_names: Sequence[str]
    points: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    seen: Sequence[ImageSize | None]
    declared: Sequence[tuple[int, int] | None]
    offset: float = 0


def check_labels(table: LabelTable, notes: Notes) -> NDArray[np.bool_]:
    """Check the labels of pictures, and repair what can be repaired.

    Returns:
        Mask (N,) of the faces to keep.

    Raises:
        DataError: labels are fractions, or contradict their picture.
    """
    drop_sentinels(table.points, table.labelled, table.names, notes, table.offset)
    check_fractions(table.points, table.labelled, str(table.path))
    _fit_to_pictures(table, notes)
    return _inside(table, notes)


def drop_sentinels(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    names: Sequence[str],
    notes: Notes,
    offset: float = 0,
) -> None:
    """Take labels that are exactly (-1, -1) or (0, 0) as not labeled; changes the arrays.

    Args:
        offset: number that the label file adds to the coordinates: 1 if it counts from 1.
    """
    for value in (-1, 0):
        marked = labelled & (points == value - offset).all(axis=-1)
        what = f"labels are exactly ({value}, {value}) and count as not labeled"
        for row in map(int, np.flatnonzero(marked.any(axis=1))):
            notes.add(what, names[row], int(marked[row].sum()))
        labelled[marked] = False
    points[~labelled] = 0


def check_fractions(points: NDArray[np.float32], labelled: NDArray[np.bool_], where: str) -> None:
    """Refuse labels that all lie between -1.25 and 1.25. Raises DataError."""
    known = points[labelled]
    if known.size and np.abs(known).max() <= _FRACTION:
        raise DataError(
            f"{where}: all labels lie between {known.min():.3g} and {known.max():.3g}, so they are "
            f"fractions of the picture, and pixels are expected; multiply x by the picture's "
            f"width and y by its height"
        )


def _fit_to_pictures(table: LabelTable, notes: Notes) -> None:
    """Move labels to the picture as it is now where the label file declares another size."""
    rows: dict[tuple[tuple[int, int], ImageSize], list[int]] = {}
    for row, (declared, seen) in enumerate(zip(table.declared, table.seen, strict=True)):
        if declared and seen and declared != seen[:2] and table.labelled[row].any():
            rows.setdefault((declared, seen), []).append(row)
    resized: list[tuple[tuple[int, int], ImageSize, list[int]]] = []
    for (declared, seen), faces in rows.items():
        if seen.orientation > 4 and declared == (seen.height, seen.width):
            table.points[faces] = _turned(table.points[faces], declared, seen.orientation)
            table.points[~table.labelled] = 0
            for row in faces:
                notes.add(
                    "faces are labeled in the picture as it is stored, before its EXIF turn; the "
                    "labels were turned with the picture",
                    table.names[row],
                )
        else:
            resized.append((declared, seen, faces))
    if not resized:
        return
    proven = all(_same_shape(declared, seen) for declared, seen, _ in resized) and any(
        _only_fits_declared(table, faces, declared, seen) for declared, seen, faces in resized
    )
    for declared, seen, faces in resized:
        sizes = f"{declared[0]}x{declared[1]}", f"{seen.width}x{seen.height}"
        if not proven:
            raise DataError(
                f"{table.path}: the picture of {shortened(table.names[faces[0]])} has "
                f"{sizes[0]} pixels in the label file and {sizes[1]} in fact, as a person sees it; "
                f"use the pictures that were labeled, or correct width and height"
            )
        scale = np.array([seen.width / declared[0], seen.height / declared[1]])
        table.points[faces] = (table.points[faces] + 0.5) * scale - 0.5
        for row in faces:
            notes.add(
                "faces are labeled in a picture of another size, as the label file says; the "
                "labels were resized with the picture",
                f"{table.names[row]}: {sizes[0]}, now {sizes[1]}",
            )
    table.points[~table.labelled] = 0


def _same_shape(declared: tuple[int, int], seen: ImageSize) -> bool:
    ratio = declared[0] * seen.height / max(declared[1] * seen.width, 1)
    return abs(ratio - 1) < _SAME_SHAPE


def _only_fits_declared(
    table: LabelTable, faces: list[int], declared: tuple[int, int], seen: ImageSize
) -> bool:
    """True if labels lie in the picture of the declared size and outside of the real one."""
    known = table.points[faces][table.labelled[faces]]
    fits = (known > -1).all(axis=1) & (known < declared).all(axis=1)
    return bool((fits & (known > (seen.width + 1, seen.height + 1)).any(axis=1)).any())


def _turned(
    points: NDArray[np.float32], stored: tuple[int, int], orientation: int
) -> NDArray[np.float32]:
    """Points of a stored picture in the picture that its EXIF orientation (5 to 8) turns it to."""
    width, height = stored
    x, y = points[..., 0], points[..., 1]
    right, down = width - 1 - x, height - 1 - y
    moved = {5: (y, x), 6: (down, x), 7: (down, right), 8: (y, right)}[orientation]
    return np.stack(moved, axis=-1)


def _inside(table: LabelTable, notes: Notes) -> NDArray[np.bool_]:
    """Mask (N,) of the faces whose labeled points have their mean in the picture.

    Raises:
        DataError: a point lies far outside of its picture, or no face is inside.
    """
    keep = np.ones(len(table.points), dtype=bool)
    sizes = np.array(
        [
            (seen[0], seen[1]) if seen else (declared or (0, 0))
            for seen, declared in zip(table.seen, table.declared, strict=True)
        ],
        dtype=np.float64,
    ).reshape(-1, 1, 2)
    known = table.labelled & (sizes > 0).all(axis=-1)
    beyond = np.maximum(-table.points, table.points - (sizes - 1)).max(axis=-1)
    outside = known & (beyond > 1)
    count = known.sum(axis=1)
    center = (table.points * known[..., None]).sum(axis=1) / np.maximum(count, 1)[:, None]
    away = np.maximum(-center, center - (sizes[:, 0] - 1)).max(axis=-1) > 1
    keep[(count > 0) & away] = False
    if not keep.any() and len(keep):
        row = 0
        raise _outside(table, row, int(np.argmax(outside[row])), sizes[row, 0])
    far = known & (beyond > _FAR * sizes.max(axis=-1)) & keep[:, None]
    if far.any():
        row, column = (int(index) for index in np.argwhere(far)[0])
        raise _outside(table, row, column, sizes[row, 0])
    for row in map(int, np.flatnonzero(~keep)):
        notes.add(
            "faces have their center outside of their picture and were left out", table.names[row]
        )
    return keep


def _outside(table: LabelTable, row: int, column: int, size: NDArray[np.float64]) -> DataError:
    x, y = table.points[row, column]
    return DataError(
        f"{table.path}: the point {shortened(table.point_names[column])} of "
        f"{shortened(table.names[row])} is at ({x:g}, {y:g}), outside of the "
        f"{size[0]:g}x{size[1]:g} pixels of the picture; correct it, or mark it as not labeled"
    )
