"""Images of people, and rendered faces, whose eyes look in a known direction.

The gaze is fitted on one part of the people (`recipes/gaze_fit.py`), and measured on the others and
on rendered faces (`benchmarks/gaze.py`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.datasets.synthetic import render_gaze
from facepoints.errors import DataError
from facepoints.imaging.image_io import read_image

__all__ = [
    "MARKS",
    "PAINTED",
    "PERSONS",
    "PORTRAITS",
    "SEED",
    "Sight",
    "of_marks",
    "of_portraits",
    "painted",
]

PORTRAITS, MARKS, PAINTED = "portraits", "people who look at marks", "rendered faces"
PERSONS = {False: ("1", "2"), True: ("3", "4")}
"""Persons of Pointing'04 of the part to fit and of the test part."""
WIDEST = 45, 30
"""Angles (aside, up or down) of the marks in degrees, at most; farther out, an eye is hidden."""
TURNS = 25.0, 15.0
"""Largest yaw and pitch of rendered eyes in degrees."""
SEED = 12
"""Random seed of the rendered faces of the test."""


class Sight(NamedTuple):
    """An image whose face looks in a known direction.

    Attributes:
        image: (H, W) gray or (H, W, 3) RGB.
        yaw, pitch: degrees, as in `Gaze`.
    """

    image: NDArray[np.uint8]
    yaw: float
    pitch: float

    @property
    def angle(self) -> float:
        """Degrees between the gaze and the camera."""
        yaw, pitch = math.radians(self.yaw), math.radians(self.pitch)
        return math.degrees(math.acos(min(1.0, math.cos(yaw) * math.cos(pitch))))


def of_portraits(data: Path, count: int, held_out: bool) -> Iterator[Sight]:
    """Portraits of SCUT-FBP5500, at most `count`, evenly spread."""
    photos = readers.read(data / "scut")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / 'scut'} should hold photos with points")
    people = sorted(read_people(data / "held-out.txt"))
    rows = np.flatnonzero(np.isin(photos.group, people) == held_out)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
    keep = np.isin(np.arange(len(photos)), chosen)
    for image in photos.take(keep).read_images():
        yield Sight(image, 0.0, 0.0)


def of_marks(data: Path, persons: Collection[str]) -> Iterator[Sight]:
    """People of Pointing'04, who were told to look at marks. `persons`: see `PERSONS`."""
    table = data / "pointing04" / "poses.csv"
    if not table.is_file():
        raise DataError(f"expected {table}; --data names the folder of the data sets")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["person"] in persons]
    for row in rows:
        aside, up = -float(row["pan"]), float(row["tilt"])
        if abs(aside) <= WIDEST[0] and abs(up) <= WIDEST[1]:
            yield Sight(read_image(table.parent / row["file"]), aside, up)


def painted(count: int, seed: int = SEED) -> Iterator[Sight]:
    """Rendered faces whose eyes are turned at random. `SEED` is that of the test."""
    random = np.random.default_rng(seed)
    turns = random.uniform(-1, 1, (count, 2)) * TURNS
    directions = [(float(yaw), float(pitch)) for yaw, pitch in turns]
    images = render_gaze(directions, seed=seed).images
    for image, (yaw, pitch) in zip(images, directions, strict=True):
        yield Sight(image, yaw, pitch)
