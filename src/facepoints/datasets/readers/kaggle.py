"""Kaggle's Facial Keypoints Detection files: a row per face, pixels as text.

``training.csv`` has a pair of columns ``<point>_x,<point>_y`` per point, and the pixels of a
square image in ``Image``. A blank label means not labelled. ``test.csv`` has ``ImageId,Image``.
Source: https://www.kaggle.com/c/facial-keypoints-detection/data

Pixels are row-major. The center of pixel (x, y) is at (x, y), as everywhere in this package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import open_table, read_lines, split_fields
from facepoints.datasets.readers.image_store import ImageStore
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.pixels import parse_pixels
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import duplicate_groups
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KAGGLE_15, known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["is_header", "marking_schemes", "read_kaggle"]

_IMAGE, _ID = "Image", "ImageId"
_BLANK = {b"", b"NA"}
_CORE = 0.9  # a point labelled in this share of the rows belongs to the narrow scheme
_ROWS = 10  # rows that each scheme needs: in fewer, one hole takes a point below `_CORE`


@dataclass(frozen=True)
class _Columns:
    """Column numbers of a table."""

    landmarks: LandmarkSet
    image: int
    image_id: int | None
    labels: tuple[int, ...]  # x0, y0, x1, y1, ...
    names: tuple[str, ...]


@dataclass
class _Table:
    """The rows of a table read so far, without the pixels."""

    labels: list[list[float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def is_header(line: bytes) -> bool:
    """True if a table's first line names a column of pixels, or the x and y of a point."""
    names = {f.strip() for f in split_fields(line)}
    return b"Image" in names or any(n.endswith(b"_x") and n[:-1] + b"y" in names for n in names)


def read_kaggle(path: Path, options: Options) -> Samples:
    """Read a training or test table: plain, zipped, or in the competition's zip.

    The labels decide the marking scheme of each row (`marking_schemes`). Groups are clusters of
    near-identical images.

    Raises:
        DataError: the file cannot be read, or a row breaks the format. The message names the
            row, counted from 1 without the header, and the line of the file.
    """
    with open_table(path, options.split) as (stream, name):
        rows = read_lines(stream)
        try:
            _, header = next(rows, (0, None))
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error
        if header is None:
            raise DataError(f"{name} is empty; expected a header and a row per face")
        columns = _columns(header, name)
        images, table = _read_rows(rows, columns, name, options.scratch)
    values = np.array(table.labels, dtype=np.float32).reshape(len(images), -1, 2)
    known = np.isfinite(values).all(axis=2)
    points = np.zeros((len(images), len(columns.landmarks), 2), dtype=np.float32)
    labelled = np.zeros(points.shape[:2], dtype=bool)
    if columns.labels:
        points[known], labelled[:] = values[known], known
    scheme, schemes = marking_schemes(labelled, columns.landmarks)
    return Samples(
        images=images,
        points=points,
        labelled=labelled,
        landmarks=columns.landmarks,
        group=duplicate_groups(images),
        names=np.array(table.names, dtype=np.str_),
        scheme=scheme,
        schemes=schemes,
    )


