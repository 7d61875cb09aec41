"""Fit the numbers of the gaze: the place of the eyes' centers of rotation, and the error radius.

    python recipes/gaze_fit.py --data DATA               # two minutes on one core
    python recipes/gaze_fit.py --data DATA --install     # and write them to the package

DATA contains SCUT-FBP5500 (portraits of people who look at the camera), HELEN and LFPW (photos, in
which most people do), Pointing'04 (people who look at marks), and `held-out.txt`. Run it again,
with --install, whenever the built-in model changes, and `benchmarks/gaze.py` to see how it does on
other people.

- OFFSET and SHIFT are fitted so that most irises lie where they should: iteratively reweighted
  least squares with Tukey's biweight, which leaves out people who look elsewhere. Every image is
  also used mirrored, so that what is left over to one side of the image is an error of the network
  (SHIFT), and not of people.
- RADIUS_FACTORS let the radius hold 90 % of the portraits, where eyes and head do not turn, and
  TURN_RADII let it hold 90 % of the gazes at marks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from gaze_data import PERSONS, Sight, of_marks, of_portraits
from numpy.typing import NDArray

import facepoints
from facepoints.api import FaceModel
from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.imaging.image_io import to_gray
from facepoints.measurement import gaze_factors
from facepoints.measurement.gaze import (
    EYE_RADIUS,
    EyeMove,
    angles_of,
    eye_move,
    eye_turns,
    mean_turn,
    spread_of,
)
from facepoints.measurement.pose import HeadPose, head_pose

Array = NDArray[np.floating]

PHOTOS = {"helen": "helen", "lfpw": "lfpw/train"}
"""Folders below DATA with photos in which most people look at the camera."""
INSTALLED = Path(gaze_factors.__file__)
"""File of the package that `install` changes."""
SIGNS = {"right": -1.0, "left": 1.0}
HELD = 0.9
"""Share of the gazes that the radius holds."""


@dataclass(frozen=True)
class Recipe:
    """Fit the numbers of the gaze."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    count: int = 120
    """Photos of each set."""
    install: bool = False
    """Write them to the package (src/facepoints/measurement/gaze_factors.py)."""


class Look(NamedTuple):
    """What is found of a face that looks in a known direction.

    Attributes:
        pose: of the head.
        seen: irises of both eyes, as `eye_move` returns them.
        true: (2,) yaw and pitch of the gaze in degrees.
    """

    pose: HeadPose
    seen: dict[str, EyeMove | str]
    true: Array


def looks_of(model: FaceModel, sights: Iterable[Sight]) -> list[Look]:
    """The largest face of every image and of its mirror image."""
    found = []
    for one in sights:
        for sign in (1.0, -1.0):
            image = one.image if sign > 0 else np.ascontiguousarray(one.image[:, ::-1])
            faces = model(image)
            if faces:
                face = max(faces, key=lambda each: each.box[2])
                pose, gray = head_pose(face), to_gray(image)
                seen = {side: eye_move(gray, face, pose, side) for side in SIGNS}
                found.append(Look(pose, seen, np.array([sign * one.yaw, one.pitch])))
    return found


def photos_of(data: Path, folder: str, count: int) -> Iterator[Sight]:
    """Photos of people who are not held out."""
    photos = readers.read(data / folder)
    if not isinstance(photos, Photos):
        raise DataError(f"{data / folder} should hold photos with points")
    people = sorted(read_people(data / "held-out.txt"))
    rows = np.flatnonzero(~np.isin(photos.group, people))
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
    for image in photos.take(np.isin(np.arange(len(photos)), chosen)).read_images():
        yield Sight(image, 0.0, 0.0)


