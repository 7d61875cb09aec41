"""Reads dlib's imglab XML: boxes with named parts, of which some may be missing.

Coordinates are 0-based pixels. Source: the tool imglab of dlib,
https://github.com/davisking/dlib/tree/master/tools/imglab
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

import numpy as np

from facepoints.datasets.readers.coco import find_image
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    FaceRow,
    finite_point,
    photos_of_rows,
    set_of_names,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["read_imglab"]


def read_imglab(path: Path, options: Options) -> Photos:
    """Read an imglab file with images at paths relative to it.

    The points are all part names of the file, sorted (numbers by value). 68 consecutive numbers
    are the iBUG set. Boxes without parts and boxes marked ``ignore`` are left out. Groups are
    the image files.

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    boxes = _Boxes(path).read()
    if not boxes:
        raise DataError(f"{path}: no box with parts; expected <box> with <part> inside")
    parts = sorted({name for _, named in boxes for name in named}, key=_order)
    landmarks = set_of_names(parts)
    columns = {name: column for column, name in enumerate(parts)}
    rows: list[FaceRow] = []
    counts: dict[str, int] = {}
    for file, named in boxes:
        points = np.full((len(parts), 2), np.nan, dtype=np.float32)
        for name, position in named.items():
            points[columns[name]] = position
        counts[file] = counts.get(file, 0) + 1
        name = file if counts[file] == 1 else f"{file}#{counts[file]}"
        rows.append(FaceRow(find_image(path, file), name, file, points))
    return photos_of_rows(rows, landmarks, "imglab")


def _order(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() and len(name) < 20 else (1, 0, name)


class _Boxes:
    """Reads the boxes that have parts from an imglab file, as a stream.

    It uses expat directly to reject a document type before any entity is expanded: entities may
    grow without limit or read other files.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boxes: list[tuple[str, dict[str, tuple[float, float]]]] = []
        self._file: str | None = None
        self._parts: dict[str, tuple[float, float]] | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self) -> list[tuple[str, dict[str, tuple[float, float]]]]:
        """Read the file: (image file, parts by name as (x, y)) per box. Raises DataError."""
        try:
            with self._path.open("rb") as file:
                self._parser.ParseFile(file)
        except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: encodings
            raise DataError(f"{self._path} is damaged XML: {error}") from error
        except OSError as error:
            raise DataError(f"could not read {self._path}: {error.strerror or error}") from error
        return self._boxes

    def _refuse(self, *_: object) -> None:
        raise DataError(f"{self._path} declares a document type; imglab files have none")

    def _error(self, text: str) -> DataError:
        return DataError(f"{self._path}, line {self._parser.CurrentLineNumber}: {text}")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "image":
            self._file = attributes.get("file")
            if not self._file:
                raise self._error("<image> without file")
        elif tag == "box" and self._file:
            self._parts = None if attributes.get("ignore", "0") not in ("", "0") else {}
        elif tag == "part" and self._parts is not None:
            name = attributes.get("name", "")
            try:
                x, y = float(attributes["x"]), float(attributes["y"])
            except (KeyError, ValueError):
                raise self._error(f"<part name='{name}'> needs numbers x and y") from None
            if not name or name in self._parts or not finite_point(x, y):
                raise self._error(
                    f"<part name='{name}'> is unnamed, repeated, or outside of any image"
                )
            self._parts[name] = (x, y)

    def _end(self, tag: str) -> None:
        if tag == "box":
            if self._parts and self._file:
                self._boxes.append((self._file, self._parts))
            self._parts = None
        elif tag == "image":
            self._file = None
