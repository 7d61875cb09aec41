"""Fit the scale that irises give: how wide an iris is where its edge is found, and how exactly.

    python recipes/iris_scale.py --data DATA               # a minute on one core
    python recipes/iris_scale.py --data DATA --install     # and write it to the package
    python recipes/iris_scale.py --data DATA --held-out    # check on the test set

DATA contains `scut`, portraits of adults whose pupils people marked, and `held-out.txt`. The true
size of these faces is unknown. But the pupils of adults are 63.36 mm apart on average, with a
standard deviation of 3.83 mm (Dodgson 2004, doi:10.1117/12.529999). So the factor on the width of
the irises is the one with which the pupils' median distance is that. What the distances spread
beyond the spread of people's pupils and irises is the error of the edges.

--held-out prints the distance of the pupils of the test people in millimeters, and how often
63.36 mm lies within the 90 % radius of the distance, where the spread of the pupils is added to it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measured_errors import predictions
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.measurement import head_pose, iris_factors
from facepoints.measurement.iris_scale import IRIS_MM, IRIS_STD, iris_scale
from facepoints.measurement.pose import INTERVAL_90

Array = NDArray[np.float64]

PUPILS_MM, PUPILS_STD = 63.36, 3.83
"""Distance of the pupils of adults in millimeters, and its standard deviation."""
EVERY = 3
"""One in so many portraits is used."""
INSTALLED = Path(iris_factors.__file__)


@dataclass(frozen=True)
class Recipe:
    """Fit the scale that irises give."""

    data: Path = Path("../shared/data")
    """Folder with scut and held-out.txt."""
    install: bool = False
    """Write the result to the package (src/facepoints/measurement/iris_factors.py)."""
    held_out: bool = False
    """Check the package's numbers on the people of the test set instead."""


def portraits(data: Path, held_out: bool) -> Photos:
    """Portraits of the test people, or some of the others."""
    photos = readers.read(data / "scut")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / 'scut'} should hold photos with points")
    test = np.isin(photos.group, sorted(read_people(data / "held-out.txt")))
    return photos.take(test if held_out else ~test & (np.cumsum(~test) % EVERY == 0))


def distances(photos: Photos) -> tuple[Array, Array, int]:
    """Distance of the pupils of each face in millimeters, the 90 % radius of its scale as a
    fraction, and the number of faces without a scale."""
    measured, missing = [], 0
    names = {str(name): row for row, name in enumerate(photos.names)}
    images = list(photos.read_images())
    assert len(names) == len(images)
    for face, truth, _, row in predictions(photos, "scut"):
        try:
            scale = iris_scale(images[row], face)
        except DataError:
            missing += 1
            continue
        pixels = np.hypot(*(truth[68] - truth[69])) / np.cos(np.deg2rad(head_pose(face).yaw))
        measured.append((pixels * scale.mm_per_pixel, scale.radius / scale.mm_per_pixel))
    mm, radius = np.array(measured).reshape(-1, 2).T
    return mm, radius, missing


def fit(mm: Array) -> tuple[float, float]:
    """`WIDTH` and `EDGE_STD`, from distances in millimeters that were measured without a factor."""
    factor = float(np.median(mm)) / PUPILS_MM
    low, high = np.quantile(mm, [0.05, 0.95])
    whole = (high - low) / (2 * INTERVAL_90 * np.median(mm))
    people = np.hypot(PUPILS_STD / PUPILS_MM, IRIS_STD / IRIS_MM)
    return factor, float(np.sqrt(max(whole**2 - people**2, 0)))


def install(width: float, edge: float, path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for name, value in (("WIDTH", width), ("EDGE_STD", edge)):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value:.3f}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def main(recipe: Recipe) -> None:
    mm, radius, missing = distances(portraits(recipe.data, recipe.held_out))
    print(f"# {len(mm)} faces with a scale, {missing} without")
    if recipe.held_out:
        off = np.abs(mm - PUPILS_MM)
        held = off <= np.hypot(mm * radius, INTERVAL_90 * PUPILS_STD)
        print(f"pupils apart: median {np.median(mm):.1f} mm, standard deviation {mm.std():.1f}")
        print(f"{100 * held.mean():.0f} % within the radius, which is {100 * radius.mean():.1f} %")
        return
    width, edge = fit(mm * iris_factors.WIDTH)
    print(f"WIDTH = {width:.3f}, EDGE_STD = {edge:.3f}")
    if recipe.install:
        install(width, edge)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