def marking_schemes(
    labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> tuple[NDArray[np.int16], dict[str, tuple[str, ...]]]:
    """Find the marking scheme of each row from the mask of its labels.

    The labels of the competition come from two sets with 15 and 4 points, and a name means
    another place in each. Points that are labelled in 90 % of the rows form the narrow scheme. A
    row without any other label belongs to it, all other rows to the wide scheme. If there are
    not clearly two (`_two_schemes`), there is one scheme, named after the number of its points.

    Args:
        labelled: (N, K).
        landmarks: of the K columns.

    Returns:
        The number of each row's scheme (N,), and for each scheme ("15-point", "4-point") the
        names of its points, the widest first.
    """
    core = np.asarray(labelled.mean(axis=0) >= _CORE)
    narrow = np.asarray(~labelled[:, ~core].any(axis=1))
    if _two_schemes(labelled, core, narrow):
        few = tuple(n for c, n in enumerate(landmarks.names) if core[c])
        schemes = {f"{len(landmarks)}-point": landmarks.names, f"{len(few)}-point": few}
        return np.asarray(narrow, dtype=np.int16), schemes
    some = np.asarray(labelled.any(axis=0) | (not labelled.any()))
    marked = tuple(n for c, n in enumerate(landmarks.names) if some[c])
    return np.zeros(len(labelled), dtype=np.int16), {f"{len(marked)}-point": marked}


def _two_schemes(
    labelled: NDArray[np.bool_], core: NDArray[np.bool_], narrow: NDArray[np.bool_]
) -> bool:
    """True if the rows without a label outside of the core are a scheme of their own, False if
    they only have holes.

    A wrong False costs some error in the points that the two schemes mark differently. A wrong
    True is worse: it takes rows away from every column and adds columns with hardly any labels.
    So two schemes must meet three conditions. Both have enough rows to learn from. The narrow
    scheme has at most half of the points (4 of 15 in the competition), since a hidden part of a
    face leaves out fewer. And the points are left out together: 4,765 rows of the competition
    have no label outside of the core, and only 129 have some of them.
    """
    left_out = labelled[:, ~core]
    if not 0 < core.sum() <= len(core) / 2 or left_out.shape[1] < 2:
        return False
    part = left_out.any(axis=1) & ~left_out.all(axis=1)
    return min(narrow.sum(), (~narrow).sum()) >= _ROWS and narrow.sum() > part.sum()


def _columns(header: bytes, name: str) -> _Columns:
    """The columns of a header. Raises DataError if one is missing, unknown or repeated."""
    names = tuple(f.decode("utf-8", "replace").strip() for f in split_fields(header))
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise DataError(f"{name}: column '{repeated[0]}' is there more than once")
    if _IMAGE not in names:
        raise DataError(f"{name}: no column '{_IMAGE}' with the pixels; found {_some(names)}")
    points: list[str] = []
    for column in names:
        if column in (_IMAGE, _ID):
            continue
        point, axis = column[:-2], column[-2:]
        if axis not in ("_x", "_y") or not point:
            raise DataError(
                f"{name}: unknown column '{column}'; expected {_ID}, {_IMAGE} and pairs "
                f"<point>_x, <point>_y"
            )
        partner = point + ("_y" if axis == "_x" else "_x")
        if partner not in names:
            raise DataError(f"{name}: column '{column}' has no partner '{partner}'")
        if point not in points:
            points.append(point)
    return _Columns(
        landmarks=known_or_plain(points) if points else KAGGLE_15,
        image=names.index(_IMAGE),
        image_id=names.index(_ID) if _ID in names else None,
        labels=tuple(names.index(p + axis) for p in points for axis in ("_x", "_y")),
        names=names,
    )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _read_rows(rows, columns: _Columns, name: str, scratch: Path | None):
    """Read the pixels of all rows into an image store, and labels and names into a table."""
    table = _Table()
    store: ImageStore | None = None
    side = row = line = 0
    try:
        for row, (line, text) in enumerate(rows, start=1):  # noqa: B007
            cells = split_fields(text)
            if len(cells) != len(columns.names):
                raise ValueError(
                    f"expected {len(columns.names)} columns as in the header, found {len(cells)}"
                )
            pixels = cells[columns.image]
            if store is None:
                side = _side(pixels)
                store = ImageStore(scratch, side, side)
            table.labels.append([_label(cells[c], columns.names[c], side) for c in columns.labels])
            table.names.append(_row_name(cells, columns, row))
            store.append(parse_pixels(pixels, side * side))
        if store is None:
            raise DataError(f"{name} has a header but no rows")
        return store.finish(), table
    except ValueError as error:
        raise DataError(f"{name}, row {row} (line {line}): {error}") from error
    finally:
        if store is not None:
            store.close()


def _row_name(cells: list[bytes], columns: _Columns, row: int) -> str:
    if columns.image_id is None:
        return f"row-{row}"
    name = cells[columns.image_id].decode("utf-8", "replace").strip()
    if not name:
        raise ValueError(f"{_ID} is blank")
    return name


def _side(pixels: bytes) -> int:
    count = len(pixels.split())
    side = math.isqrt(count)
    if count == 0 or side * side != count:
        raise ValueError(
            f"{count} pixels are not a square image; expected 9216 (96 x 96) or another square"
        )
    return side


def _label(cell: bytes, column: str, side: int) -> float:
    """One coordinate in pixels; NaN for a blank."""
    if cell in _BLANK:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        if not cell.strip():
            return math.nan
        shown = cell[:20].decode("utf-8", "replace")
        raise ValueError(f"{column} is '{shown}', expected a number or a blank") from None
    if math.isnan(value):
        return math.nan
    # points may lie outside a close crop, but not by more than its side
    if not -side <= value <= 2 * side:
        shown = cell[:20].decode("utf-8", "replace")
        raise ValueError(f"{column} is {shown}, far outside of the {side} pixels of the image")
    return value
