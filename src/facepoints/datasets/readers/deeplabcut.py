"""Reads the labels of DeepLabCut: ``CollectedData_<name>.csv`` with a row per image.

The header has a line each for ``scorer``, ``individuals`` (with several animals), ``bodyparts`` and
``coords``. A blank cell means not labeled. Source:
https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from facepoints.datasets.readers.csv_lines import csv_cells, read_lines, separator_of
from facepoints.datasets.readers.label_files import MAX_POINTS, open_regular
from facepoints.datasets.readers.named_faces import NamedFace, photos_of_named_faces
from facepoints.datasets.readers.notes import shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["is_deeplabcut_header", "read_deeplabcut"]


@dataclass(frozen=True)
class _Header:
    """The columns of a table: those of the image's path, and (individual, point, x or y) of each
    further one."""

    separator: bytes
    index: int
    columns: dict[int, tuple[str, str, str]]
    width: int


def is_deeplabcut_header(line: bytes) -> bool:
    """True if a table's first line is that of DeepLabCut."""
    return csv_cells(line, separator_of(line))[0].strip() == b"scorer"


def read_deeplabcut(path: Path, options: Options) -> Photos:
    """Read a table of labels with its images, which lie beside it.

    Each individual of an image is a face. Groups are the folders of the images, which DeepLabCut
    names after their video. Images without a label are left out, with a note.

    Raises:
        DataError: it is not such a table, or a row breaks the format.
    """
    faces: list[NamedFace] = []
    with open_regular(path) as stream:
        line = 0
        try:
            lines = list(read_lines(stream))
            header, rows = _header(lines)
            for line, text in rows:  # noqa: B007
                cells = [c.decode("utf-8").strip() for c in csv_cells(text, header.separator)]
                if len(cells) != header.width:
                    raise ValueError(f"expected {header.width} cells, found {len(cells)}")
                file = "/".join(cells[: header.index])
                found = _faces(cells, header, file)
                faces += found
                if not found:
                    options.notes.add("images without a label were left out", file)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {error}") from error
    if any(coordinate == "likelihood" for _, _, coordinate in header.columns.values()):
        options.notes.say("the column 'likelihood' was not read: these are predictions, not labels")
    if not faces:
        raise DataError(f"{path}: no labeled point")
    return photos_of_named_faces(faces, "deeplabcut", path=path, notes=options.notes)


def _header(lines: list[tuple[int, bytes]]) -> tuple[_Header, list[tuple[int, bytes]]]:
    """The columns, and the rows below the header. Raises ValueError."""
    separator = separator_of(lines[0][1])
    heads: dict[str, list[str]] = {}
    rows: list[tuple[int, bytes]] = []
    for number, (_, text) in enumerate(lines[:4]):
        cells = [cell.decode("utf-8").strip() for cell in csv_cells(text, separator)]
        if cells[0] not in ("scorer", "individuals", "bodyparts", "coords"):
            break
        heads[cells[0]] = cells
        if cells[0] == "coords":
            rows = lines[number + 1 :]
            break
    if not {"scorer", "bodyparts", "coords"} <= heads.keys():
        raise ValueError("expected the header lines scorer, bodyparts and coords")
    coords = heads["coords"]
    width = len(coords)
    index = next((at for at, text in enumerate(coords) if at and text), width)
    people = heads.get("individuals", [""] * width)
    if width > 3 * MAX_POINTS * 20 or not len(people) == len(heads["bodyparts"]) == width:
        raise ValueError("the header lines have different numbers of cells, or too many")
    columns = {at: (people[at], heads["bodyparts"][at], coords[at]) for at in range(index, width)}
    return _Header(separator, index, columns, width), rows


def _faces(cells: list[str], header: _Header, file: str) -> list[NamedFace]:
    """The faces in a row. Raises ValueError."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    for at, (who, point, coordinate) in header.columns.items():
        text = cells[at] if header.separator == b"," else cells[at].replace(",", ".")
        try:
            value = float(text) if text else math.nan
        except ValueError:
            raise ValueError(
                f"{shortened(point)} {coordinate} is '{shortened(text)}', expected a number"
            ) from None
        if not math.isnan(value):
            values.setdefault(who, {}).setdefault(point, {})[coordinate] = value
    faces = []
    for named in values.values():
        points = {n: (c["x"], c["y"]) for n, c in named.items() if {"x", "y"} <= c.keys()}
        if points:
            faces.append(NamedFace(file, points, None, file, group=file.rpartition("/")[0]))
    return faces
