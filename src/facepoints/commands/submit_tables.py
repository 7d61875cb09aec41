"""Reads the tables of Kaggle's Facial Keypoints Detection: requests and true coordinates."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import open_table, separator_of
from facepoints.errors import DataError

__all__ = ["LookupRow", "first_ids", "read_lookup", "read_solution", "whole_number"]

_LARGEST = 256 << 20  # bytes; the competition's table has 1 MB
_AXES = {"_x": 0, "_y": 1}


class LookupRow(NamedTuple):
    """A row of the lookup table: the request for one coordinate. `axis`: 0 is x, 1 is y."""

    row_id: int
    image_id: int
    point: str
    axis: int


def read_lookup(path: Path) -> list[LookupRow]:
    """The rows of a table ``RowId,ImageId,FeatureName``, plain or zipped. Raises DataError."""
    rows = []
    row_ids: set[int] = set()
    columns = ("RowId", "ImageId", "FeatureName")
    for line, (row_text, image_text, feature) in _read_table(path, "idlookuptable", columns):
        row_id, image_id = whole_number(row_text), whole_number(image_text)
        if row_id is None or image_id is None:
            column, text = ("RowId", row_text) if row_id is None else ("ImageId", image_text)
            raise DataError(f"{path}, line {line}: {column} should be a whole number, is {text!r}")
        if row_id in row_ids:
            raise DataError(f"{path}, line {line}: RowId {row_id} is there more than once")
        if feature[-2:] not in _AXES or not feature[:-2]:
            raise DataError(
                f"{path}, line {line}: unknown feature name {feature!r}, expected the name of a "
                f"point with _x or _y, such as nose_tip_x"
            )
        row_ids.add(row_id)
        rows.append(LookupRow(row_id, image_id, feature[:-2], _AXES[feature[-2:]]))
    return rows


def read_solution(path: Path, lookup: Sequence[LookupRow]) -> NDArray[np.float64]:
    """True coordinates (R,) of the rows of `lookup`, from a table ``RowId,Location``.

    Raises:
        DataError: the table cannot be used, or has not exactly the rows of `lookup`.
    """
    locations: dict[int, float] = {}
    for line, (row_text, text) in _read_table(path, "solution", ("RowId", "Location")):
        row_id = whole_number(row_text)
        if row_id is None:
            raise DataError(f"{path}, line {line}: RowId should be a whole number, is {row_text!r}")
        if row_id in locations:
            raise DataError(f"{path}, line {line}: RowId {row_id} is there more than once")
        try:
            locations[row_id] = float(text)
        except ValueError:
            locations[row_id] = math.nan
        if not math.isfinite(locations[row_id]):
            raise DataError(f"{path}, line {line}: Location should be a number, is {text!r}")
    wanted = [row.row_id for row in lookup]
    missing = [row_id for row_id in wanted if row_id not in locations]
    unknown = list(locations.keys() - set(wanted))
    if missing or unknown:
        verb, row_ids = ("lacks", missing) if missing else ("has", sorted(unknown))
        why = "that the lookup table asks for" if missing else "that the lookup table does not"
        raise DataError(f"{path} {verb} {len(row_ids)} rows {why}: RowId {first_ids(row_ids)}")
    return np.array([locations[row_id] for row_id in wanted])


def _read_table(path: Path, part: str, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Line number and the cells of `columns` for every row of a CSV file, plain or zipped.

    A byte order mark, CRLF, CR, quotes, semicolons, decimal commas beside semicolons, and further
    columns are accepted.
    """
    with open_table(path, part) as (stream, _):
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DataError(f"{path} holds more than {_LARGEST >> 20} MiB, expected a table of points")
    separator = separator_of(re.split(rb"[\r\n]", data, maxsplit=1)[0]).decode()
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        reader = csv.reader(text, delimiter=separator, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} should be a CSV table and is not: {error}") from error
    if not rows:
        raise DataError(f"{path} is empty; expected a header with {', '.join(columns)}")
    header = [name.strip() for name in rows[0][1]]
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}; its columns are {', '.join(header[:8])}"
        )
    if len(rows) == 1:
        raise DataError(f"{path} has a header and no rows")
    indices = [header.index(name) for name in columns]
    table = []
    for line, row in rows[1:]:
        # the competition's own table leaves out the comma before an empty last field
        if not max(indices) < len(row) <= len(header):
            raise DataError(
                f"{path}, line {line}: expected {len(header)} fields as in the header, "
                f"found {len(row)}"
            )
        cells = [row[index].strip() for index in indices]
        if separator != ",":
            cells = [re.sub(r"^([-+]?\d+),(\d+)$", r"\1.\2", cell) for cell in cells]
        table.append((line, cells))
    return table


def whole_number(text: str) -> int | None:
    """Parse a whole number, which may be written as 7.0; None for other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def first_ids(ids: Sequence[int]) -> str:
    """Text that lists the first five ids."""
    return ", ".join(map(str, ids[:5])) + (", ..." if len(ids) > 5 else "")
