"""Reads dlib's imglab XML: boxes with named parts, of which some may be missing.

Coordinates are 0-based pixels. Source: the tool imglab of dlib,
https://github.com/davisking/dlib/tree/master/tools/imglab
"""

from __future__ import annotations

from pathlib import Path

from facepoints.datasets.readers.label_files import MAX_POINTS
from facepoints.datasets.readers.named_faces import (
    NamedFace,
    Size,
    photos_of_named_faces,
    size_of,
)
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import Box, box_of, finite_point
from facepoints.datasets.readers.xml_files import XmlReader
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["read_imglab"]


def read_imglab(path: Path, options: Options) -> Photos:
    """Read an imglab file with images at paths relative to it (`ImageFinder`).

    The points are all part names of the file, sorted (numbers by value). 68 consecutive numbers
    are the iBUG set. Boxes without parts and boxes marked ``ignore`` are left out, with a note.
    Groups are the image files.

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    boxes = _Boxes(path, options.notes).read()
    if not boxes:
        raise DataError(f"{path}: no box with parts; expected <box> with <part> inside")
    return photos_of_named_faces(boxes, "imglab", path=path, notes=options.notes)


class _Boxes:
    """Collects the boxes that have parts from an imglab file."""

    def __init__(self, path: Path, notes: Notes) -> None:
        self._xml = XmlReader(path, self._start, self._end)
        self._notes = notes
        self._boxes: list[NamedFace] = []
        self._file = ""
        self._size: Size | None = None
        self._parts: dict[str, tuple[float, float]] | None = None
        self._box: Box | None = None

    def read(self) -> list[NamedFace]:
        """Read the file. Raises DataError."""
        self._xml.read()
        return self._boxes

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "image":
            self._file = attributes.get("file", "")
            if not self._file:
                raise self._xml.error("<image> without file")
            self._size = size_of(attributes.get("width"), attributes.get("height"))
        elif tag == "box" and self._file:
            ignored = attributes.get("ignore", "0").strip().lower() not in ("", "0", "false")
            if ignored:
                self._notes.add("boxes marked ignore were left out", self._file)
            self._parts = None if ignored else {}
            sides = [attributes.get(name) for name in ("left", "top", "width", "height")]
            self._box = box_of(*sides)
        elif tag == "part" and self._parts is not None:
            self._part(attributes, self._parts)

    def _part(self, attributes: dict[str, str], parts: dict[str, tuple[float, float]]) -> None:
        name = attributes.get("name", "")
        shown = shortened(name)
        try:
            x, y = float(attributes["x"]), float(attributes["y"])
        except (KeyError, ValueError):
            raise self._xml.error(f"<part name='{shown}'> needs numbers x and y") from None
        if not name or name in parts or not finite_point(x, y):
            raise self._xml.error(
                f"<part name='{shown}'> is unnamed, repeated, or outside of any image"
            )
        if len(parts) == MAX_POINTS:
            raise self._xml.error(f"a box has more than {MAX_POINTS} parts")
        parts[name] = (x, y)

    def _end(self, tag: str) -> None:
        if tag == "box":
            if self._parts:
                where = f"line {self._xml.line} ({shortened(self._file)})"
                face = NamedFace(self._file, self._parts, self._size, where, box=self._box)
                self._boxes.append(face)
            elif self._parts is not None:
                self._notes.add("boxes without parts were left out", self._file)
            self._parts = None
        elif tag == "image":
            self._file = ""
