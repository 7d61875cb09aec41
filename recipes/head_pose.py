"""Measure the numbers that correct head pose, on people who were told where to look.

    python recipes/head_pose.py                              # prints them
    python recipes/head_pose.py --install                    # and writes them to the package
    python recipes/head_pose.py --model my.onnx --install    # of another model
    python recipes/head_pose.py --slopes --install           # angles on the scale of the marks

DATA contains `pointing04` (Gourier, Hall & Crowley 2004): 93 directions, twice each, of four
people. Persons 1 and 2 are used here; 3 and 4 are the test set (`benchmarks/pose.py`).

Radii: by yaw, what must be added to the radius of the landmarks' errors (as the root of the sum of
squares) so that 90 % of the directions, of up to 30 degrees up or down, lie within the radius.
People differ, and there are two, so RESERVE widens them.

The level is the pitch of the fitted head of people who look straight at the camera: the median of
the training people of `scut` (Liang et al. 2018), frontal portraits. Two people cannot tell it:
from one person to the next it differs by 7 degrees or more.

Slopes are 1 unless `--slopes` is given. Then yaws are put on the scale of the marks. The pitch is
not: these people looked at marks on the walls, and raised their eyes more and their heads less than
asked. Where they were to look 60 degrees up, the face is foreshortened like one that is tilted by
30 (cos 30 = 0.87: the distances from the eyes to mouth and chin, the mean of 60 up and 60 down over
that straight ahead, are 0.83 to 0.89, without any assumption about depth). A slope fitted to the
marks is 2.1. With it, one of five faces of ordinary portraits (HELEN) had a pitch of over 45
degrees.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

import facepoints
from facepoints._util.angles import wrap_degrees
from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.datasets.splits import spread_rows
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import HeadPose, head_pose, pose_factors
from facepoints.measurement.head_fit import angles
from facepoints.measurement.pose import ANGLES

__all__ = ["BANDS", "TRAINING_PEOPLE", "Look", "factors_of", "fitted_angles", "read_looks"]

Array = NDArray[np.floating]

TRAINING_PEOPLE = ("1", "2")
LIMIT = 60.0
"""Largest angle, to the side and up or down, that slopes are fitted to: degrees."""
STEEP = 30.0
"""Largest tilt of the looks that radii are fitted to: degrees. Beyond, eyes turn, not heads."""
BANDS = ((0, 22.5), (22.5, 52.5), (52.5, 67.5), (67.5, 90))
"""Absolute yaw in degrees, corrected, of the faces that tell the radius at each of `MODEL_YAWS`.
A band of fewer than FEWEST faces has the radius of the one before."""
FEWEST = 20
PORTRAITS, FRONTAL = 300, 15.0
"""Portraits that tell the level of the pitch, and the largest yaw of those that count; degrees."""
RESERVE = 1.1
"""Factor of the radius: two people show less than all differ."""
INSTALLED = Path(pose_factors.__file__)


@dataclass(frozen=True)
class Recipe:
    """Measure the numbers that correct head pose."""

    data: Path = Path("../shared/data")
    """Folder with pointing04, scut and held-out.txt."""
    model: str = "builtin"
    """ONNX file or run folder."""
    slopes: bool = False
    """Fit the slope of the yaw to the marks, and measure the level of the pitch, too."""
    install: bool = False
    """Write the numbers to the package (src/facepoints/measurement/pose_factors.py)."""


@dataclass(frozen=True)
class Look:
    """A picture of somebody who was told where to look.

    Attributes:
        file: the picture.
        angles: (yaw, pitch, roll) of the direction, in degrees, by the rules of `HeadPose`.
        box: (x, y, width, height) of the face in pixels.
    """

    file: Path
    angles: tuple[float, float, float]
    box: tuple[float, float, float, float]


def read_looks(folder: Path, people: tuple[str, ...]) -> list[Look]:
    """The pictures of some people.

    Raises:
        DataError: there are none.
    """
    table = folder / "poses.csv"
    if not table.exists():
        raise DataError(f"expected {table}, the directions of pointing04; --data names its folder")
    looks = []
    with open(table, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["person"] not in people:
                continue
            x, y, width, height = (
                float(row[f"face_{name}"]) for name in ("centre_x", "centre_y", "width", "height")
            )
            box = (x - width / 2, y - height / 2, width, height)
            direction = (-float(row["pan"]), float(row["tilt"]), 0.0)  # pan + is the image's left
            looks.append(Look(folder / row["file"], direction, box))
    if not looks:
        raise DataError(f"{table} has no person {' or '.join(people)}")
    return looks


def face_of(faces: list[Face], look: Look) -> Face | None:
    """The face that covers the most of the box of a look; None: none covers half of either."""
    best, most = None, 0.5
    x, y, width, height = look.box
    for face in faces:
        left, top, across, down = face.box
        shared = (min(x + width, left + across) - max(x, left)) * (
            min(y + height, top + down) - max(y, top)
        )
        inside = min(x + width, left + across) > max(x, left)
        covered = shared / min(width * height, across * down) if inside else 0.0
        if covered > most:
            best, most = face, covered
    return best


def poses_of(looks: list[Look], model: str) -> tuple[list[HeadPose], Array]:
    """Poses of all looks whose face is found, and the directions (N, 3) of these."""
    network = facepoints.load() if model == "builtin" else facepoints.load(model)
    poses, directions = [], []
    for look in looks:
        face = face_of(network(look.file), look)
        if face is not None:
            poses.append(head_pose(face))
            directions.append(look.angles)
    return poses, np.array(directions)


def level_of(data: Path, model: str) -> float:
    """Median pitch in degrees of the heads fitted to portraits of people who look straight at the
    camera."""
    photos = readers.read(data / "scut", split="training")
    assert isinstance(photos, Photos)
    others = ~np.isin(photos.group, sorted(read_people(data / "held-out.txt")))
    photos = photos.take(others)
    photos = photos.take(np.isin(np.arange(len(photos)), spread_rows(len(photos), PORTRAITS)))
    network = facepoints.load() if model == "builtin" else facepoints.load(model)
    found = [faces[0] for image in photos.read_images() if (faces := network(image))]
    fitted = fitted_angles([head_pose(face) for face in found])
    return float(np.median(fitted[np.abs(fitted[:, 0]) <= FRONTAL, 1]))


def fitted_angles(poses: list[HeadPose]) -> Array:
    """Angles (N, 3) of the fitted heads, before any correction."""
    return np.stack([angles(pose.turn) for pose in poses])


@dataclass(frozen=True)
class Factors:
    """The numbers of `pose_factors`."""

    slopes: dict[str, float]
    level_pitch: float
    model_radius: dict[str, tuple[float, ...]]


def factors_of(
    fitted: Array,
    point_radius: Array,
    directions: Array,
    with_slopes: bool,
    level: float = 0.0,
) -> Factors:
    """The numbers that correct fitted heads.

    Args:
        fitted: (N, 3) angles of the fitted heads.
        point_radius: (N, 3) their radii by the landmarks' errors, without slopes.
        directions: (N, 3) where the people were told to look.
        with_slopes: fit the slope of the yaw; else it is 1.
        level: pitch of the fitted head of people who look straight at the camera.
    """
    inner = (np.abs(directions) <= LIMIT).all(axis=1)
    slopes = np.ones(len(ANGLES))
    if with_slopes:
        slopes[0] = 1 / np.polyfit(directions[inner, 0], fitted[inner, 0], 1)[0]
    error = wrap_degrees((fitted - [0, level, 0]) * slopes - directions)
    radii: dict[str, tuple[float, ...]] = {}
    for column, name in enumerate(ANGLES):
        lacking = error[:, column] ** 2 - (point_radius[:, column] * slopes[column]) ** 2
        nodes = []
        for low, high in BANDS:
            yaw = np.abs(fitted[:, 0] * slopes[0])
            band = (yaw >= low) & ((yaw <= high) | (high == BANDS[-1][1]))
            band &= np.abs(directions[:, 1]) <= STEEP
            if band.sum() < FEWEST and nodes:
                nodes.append(nodes[-1])
                continue
            nodes.append(RESERVE * np.sqrt(max(np.quantile(lacking[band], 0.9), 0.0)))
        # less is never known of a head that is turned further
        nodes = np.maximum.accumulate(nodes)
        radii[name] = tuple(float(np.round(node, 1)) for node in nodes)
    return Factors(dict(zip(ANGLES, map(float, slopes), strict=True)), level, radii)


def source_of(factors: Factors) -> dict[str, str]:
    """Source code of the values, by the names in `pose_factors`."""
    slopes = "".join(f'    "{name}": {value:.3f},\n' for name, value in factors.slopes.items())
    radii = "".join(f'    "{name}": {values},\n' for name, values in factors.model_radius.items())
    return {
        "SLOPES: dict[str, float] = ": f"{{\n{slopes}}}\n",
        "LEVEL_PITCH: float = ": f"{factors.level_pitch:.2f}\n",
        "MODEL_RADIUS: dict[str, tuple[float, ...]] = ": f"{{\n{radii}}}\n",
    }


def install(factors: Factors, path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for start, value in source_of(factors).items():
        before, mark, rest = text.partition(start)
        text = before + mark + value + rest.partition('\n"""')[1][1:] + rest.partition('\n"""')[2]
    path.write_text(text, encoding="utf-8")


def main(recipe: Recipe) -> None:
    looks = read_looks(recipe.data / "pointing04", TRAINING_PEOPLE)
    poses, directions = poses_of(looks, recipe.model)
    print(f"# {len(poses)} of {len(looks)} faces found")
    used = np.array([pose_factors.SLOPES[name] for name in ANGLES])
    point_radius = np.array([pose.point_radius for pose in poses]) / used
    level = level_of(recipe.data, recipe.model) if recipe.slopes else 0.0
    factors = factors_of(fitted_angles(poses), point_radius, directions, recipe.slopes, level)
    for start, value in source_of(factors).items():
        print(f"{start}{value}", end="")
    if recipe.install:
        install(factors)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
