"""Measure the place of the eyes' centers of rotation, for the gaze.

    python recipes/gaze.py --data DATA               # minutes on one core
    python recipes/gaze.py --data DATA --install     # and write it to the package
    python recipes/gaze.py --data DATA --held-out    # check on the test set

DATA contains SCUT-FBP5500 (portraits of people who look at the camera), HELEN and LFPW (photos, in
which most people do), and `held-out.txt`. Run it again, with --install, whenever the built-in model
changes.

The offset from the middle of an eye's corners to its center is fitted so that the pupils of most
people lie straight ahead: iteratively reweighted least squares with Tukey's biweight, which leaves
out people who look elsewhere. --held-out tells how often the radius holds 0, and how often somebody
counts as looking at the camera. On the portraits these should be 90 % or more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

import facepoints
from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.imaging.image_io import to_gray
from facepoints.inference.face import Face
from facepoints.measurement import gaze_factors
from facepoints.measurement.gaze import Gaze, eye_move, gaze
from facepoints.measurement.pose import head_pose

Array = NDArray[np.floating]
Photo = tuple[NDArray[np.uint8], Face]
"""An image and its face."""

SETS = {"scut": "scut", "helen": "helen", "lfpw": "lfpw/train"}
"""Folders of the sets below DATA. The first has people who look at the camera."""
INSTALLED = Path(gaze_factors.__file__)
"""File of the package that `install` changes."""


@dataclass(frozen=True)
class Recipe:
    """Measure the place of the eyes' centers."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    count: int = 250
    """Photos of each set."""
    install: bool = False
    """Write it to the package (src/facepoints/measurement/gaze_factors.py)."""
    held_out: bool = False
    """Measure the gaze of the people of the test set instead."""


def photos_of(folder: Path, people: set[str], count: int, held_out: bool) -> list[Photo]:
    """Photos of people who are, or are not, held out, each with its largest face."""
    photos = readers.read(folder)
    if not isinstance(photos, Photos):
        raise DataError(f"{folder} should hold photos with points")
    rows = np.flatnonzero(np.isin(photos.group, sorted(people)) == held_out)
    keep = np.zeros(len(photos), dtype=bool)
    keep[rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]] = True
    model = facepoints.load()
    found = ((image, model(image)) for image in photos.take(keep).read_images())
    return [(image, max(faces, key=lambda one: one.box[2])) for image, faces in found if faces]


def equations(image: NDArray[np.uint8], face: Face) -> tuple[Array, Array]:
    """Rows (n, 3) and right sides (n,): the rows times the offset are where the irises lie, in
    millimeters from the middle of the corners, if the face looks at the camera."""
    pose = head_pose(face)
    rows: list[Array] = [np.empty((0, 3))]
    sides: list[Array] = [np.empty(0)]
    for sign, side in ((-1.0, "right"), (1.0, "left")):
        seen = eye_move(to_gray(image), face, pose, side)
        if not isinstance(seen, str):
            rows.append(pose.turn[:2] * (sign, 1, 1))
            sides.append(seen.millimeters)
    return np.concatenate(rows), np.concatenate(sides)


def fit_offset(sets: list[list[Photo]]) -> Array:
    """The offset (3,) that fits most faces; each set has the same weight."""
    pairs = [(equations(*photo), 1 / len(photos)) for photos in sets for photo in photos]
    rows = np.concatenate([pair[0] for pair, _ in pairs])
    sides = np.concatenate([pair[1] for pair, _ in pairs])
    given = np.concatenate([np.full(len(pair[1]), weight) for pair, weight in pairs])
    weight = np.ones(len(sides))
    offset = np.zeros(3)
    for _ in range(100):
        root = np.sqrt(given * weight)
        offset = np.linalg.lstsq(rows * root[:, None], sides * root, rcond=None)[0]
        off = np.abs(sides - rows @ offset)
        weight = np.maximum(1 - (off / (4.685 * 1.4826 * np.median(off))) ** 2, 0) ** 2
    return offset


def looks(photos: list[Photo]) -> list[Gaze]:
    """The gaze of the faces that have one."""
    found = []
    for photo in photos:
        try:
            found.append(gaze(*photo))
        except DataError:
            continue
    return found


def source_of(offset: Array) -> str:
    """The offset as source code."""
    listed = ", ".join(f"{value:.2f}" for value in offset)
    return f"OFFSET: tuple[float, float, float] = ({listed})"


def install(line: str, path: Path = INSTALLED) -> None:
    """Write the offset to the package."""
    text = path.read_text(encoding="utf-8").splitlines()
    changed = [line if old.startswith("OFFSET: ") else old for old in text]
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")


def report(name: str, found: list[Gaze]) -> None:
    """Print how a set looks."""
    angle = np.array([one.camera_angle for one in found])
    values = np.array([[one.yaw, one.pitch] for one in found])
    held = (np.abs(values) <= [one.radius for one in found]).mean(axis=0)
    told = [one.looks_at_camera for one in found if one.looks_at_camera is not None]
    print(
        f"# {name}: {len(found)} gazes; median yaw {np.median(values[:, 0]):.1f}, pitch "
        f"{np.median(values[:, 1]):.1f}; angle to the camera: half within "
        f"{np.median(angle):.1f}, 90 % within {np.percentile(angle, 90):.1f}; radius holds "
        f"{100 * held[0]:.0f} and {100 * held[1]:.0f} %; looks at the camera: "
        f"{100 * np.mean(told):.0f} %"
    )


def main(recipe: Recipe) -> None:
    people = read_people(recipe.data / "held-out.txt")
    sets = {
        name: photos_of(recipe.data / folder, people, recipe.count, recipe.held_out)
        for name, folder in SETS.items()
    }
    if recipe.held_out:
        for name, photos in sets.items():
            report(name, looks(photos))
        return
    line = source_of(fit_offset(list(sets.values())))
    print(line)
    if recipe.install:
        install(line)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
