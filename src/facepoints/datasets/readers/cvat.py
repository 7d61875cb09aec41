"""Reads the XML of CVAT, "CVAT for images 1.1".

A skeleton is a face, with points of the names of its sub-labels. Shapes of one point are one face
an image, or one face a group, with points of the names of their labels. A shape of several points
is a face with numbered points. Points marked ``outside`` are not labeled, those marked ``occluded``
are hidden. Source:
https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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
from facepoints.datasets.readers.xml_files import XmlReader
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["read_cvat"]

_OTHER = ("box", "polygon", "polyline", "ellipse", "cuboid", "mask")


def read_cvat(path: Path, options: Options) -> Photos:
    """Read ``annotations.xml`` of CVAT with its images beside it or in ``images``.

    Shapes that are no points are left out, with a note. Groups are the image files.

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    faces = _Shapes(path, options.notes).read()
    if not faces:
        raise DataError(f"{path}: no points or skeletons; expected labels of points")
    return photos_of_named_faces(faces, "cvat", path=path, notes=options.notes)


@dataclass
class _Face:
    """The points of a face by name, and the names of those that are hidden."""

    points: dict[str, tuple[float, float]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


class _Shapes:
    """Collects the faces of a CVAT file."""

    def __init__(self, path: Path, notes: Notes) -> None:
        self._xml = XmlReader(path, self._start, self._end)
        self._notes = notes
        self._faces: list[NamedFace] = []
        self._image = ""
        self._size: Size | None = None
        self._skeleton: _Face | None = None
        self._groups: dict[str, _Face] = {}

    def read(self) -> list[NamedFace]:
        """Read the file. Raises DataError."""
        self._xml.read()
        return self._faces

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "track":
            raise self._xml.error(
                "this is 'CVAT for video'; export the task as 'CVAT for images 1.1' or as COCO "
                "keypoints, with its images"
            )
        if tag == "image":
            self._image = attributes.get("name", "")
            if not self._image:
                raise self._xml.error("<image> without name")
            self._size = size_of(attributes.get("width"), attributes.get("height"))
            self._groups = {}
        elif not self._image:
            return
        elif tag == "skeleton":
            self._skeleton = _Face()
        elif tag == "points":
            self._points(attributes)
        elif tag in _OTHER:
            self._notes.add("shapes that are no points were left out", f"{tag} in {self._image}")

    def _points(self, attributes: dict[str, str]) -> None:
        label = attributes.get("label", "")
        if attributes.get("outside") == "1":
            return
        try:
            points = _parsed(attributes.get("points", "").split(";"))
        except ValueError:
            raise self._xml.error(
                f"the points of '{shortened(label)}' should be x,y;x,y;..."
            ) from None
        occluded = attributes.get("occluded") == "1"
        if self._skeleton is None and len(points) > 1:
            numbered = {str(number): point for number, point in enumerate(points)}
            self._add(_Face(numbered, set(numbered) if occluded else set()))
            return
        group = attributes.get("group_id", "")
        alone = self._skeleton is None
        into = self._groups.setdefault(group, _Face()) if alone else self._skeleton
        assert into is not None
        if len(points) != 1 or not label or label in into.points:
            raise self._xml.error(
                f"the point '{shortened(label)}' is there twice in a face, or is no single point; "
                f"group the points of each face, or use a skeleton"
            )
        into.points[label] = points[0]
        if occluded:
            into.hidden.add(label)

    def _add(self, face: _Face) -> None:
        if len(face.points) > MAX_POINTS:
            raise self._xml.error(f"a face has more than {MAX_POINTS} points")
        if face.points:
            where = f"line {self._xml.line} ({shortened(self._image)})"
            hidden = frozenset(face.hidden)
            self._faces.append(
                NamedFace(self._image, face.points, self._size, where, hidden=hidden)
            )
        else:
            self._notes.add("skeletons without a visible point were left out", self._image)

    def _end(self, tag: str) -> None:
        if tag == "skeleton" and self._skeleton is not None:
            self._add(self._skeleton)
            self._skeleton = None
        elif tag == "image":
            for face in self._groups.values():
                self._add(face)
            self._image, self._groups = "", {}


def _parsed(pairs: Iterable[str]) -> list[tuple[float, float]]:
    points = []
    for pair in pairs:
        x, y = pair.split(",")
        points.append((float(x), float(y)))
    return points
