"""Reads tables of Kaggle's Facial Keypoints Detection: a row per face, pixels as text.

``training.csv`` has a pair of columns ``<point>_x,<point>_y`` per point, and the pixels of a
square image in ``Image``. A blank label means not labeled. ``test.csv`` has ``ImageId,Image``.
Source: https://www.kaggle.com/c/facial-keypoints-detection/data

Tables that other programs saved again are read as well: separated by semicolons or tabs, with
decimal commas, an index column, names in capitals, pixels written as 184.0, CR line ends, in gzip.

Pixels are row-major. The center of pixel (x, y) is at (x, y), as everywhere in this package.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints._util.text_files import original_cell
from facepoints.datasets.crops import blank_images
from facepoints.datasets.readers.csv_lines import (
    csv_cells,
    open_table,
    read_lines,
    separator_of,
)
from facepoints.datasets.readers.image_store import ImageStore
from facepoints.datasets.readers.kaggle_schemes import find_marking_schemes
from facepoints.datasets.readers.label_checks import check_fractions, drop_sentinels
from facepoints.datasets.readers.label_files import MAX_NAME, check_names
from facepoints.datasets.readers.notes import shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.pixels import parse_pixels
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import duplicate_groups
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KAGGLE_15, KNOWN_SETS, known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["is_kaggle_header", "read_kaggle", "table_has_images"]

_IMAGE, _ID = "Image", "ImageId"
_BLANK = {b"", b"NA"}
_INDEX = re.compile(r"(?i)|index|unnamed: ?\d+|level_\d+")  # columns that programs add
# pixels of the images of a table without them: as in the competition, and what is believed at most
_USUAL_SIDE, _LARGEST_SIDE = 96, 20_000


@dataclass(frozen=True)
class _Columns:
    """The columns of a table, by number."""

    landmarks: LandmarkSet
    image: int | None
    image_id: int | None
    labels: tuple[int, ...]  # x0, y0, x1, y1, ...
    names: tuple[str, ...]
    separator: bytes


@dataclass
class _LabelsAndNames:
    """Labels and names of the rows read so far. The pixels go to an image store."""

    labels: list[list[float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def is_kaggle_header(line: bytes) -> bool:
    """True if a table's first line is that of a Kaggle table: it has a column "Image", or columns
    for the x and the y of a point."""
    names = {cell.strip().lower() for cell in csv_cells(line, separator_of(line))}
    return b"image" in names or any(n.endswith(b"_x") and n[:-1] + b"y" in names for n in names)


def read_kaggle(path: Path, options: Options) -> Samples:
    """Read a training or test table: plain, zipped, or in the competition's zip.

    `find_marking_schemes` finds the marking scheme of each row. Groups are clusters of
    near-identical images.

    Raises:
        DataError: the file cannot be read, or a row breaks the format. The message names the
            row, counted from 1 without the header, and the line of the file.
    """
    with open_table(path, options.split, options.notes) as (stream, name):
        rows = read_lines(stream)
        try:
            _, header = next(rows, (0, None))
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error
        if header is None:
            raise DataError(f"{name} is empty; expected a header and a row per face")
        columns = _columns(header, name, options)
        images, rows_read = _read_rows(rows, columns, name, options.scratch)
    values = np.array(rows_read.labels, dtype=np.float32).reshape(len(images), -1, 2)
    known = np.isfinite(values).all(axis=2)
    points = np.zeros((len(images), len(columns.landmarks), 2), dtype=np.float32)
    labelled = np.zeros(points.shape[:2], dtype=bool)
    if columns.labels:
        points[known], labelled[:] = values[known], known
        drop_sentinels(points, labelled, rows_read.names, options.notes)
        check_fractions(points, labelled, str(path))
    scheme, schemes = find_marking_schemes(labelled, columns.landmarks)
    return Samples(
        images=images,
        points=points,
        labelled=labelled,
        landmarks=columns.landmarks,
        group=_groups(images, columns),
        names=np.array(rows_read.names, dtype=np.str_),
        scheme=scheme,
        schemes=schemes,
    )


def _groups(images: NDArray[np.uint8], columns: _Columns) -> NDArray[np.str_]:
    if columns.image is not None:
        return duplicate_groups(images)
    return np.array([f"row-{row}" for row in range(1, len(images) + 1)], dtype=np.str_)


def table_has_images(path: Path, split: str = "training") -> bool:
    """True if a table has a column with pixels. Raises DataError if it cannot be read."""
    with open_table(path, split) as (stream, name):
        try:
            _, header = next(read_lines(stream), (0, b""))
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error
    cells = csv_cells(header, separator_of(header))
    return b"image" in {cell.strip().lower() for cell in cells}


def _columns(header: bytes, name: str, options: Options) -> _Columns:
    """The columns that a header names. Raises DataError if one is missing, unknown or repeated."""
    notes = options.notes
    if any(byte < 9 for byte in header):
        raise DataError(
            f"{name} holds binary data; expected a table as text, perhaps in a zip or gz"
        )
    separator = separator_of(header)
    cells = csv_cells(header, separator)
    texts = (original_cell(cell.decode("utf-8", "replace").strip()) for cell in cells)
    names = tuple(_spelled(text) for text in texts)
    index = {n for n in names if _INDEX.fullmatch(n)}
    repeated = sorted({n for n in names if n and names.count(n) > 1})
    if repeated:
        raise DataError(f"{name}: column '{shortened(repeated[0])}' is there more than once")
    if _IMAGE not in names and options.images:
        raise DataError(f"{name}: no column '{_IMAGE}' with the pixels; found {_some(names)}")
    points: list[str] = []
    for column in names:
        if column in index:
            notes.add("columns without a name of a point were not read", column or "(no name)")
        if column in (_IMAGE, _ID) or column in index:
            continue
        point, axis = column[:-2], column[-2:]
        if axis not in ("_x", "_y") or not point:
            raise DataError(
                f"{name}: unknown column '{shortened(column)}'; expected {_ID}, {_IMAGE} and pairs "
                f"<point>_x, <point>_y"
            )
        partner = point + ("_y" if axis == "_x" else "_x")
        if partner not in names:
            raise DataError(
                f"{name}: column '{shortened(column)}' has no partner '{shortened(partner)}'"
            )
        if point not in points:
            points.append(point)
    check_names(points, name)
    return _Columns(
        landmarks=known_or_plain(points) if points else KAGGLE_15,
        image=names.index(_IMAGE) if options.images else None,
        image_id=names.index(_ID) if _ID in names else None,
        labels=tuple(names.index(p + axis) for p in points for axis in ("_x", "_y")),
        names=names,
        separator=separator,
    )


_KNOWN_NAMES = {name for known in KNOWN_SETS.values() for name in known.names}


def _spelled(column: str) -> str:
    """A column name in the usual letters: image becomes Image, NOSE_TIP_X becomes nose_tip_x."""
    lower = column.lower()
    for usual in (_IMAGE, _ID):
        if lower == usual.lower():
            return usual
    if lower[-2:] in ("_x", "_y"):
        point = lower[:-2] if lower[:-2] in _KNOWN_NAMES else column[:-2]
        return point + lower[-2:]
    return column


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(map(shortened, names[:4])) + (", ..." if len(names) > 4 else "")


def _read_rows(rows, columns: _Columns, name: str, scratch: Path | None):
    """The images of all rows, from an image store, and their labels and names. Without a column of
    images they are blank."""
    rows_read = _LabelsAndNames()
    store: ImageStore | None = None
    side = row = line = 0
    try:
        for row, (line, text) in enumerate(rows, start=1):  # noqa: B007
            cells = csv_cells(text, columns.separator)
            if len(cells) != len(columns.names):
                raise ValueError(
                    f"expected {len(columns.names)} columns as in the header, found {len(cells)}"
                )
            if columns.image is None:
                side = _LARGEST_SIDE
            elif store is None:
                side = _side(cells[columns.image])
                store = ImageStore(scratch, side, side)
            rows_read.labels.append(
                [
                    _label(cells[c], columns.names[c], side, columns.separator != b",")
                    for c in columns.labels
                ]
            )
            rows_read.names.append(_row_name(cells, columns, row))
            if store is not None and columns.image is not None:
                store.append(parse_pixels(cells[columns.image], side * side))
        if not rows_read.names:
            raise DataError(f"{name} has a header but no rows")
        return _blank(rows_read) if store is None else store.finish(), rows_read
    except ValueError as error:
        raise DataError(f"{name}, row {row} (line {line}): {error}") from error
    finally:
        if store is not None:
            store.close()


def _blank(rows: _LabelsAndNames) -> NDArray[np.uint8]:
    """Blank images that the labels fit into: of 96 pixels, as in the competition, or larger."""
    largest = np.nanmax(np.array(rows.labels, dtype=np.float64), initial=0)
    return blank_images(len(rows.names), max(_USUAL_SIDE, int(largest) + 1))


def _row_name(cells: list[bytes], columns: _Columns, row: int) -> str:
    if columns.image_id is None:
        return f"row-{row}"
    name = cells[columns.image_id].decode("utf-8", "replace").strip()
    if not name or len(name) > MAX_NAME:
        raise ValueError(f"{_ID} is {'too long' if name else 'blank'}")
    return name


def _side(pixels: bytes) -> int:
    count = len(pixels.split())
    side = math.isqrt(count)
    if count == 0 or side * side != count:
        raise ValueError(
            f"{count} pixels are not a square image; expected 9216 (96 x 96) or another square"
        )
    return side


def _label(cell: bytes, column: str, side: int, decimal_comma: bool) -> float:
    """The coordinate in a cell, in pixels; NaN for a blank cell. With `decimal_comma`, 27,5 is a
    number."""
    if cell in _BLANK:
        return math.nan
    if decimal_comma:
        cell = cell.replace(b",", b".")
    try:
        value = float(cell)
    except ValueError:
        if not cell.strip():
            return math.nan
        shown = cell[:20].decode("utf-8", "replace")
        raise ValueError(
            f"{shortened(column)} is '{shown}', expected a number or a blank"
        ) from None
    if math.isnan(value):
        return math.nan
    # points may lie outside a close crop, but not by more than its side
    if not -side <= value <= 2 * side:
        shown = cell[:20].decode("utf-8", "replace")
        raise ValueError(
            f"{shortened(column)} is {shown}, far outside of the {side} pixels of the image"
        )
    return value
