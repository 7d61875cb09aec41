"""dlib's imglab XML, written and read: a box with integer parts for every face.

The tools of dlib read it, among them the training of its shape predictor. The parts of the 68
points are "00" to "67", as in dlib's own data. Source:
https://github.com/davisking/dlib/tree/master/tools/imglab
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from facepoints._util.files import atomic_file
from facepoints._util.text_files import escape_controls, open_text
from facepoints.datasets.readers.xml_files import XmlReader
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import FrameResult, Record, RecordSource

__all__ = ["read_dlib", "write_dlib"]

_LARGEST = 1e9
_HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<name>facepoints</name>\n<images>\n"
_END = "</images>\n</dataset>\n"


def write_dlib(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write the faces of images. Points are rounded to pixels, as dlib reads them.

    Files are named relative to the folder of `out`. The built-in model's 70 points become the 68;
    other points keep their names. Scores, radii, visibility and images that could not be read
    are not written.

    Raises:
        WriteError: `out` cannot be written.
    """
    names = _part_names(landmarks)
    with atomic_file(out) as temporary, open_text(temporary) as file:
        file.write(_HEAD)
        for record in records():
            if "error" not in record:
                file.writelines(_lines(record, names, out.parent))
        file.write(_END)


def _part_names(landmarks: LandmarkSet) -> list[tuple[int, str]]:
    """Column and part name of every point that is written."""
    if landmarks.names in (IBUG_68.names, OPENPOSE_70.names):
        columns = landmarks.columns(IBUG_68.names)
        return [(int(column), f"{n:02}") for n, column in enumerate(columns)]
    return list(enumerate(landmarks.names))


def _lines(record: Record, names: list[tuple[int, str]], folder: Path) -> Iterator[str]:
    name = os.path.relpath(record["file"], folder) if record["file"] != "-" else "-"
    size = f"width='{record['width']}' height='{record['height']}'"
    yield f"  <image file={_quoted(Path(name).as_posix())} {size}>\n"
    for face in record["faces"]:
        x, y, width, height = face["box"]
        left, top = math.floor(x), math.floor(y)
        across, down = math.ceil(x + width) - left + 1, math.ceil(y + height) - top + 1
        yield f"    <box top='{top}' left='{left}' width='{across}' height='{down}'>\n"
        for column, part in names:
            px, py = (round(value) for value in face["points"][column])
            yield f"      <part name={_quoted(part)} x='{px}' y='{py}'/>\n"
        yield "    </box>\n"
    yield "  </image>\n"


def _quoted(text: str) -> str:
    return quoteattr(escape_controls(text))


def read_dlib(path: Path) -> list[FrameResult]:
    """The faces of an imglab file whose boxes all have the same parts.

    Each face gets the score 1 and the radius 0: the points are taken as exact. Files are named as
    in the file. To train on such a file with missing parts, use `load_dataset`.

    Raises:
        DataError: the file cannot be read, or a box has other parts than the first.
    """
    return _Reader(path).read()


class _Reader:
    """Collects the images and faces of an imglab file."""

    def __init__(self, path: Path) -> None:
        self._xml = XmlReader(path, self._start, self._end)
        self._path = path
        self._results: list[FrameResult] = []
        self._box: tuple[float, float, float, float] | None = None
        self._parts: dict[str, tuple[float, float]] = {}
        self._landmarks: LandmarkSet | None = None

    def read(self) -> list[FrameResult]:
        """Read the file. Raises DataError."""
        self._xml.read()
        if not self._results:
            raise DataError(f"{self._path}: no <image>; expected an imglab file of dlib")
        return self._results

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "image":
            size = tuple(int(self._number(attributes, key, 0)) for key in ("height", "width"))
            self._results.append(
                FrameResult(attributes.get("file", ""), size=size)  # type: ignore[arg-type]
            )
        elif tag == "box" and self._results:
            left, top, width, height = (
                self._number(attributes, key) for key in ("left", "top", "width", "height")
            )
            self._box, self._parts = (left, top, width - 1, height - 1), {}
        elif tag == "part" and self._box is not None:
            x, y = self._number(attributes, "x"), self._number(attributes, "y")
            self._parts[attributes.get("name", "")] = (x, y)

    def _number(self, attributes: dict[str, str], key: str, default: float | None = None) -> float:
        try:
            value = float(attributes[key] if default is None else attributes.get(key, default))
        except (KeyError, ValueError):
            raise self._xml.error(f"expected a number {key}") from None
        if not abs(value) < _LARGEST:
            raise self._xml.error(f"{key} is {value}, which lies in no image")
        return value

    def _end(self, tag: str) -> None:
        if tag != "box" or self._box is None:
            return
        if not self._parts:
            raise self._xml.error("a box has no parts; expected points of a face")
        names = tuple(sorted(self._parts, key=lambda name: (len(name), name)))
        if self._landmarks is None:
            numbered = names == tuple(f"{n:02}" for n in range(68))
            self._landmarks = IBUG_68 if numbered else LandmarkSet(names, mirrorable=False)
            self._names = names
        if names != self._names:
            raise self._xml.error(
                f"a box has {len(names)} parts, others have {len(self._names)}, or other names; "
                f"facepoints.load_dataset reads files with missing parts"
            )
        points = np.array([self._parts[name] for name in names], dtype=np.float32)
        radius = np.zeros(len(points), dtype=np.float32)
        self._results[-1].faces.append(Face(self._box, 1.0, points, radius, self._landmarks))
        self._box = None
