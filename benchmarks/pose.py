"""Error of the head pose on people who were told where to look (Pointing'04).

    python benchmarks/pose.py                # three minutes on 2 cores

Persons 3 and 4, whom nothing was fitted to: 93 directions each, twice. Faces are found and
measured as by `facepoints measure`; the face that covers the box of the set counts.

- error: mean absolute difference of yaw and pitch to the direction, and of roll to 0, in degrees.
- slope: of the regression line of yaw over pan, and of pitch over tilt; 1 is right.
- held: share of the directions within the 90 % radius, and the median radius.

All by bands of pan and of tilt. The directions are those of marks on the walls. People turn their
eyes as well as their heads, so part of the error is theirs (`recipes/head_pose.py`): where they
were to look 60 degrees up or down, their faces are foreshortened as by 30.

Results: benchmarks/results/pose.json and pose.md.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import make_parser
from support.ours import about

import facepoints
from facepoints._util.angles import wrap_degrees
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import head_pose
from facepoints.measurement.pose import ANGLES

Array = NDArray[np.float64]

PEOPLE = ("3", "4")
LIMIT = 60
"""Degrees of pan and tilt up to which the floors hold."""
FLOORS = {"error": 8.0, "slope": (0.9, 1.1), "held": (85.0, 95.0)}
PAN_BANDS = ((0, 15), (30, 45), (60, 60), (75, 90))
TILT_BANDS = ((0, 0), (15, 15), (30, 30), (60, 60))


HEADINGS = [
    "directions", "found", "yaw: error", "slope", "held", "pitch: error", "slope", "held",
    "roll: error", "held",
]  # fmt: skip


def read_looks(folder: Path) -> list[dict[str, str]]:
    """Rows of poses.csv of the test people.

    Raises:
        DataError: the set is not there.
    """
    table = folder / "poses.csv"
    if not table.exists():
        raise DataError(f"expected {table}; --data names the folder with pointing04")
    with open(table, encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["person"] in PEOPLE]


def matching(faces: list[Face], row: dict[str, str]) -> Face | None:
    """The face whose middle is the nearest to that of the labelled face, within half its size."""
    center = np.array([float(row["face_centre_x"]), float(row["face_centre_y"])])
    size = max(float(row["face_width"]), float(row["face_height"]))
    off = [np.hypot(*(np.add(f.box[:2], np.divide(f.box[2:], 2)) - center)) for f in faces]
    return faces[int(np.argmin(off))] if off and min(off) < size / 2 else None


def poses(looks: list[dict[str, str]], folder: Path, model: Path | None) -> dict[str, Array]:
    """Directions (N, 3), angles (N, 3) and radii (N, 3) of the looks; NaN where no face is
    found."""
    network = facepoints.load() if model is None else facepoints.load(str(model))
    found = np.full((len(looks), 2, 3), np.nan)
    for number, row in enumerate(looks):
        face = matching(network(folder / row["file"]), row)
        if face is not None:
            pose = head_pose(face)
            found[number] = (pose.yaw, pose.pitch, pose.roll), pose.radius
    # pan + turns the face to the left of the picture, yaw + to the right
    told = np.array([(-float(row["pan"]), float(row["tilt"]), 0.0) for row in looks])
    return {"told": told, "angles": found[:, 0], "radius": found[:, 1]}


def figures(measured: dict[str, Array], rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Errors, slopes and coverage of some looks."""
    found = rows & np.isfinite(measured["angles"][:, 0])
    told, angles, radius = (measured[k][found] for k in ("told", "angles", "radius"))
    error = np.abs(wrap_degrees(angles - told))
    result: dict[str, Any] = {"looks": int(rows.sum()), "found": int(found.sum())}
    if not found.any():
        return result
    for column, name in enumerate(ANGLES):
        result[name] = {
            "error": float(error[:, column].mean()),
            "held": float((error[:, column] <= radius[:, column]).mean() * 100),
            "radius": float(np.median(radius[:, column])),
        }
        if name != "roll" and len(np.unique(told[:, column])) > 3:
            slope = np.polyfit(told[:, column], angles[:, column], 1)[0]
            result[name]["slope"] = float(slope)
    return result


def bands(measured: dict[str, Array]) -> dict[str, dict[str, Any]]:
    """`figures` of all looks up to the limit, and of each band of pan and of tilt."""
    pan, tilt = np.abs(measured["told"][:, 0]), np.abs(measured["told"][:, 1])
    result = {f"pan and tilt to {LIMIT}": figures(measured, (pan <= LIMIT) & (tilt <= LIMIT))}
    for low, high in PAN_BANDS:
        name = f"pan {low}" if low == high else f"pan {low} to {high}"
        result[name] = figures(measured, (pan >= low) & (pan <= high) & (tilt <= LIMIT))
    for low, high in TILT_BANDS:
        result[f"tilt {low}"] = figures(measured, (tilt >= low) & (tilt <= high) & (pan <= LIMIT))
    return result


def cells_of(result: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The table."""
    rows = [HEADINGS]
    for name, some in result.items():
        cells = [name, f"{some['found']} of {some['looks']}"]
        for angle in ANGLES:
            one = some.get(angle)
            cells += (
                ["", "", ""]
                if one is None
                else [
                    f"{one['error']:.1f}",
                    f"{one['slope']:.2f}" if "slope" in one else "",
                    f"{one['held']:.0f} % in {one['radius']:.0f}",
                ]
            )
        del cells[9]  # roll has no slope
        rows.append(cells)
    return rows


def main() -> None:
    """Measure the test people."""
    chosen = make_parser(__doc__, data=True).parse_args()
    folder = chosen.data / "pointing04"
    result = bands(poses(read_looks(folder), folder, chosen.model))
    cells = cells_of(result)
    title = "Head pose of Pointing'04, persons 3 and 4, in degrees"
    tables.show(title, cells)
    content = {"bands": result, "floors": FLOORS, "ours": about(chosen.model)}
    tables.write(chosen.out, "pose", content, f"{title}\n\n{tables.markdown(cells)}")


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
