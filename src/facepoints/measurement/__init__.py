"""What the points of a face tell: pose, openings, asymmetry, distances and ratios, each with
the radius that holds, 90 times in 100, the value that the true points give.

Nothing of it is a diagnosis; see `definitions` for what each number is and whose definition,
`uncertainty` and `factors` for the radius, `pose` and `symmetry` for those two, `events` for what
a face does in a video.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.definitions import DEFINITIONS, Definition
from facepoints.measurement.pose import ANGLES, HeadPose, head_points, head_pose
from facepoints.measurement.radius_factors import RADIUS_FACTORS
from facepoints.measurement.symmetry import asymmetry
from facepoints.measurement.uncertainty import Measurement, measured

__all__ = [
    "DEFINITIONS",
    "MEASURES",
    "Definition",
    "HeadPose",
    "Measurement",
    "head_pose",
    "measure",
    "unavailable",
]

MEASURES: tuple[str, ...] = (*ANGLES, "asymmetry", *DEFINITIONS)
"""Everything that is measured, in the order of the columns."""


def measure(face: Face) -> dict[str, Measurement]:
    """All that can be measured on a face, by the names of `MEASURES`, in their order.

    What its points do not give (`lacking`), or its pose does not show, is not there.

    >>> import facepoints
    >>> for face in facepoints.load()("photo.jpg"):  # doctest: +SKIP
    ...     print(facepoints.measures(face)["yaw"])
    Measure(value=12.3, radius=3.1)
    """
    found: dict[str, Measurement] = {}
    try:
        pose = head_pose(face)
    except DataError:
        pose = None
    if pose is not None:
        values = (pose.yaw, pose.pitch, pose.roll)
        found = {n: Measurement(*v) for n, *v in zip(ANGLES, values, pose.radius, strict=True)}
        with suppress(DataError):  # no names of sides, or turned too far
            found["asymmetry"] = asymmetry(face, pose)
    column = {name: k for k, name in enumerate(face.landmarks.names)}
    for name, definition in DEFINITIONS.items():
        if all(point in column for point in definition.points):
            rows = [column[point] for point in definition.points]
            points, radius = face.points[rows], face.radius[rows]
            alone = measured(definition.of, points.astype(np.float64), radius.astype(np.float64))
            found[name] = Measurement(alone.value, alone.radius * RADIUS_FACTORS[name])
    return found


def unavailable(landmarks: LandmarkSet) -> list[str]:
    """What of `MEASURES` the points of a set never give."""
    known = head_points(landmarks)[2]
    none = [] if known.sum() >= 6 else [*ANGLES, "asymmetry"]
    if not none and not landmarks.mirrorable:
        none = ["asymmetry"]
    names = set(landmarks.names)
    return none + [n for n, d in DEFINITIONS.items() if not names.issuperset(d.points)]