def equations(look: Look) -> tuple[Array, Array]:
    """Rows (n, 4) and right sides (n,): the rows times (offset, shift) are where the irises lie, in
    millimeters from the middle of the corners, less what the known direction moves them."""
    yaw, pitch = np.deg2rad(look.true)
    moved = EYE_RADIUS * np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    rows: list[Array] = [np.empty((0, 4))]
    sides: list[Array] = [np.empty(0)]
    for side, sign in SIGNS.items():
        seen = look.seen[side]
        if not isinstance(seen, str):
            turn = look.pose.turn[:2] * (sign, 1, 1)
            rows.append(np.column_stack([turn, [1.0, 0.0]]))
            sides.append(seen.millimeters - moved)
    return np.concatenate(rows), np.concatenate(sides)


def fit_offset(sets: list[list[Look]]) -> Array:
    """Offset and shift (4,) that fit most faces; each set has the same weight."""
    pairs = [(equations(look), 1 / len(looks)) for looks in sets for look in looks]
    rows = np.concatenate([pair[0] for pair, _ in pairs])
    sides = np.concatenate([pair[1] for pair, _ in pairs])
    given = np.concatenate([np.full(len(pair[1]), weight) for pair, weight in pairs])
    weight = np.ones(len(sides))
    fitted = np.zeros(4)
    for _ in range(100):
        root = np.sqrt(given * weight)
        fitted = np.linalg.lstsq(rows * root[:, None], sides * root, rcond=None)[0]
        off = np.abs(sides - rows @ fitted)
        weight = np.maximum(1 - (off / (4.685 * 1.4826 * np.median(off))) ** 2, 0) ** 2
    return fitted


def errors(looks: list[Look], fitted: Array) -> tuple[Array, Array, Array]:
    """Errors (n, 2) of yaw and pitch in degrees, and both parts of the radius, (n, 2) and (n,)."""
    found = []
    for look in looks:
        turned = eye_turns(look.seen, look.pose, fitted[:3], float(fitted[3]))
        if turned:
            mean, std = mean_turn(turned)
            vector, angles = angles_of(mean)
            found.append((angles - look.true, *spread_of(vector, std, look.pose)))
    off, points, turns = zip(*found, strict=True)
    return np.array(off), np.array(points), np.array(turns)


def fit_radii(still: list[Look], turned: list[Look], fitted: Array) -> tuple[Array, Array]:
    """Factors (2,) of the first part of the radius, which holds looks at the camera, and (2,) of
    the second, which holds what is left of the errors of turned eyes."""
    off, points, turns = errors(still, fitted)
    factors = np.quantile(np.abs(off) / points, HELD, axis=0)
    off, points, turns = errors(turned, fitted)
    left = np.sqrt(np.maximum(off**2 - (points * factors) ** 2, 0))
    return factors, np.quantile(left / np.maximum(turns, 1.0)[:, None], HELD, axis=0)


def lines_of(fitted: Array, factors: Array, turns: Array) -> dict[str, str]:
    """The numbers as source code, by name."""

    def listed(values: Array) -> str:
        return ", ".join(f"{value:.2f}" for value in values)

    return {
        "OFFSET": f"OFFSET: tuple[float, float, float] = ({listed(fitted[:3])})",
        "SHIFT": f"SHIFT: float = {fitted[3]:.2f}",
        "RADIUS_FACTORS": f"RADIUS_FACTORS: tuple[float, float] = ({listed(factors)})",
        "TURN_RADII": f"TURN_RADII: tuple[float, float] = ({listed(turns)})",
    }


def install(lines: dict[str, str], path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8").splitlines()
    changed = [lines.get(old.partition(":")[0], old) for old in text]
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")


def main(recipe: Recipe) -> None:
    model = facepoints.load()
    portraits = looks_of(model, of_portraits(recipe.data, recipe.count, held_out=False))
    photos = [looks_of(model, photos_of(recipe.data, f, recipe.count)) for f in PHOTOS.values()]
    marks = looks_of(model, of_marks(recipe.data, PERSONS[False]))
    fitted = fit_offset([portraits, *photos, marks])
    radii = fit_radii(portraits, marks, fitted)
    lines = lines_of(fitted, *radii)
    print("\n".join(lines.values()))
    if recipe.install:
        install(lines)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
