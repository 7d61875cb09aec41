"""Kaggle's Facial Keypoints Detection files: a row per face, pixels as text.

``training.csv`` has a pair of columns ``<point>_x,<point>_y`` per point and the pixels of
a square picture in ``Image``; blank labels are unknown ones. ``test.csv`` has
``ImageId,Image``. Source: https://www.kaggle.com/c/facial-keypoints-detection/data

Pixel (x, y) of row-major pixels has its centre at (x, y), as everywhere here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import fields, lines, open_table
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
_CORE = 0.9  # part of all rows in which a point of the narrow marking scheme is labelled
_ROWS = 10  # of each scheme at least: of fewer, one hole takes a point below that part


@dataclass(frozen=True)
class _Columns:
    """Where a table keeps what: column numbers."""

    landmarks: LandmarkSet
    image: int
    image_id: int | None
    labels: tuple[int, ...]  # x0, y0, x1, y1, ...
    names: tuple[str, ...]


@dataclass
class _Table:
    """What has been read of a table so far, but for the pixels."""

    labels: list[list[float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def is_header(line: bytes) -> bool:
    """Whether a table's first line names a column of pixels, or a point's x and y."""
    names = {f.strip() for f in fields(line)}
    return b"Image" in names or any(n.endswith(b"_x") and n[:-1] + b"y" in names for n in names)


def read_kaggle(path: Path, options: Options) -> Samples:
    """Faces of a training or test table, plain, zipped, or in the competition's zip.

    The two marking schemes of the competition are told apart by the labels
    (`marking_schemes`); groups are clusters of near-identical pictures.

    Raises:
        DataError: the file cannot be read, or a row breaks the format (the message names
            the row, counted from 1 without the header, and the line of the file).
    """
    with open_table(path, options.split) as (stream, name):
        rows = lines(stream)
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
    source, sources = marking_schemes(labelled, columns.landmarks)
    return Samples(
        images=images,
        points=points,
        labelled=labelled,
        landmarks=columns.landmarks,
        group=duplicate_groups(images),
        names=np.array(table.names, dtype=np.str_),
        scheme=source,
        schemes=sources,
    )


def marking_schemes(
    labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> tuple[NDArray[np.int16], dict[str, tuple[str, ...]]]:
    """Who marked which row, found from what is labelled (N, K).

    The competition's labels come from two sets with 15 and 4 points, and the same name
    means another place in each. Points that at least nine rows in ten have are the narrow
    scheme's; a row with no other label belongs to it, every other row to the wide one.
    Unless both are well attested (`_two_schemes`) there is one scheme, named for the points
    it marks.

    Returns:
        Number of each row's scheme (N,), and for each scheme ("15-point", "4-point") the
        names of its points, the widest first.
    """
    core = np.asarray(labelled.mean(axis=0) >= _CORE)
    narrow = np.asarray(~labelled[:, ~core].any(axis=1))
    if _two_schemes(labelled, core, narrow):
        few = tuple(n for c, n in enumerate(landmarks.names) if core[c])
        schemes = {f"{len(landmarks)}-point": landmarks.names, f"{len(few)}-point": few}
        return np.asarray(narrow, dtype=np.int16), schemes
    seen = np.asarray(labelled.any(axis=0) | (not labelled.any()))
    marked = tuple(n for c, n in enumerate(landmarks.names) if seen[c])
    return np.zeros(len(labelled), dtype=np.int16), {f"{len(marked)}-point": marked}


def _two_schemes(
    labelled: NDArray[np.bool_], core: NDArray[np.bool_], narrow: NDArray[np.bool_]
) -> bool:
    """Whether rows without a label outside of the core were marked by other rules, or just
    have holes.

    In doubt it is holes: to take two schemes for one costs some error in the points that they
    mark differently, while a scheme made up of holes takes its rows from every column and has
    columns of its own that hardly a row teaches. So both need rows enough to learn from. A
    scheme leaves out most points, and a hidden part of a face few: the competition's marks 4
    of 15. And a scheme leaves them out together, while holes leave out now these and now those:
    of the competition's rows 4,765 have nothing outside of the core and 129 a part of it.
    """
    left_out = labelled[:, ~core]
    if not 0 < core.sum() <= len(core) / 2 or left_out.shape[1] < 2:
        return False
    part = left_out.any(axis=1) & ~left_out.all(axis=1)
    return min(narrow.sum(), (~narrow).sum()) >= _ROWS and narrow.sum() > part.sum()


def _columns(header: bytes, name: str) -> _Columns:
    """Columns of a header. Raises DataError if one is missing, unknown or repeated."""
    names = tuple(f.decode("utf-8", "replace").strip() for f in fields(header))
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
    """Every row's pixels in a store, labels and names in a table."""
    table = _Table()
    store: ImageStore | None = None
    side = row = line = 0
    try:
        for row, (line, text) in enumerate(rows, start=1):  # noqa: B007
            cells = fields(text)
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
            f"{count} pixels are no square picture; expected 9216 (96 x 96) or another square"
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
    # points may lie outside a close crop, but not a picture away from it
    if not -side <= value <= 2 * side:
        shown = cell[:20].decode("utf-8", "replace")
        raise ValueError(f"{column} is {shown}, far outside of the {side} pixels of the picture")
    return value
