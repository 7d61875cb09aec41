"""Detectors for faces at known places: whole images, and boxes from a file."""

from __future__ import annotations

import csv
import io
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.detection.base import Detection
from facepoints.errors import DataError, DataWarning, SettingsError

_FAR = 1e6  # no image has so many pixels along a side
_FRACTION = 1.25  # boxes up to this are fractions of the image
_SMALLER = 0.5  # size of the second box of a whole image, as a fraction of the first
_LARGEST = 256 << 20  # bytes of a table

__all__ = ["BoxFileDetector", "FullImageDetector"]


@dataclass(frozen=True)
class FullImageDetector:
    """For images that are cropped to one face each: the whole image is the face.

    Attributes:
        part: longer side of the face's box (brows to chin, ear to ear), as a fraction of the
            image's shorter side. Larger: the face is taken to fill more of the image.
        down: shift of the box's center below the image's center, as a fraction of the same side.

    The defaults lie between crops with the face in the center and those of Kaggle's Facial
    Keypoints Detection, where the chin is near the border (part 0.82, down 0.15). Refinement
    passes make up for the rest, and where they do not, a box of half the size.
    """

    part: float = 0.8
    down: float = 0.08

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The one detection of an image, whatever it shows."""
        return self._box(image, 1.0)

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """A smaller box, for a face that fills less of the image."""
        yield self._box(image, _SMALLER)

    def _box(self, image: NDArray[np.uint8], factor: float) -> list[Detection]:
        height, width = image.shape[:2]
        side = min(height, width)
        size, down = side * self.part * factor, side * self.down * factor
        x, y = (width - 1) / 2, (height - 1) / 2 + down
        return [Detection((x - size / 2, y - size / 2, size, size))]


@dataclass(frozen=True)
class BoxFileDetector:
    """Boxes that a table lists for each image file.

    Attributes:
        path: CSV table with the columns file, x, y, w, h in pixels of the image with its EXIF
            rotation applied, and optionally angle (degrees clockwise). A row is a face; its box
            goes from brows to chin and from ear to ear. The column file holds paths as they are
            given to facepoints, or the last part of these paths.
    """

    path: Path
    _boxes: dict[str, list[Detection]]
    _used: set[str] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> BoxFileDetector:
        """Read the table. Raises DataError if it is missing or cannot be used."""
        text = _text_of(path)
        boxes: dict[str, list[Detection]] = {}
        try:
            lines = io.StringIO(text, newline="")
            separator = max(",;\t", key=text.split("\n", 1)[0].count)
            rows = csv.DictReader(lines, skipinitialspace=True, delimiter=separator)
            return cls._of_rows(path, rows, boxes)
        except csv.Error as error:
            raise DataError(f"{path} should be a CSV table and is not: {error}") from error

    @classmethod
    def _of_rows(
        cls, path: Path, rows: csv.DictReader[str], boxes: dict[str, list[Detection]]
    ) -> BoxFileDetector:
        missing = [n for n in ("file", "x", "y", "w", "h") if n not in (rows.fieldnames or ())]
        if missing:
            raise DataError(
                f"{path}: no column {', '.join(missing)}; a table of boxes has file, x, y, w, h"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not row["file"]:
                raise DataError(f"{where}: the column file is blank")
            boxes.setdefault(row["file"].replace("\\", "/"), []).append(_detection(row, where))
        every = [detection.box for several in boxes.values() for detection in several]
        if every and max(max(map(abs, box)) for box in every) <= _FRACTION:
            raise DataError(
                f"{path}: all boxes lie between 0 and 1, so they are fractions of the image, and "
                f"pixels are expected; multiply x and w by the image's width, y and h by its height"
            )
        return cls(path, boxes)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Raises SettingsError: boxes belong to files, so call `detect_in` with a file name."""
        raise SettingsError(
            f"the boxes of {self.path} belong to image files; an array has no name to find them "
            f"by; give the path of the file"
        )

    def detect_in(self, name: str, image: NDArray[np.uint8] | None = None) -> list[Detection]:
        """Boxes in the image file of this name; none if the table does not list it.

        Args:
            name: path of the file.
            image: its pixels; a box that lies outside of them is a `DataWarning`.
        """
        parts = os.path.normpath(name).split(os.sep)
        ends = ("/".join(parts[at:]) for at in range(len(parts)))
        key = next((end for end in (name, *ends) if end in self._boxes), None)
        if key is None:
            return []
        self._used.add(key)
        boxes = self._boxes[key]
        if image is not None:
            self._warn_of_boxes_outside(name, boxes, image)
        return boxes

    def _warn_of_boxes_outside(
        self, name: str, boxes: list[Detection], image: NDArray[np.uint8]
    ) -> None:
        height, width = image.shape[:2]
        for x, y, w, h in (detection.box for detection in boxes):
            if x >= width or y >= height or x + w <= 0 or y + h <= 0:
                warnings.warn(
                    f"{self.path}: the box {x:g}, {y:g}, {w:g}, {h:g} lies outside of the "
                    f"{width}x{height} pixels of {name}",
                    DataWarning,
                    stacklevel=4,
                )

    def warn_of_unused(self) -> None:
        """Issue a `DataWarning` if files in the table were not among the images so far."""
        unused = [name for name in self._boxes if name not in self._used]
        if not unused:
            return
        shown = ", ".join(unused[:3]) + (", ..." if len(unused) > 3 else "")
        count = "not all of the" if self._used else "none of the"
        warnings.warn(
            f"{self.path}: {count} {len(self._boxes)} files in the table match an image (without: "
            f"{shown}); names must agree in every letter",
            DataWarning,
            stacklevel=2,
        )


def _text_of(path: Path) -> str:
    """The text of a table. Raises DataError if it is missing, too large or no regular file."""
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no regular file, expected a CSV table of boxes")
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is larger than {_LARGEST >> 20} MiB, expected boxes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"no table of boxes at {path}") from error
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or no file can have this name
        raise DataError(f"could not read {path} as a CSV table: {error}") from error


def _detection(row: dict[str, str | None], where: str) -> Detection:
    numbers = []
    for name in ("x", "y", "w", "h", "angle"):
        text = row.get(name) or ("0" if name == "angle" else "")
        try:
            numbers.append(float(text))
        except ValueError:
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]) or abs(numbers[-1]) > _FAR:
            raise DataError(f"{where}: {name} should be a number of pixels, is {text[:40]!r}")
    x, y, width, height, angle = numbers
    if min(width, height) <= 0:
        raise DataError(
            f"{where}: a box has a positive w and h, these are {width:g} and {height:g}"
        )
    return Detection((x, y, width, height), angle=angle)
