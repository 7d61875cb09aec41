"""Detectors for faces at known places: whole images, and boxes from a file."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.detection.base import Detection
from facepoints.errors import DataError, SettingsError

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
    passes make up for the rest.
    """

    part: float = 0.8
    down: float = 0.08

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The one detection of an image, whatever it shows."""
        height, width = image.shape[:2]
        side = min(height, width)
        size, x, y = side * self.part, (width - 1) / 2, (height - 1) / 2 + side * self.down
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

    @classmethod
    def load(cls, path: Path) -> BoxFileDetector:
        """Read the table. Raises DataError if it is missing or cannot be used."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as error:
            raise DataError(f"no table of boxes at {path}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"could not read {path} as a CSV table: {error}") from error
        boxes: dict[str, list[Detection]] = {}
        rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        missing = [n for n in ("file", "x", "y", "w", "h") if n not in (rows.fieldnames or ())]
        if missing:
            raise DataError(
                f"{path}: no column {', '.join(missing)}; a table of boxes has file, x, y, w, h"
            )
        for row in rows:
            detection = _detection(row, f"{path}, line {rows.line_num}")
            boxes.setdefault(row["file"], []).append(detection)
        return cls(path, boxes)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Raises SettingsError: boxes belong to files, so call `detect_in` with a file name."""
        raise SettingsError(
            f"the boxes of {self.path} belong to image files; an array has no name to find them "
            f"by; give the path of the file"
        )

    def detect_in(self, name: str) -> list[Detection]:
        """Boxes in the image file of this name; none if the table does not list it."""
        parts = os.path.normpath(name).split(os.sep)
        ends = ("/".join(parts[at:]) for at in range(len(parts)))
        return next((self._boxes[end] for end in (name, *ends) if end in self._boxes), [])


def _detection(row: dict[str, str | None], where: str) -> Detection:
    numbers = []
    for name in ("x", "y", "w", "h", "angle"):
        text = row.get(name) or ("0" if name == "angle" else "")
        try:
            numbers.append(float(text))
        except ValueError:
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]):
            raise DataError(f"{where}: {name} should be a number, is {text!r}")
    x, y, width, height, angle = numbers
    if min(width, height) <= 0:
        raise DataError(
            f"{where}: a box has a positive w and h, these are {width:g} and {height:g}"
        )
    return Detection((x, y, width, height), angle=angle)
