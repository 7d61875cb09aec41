"""Measures of a face: pose, openings, asymmetry, distances and ratios, each with a 90 % radius.

The true landmarks' value lies within the radius in 90 % of cases. Nothing here is a diagnosis.

- `definitions`: the meaning and the source of each number
- `pose`, `head_fit`, `pose_factors`: head pose
- `head_position`: the position of the head in front of the camera
- `symmetry`: asymmetry
- `uncertainty`, `radius_factors`: the error radius
- `gaze`, `iris`, `gaze_factors`: where the eyes look
- `events`, `event_config`: blinks, closed eyes and yawns in a video
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.definitions import DEFINITIONS, Definition
from facepoints.measurement.gaze import Gaze, gaze
from facepoints.measurement.head_position import head_transform
from facepoints.measurement.pose import ANGLES, MIN_POINTS, HeadPose, head_points, head_pose
from facepoints.measurement.radius_factors import RADIUS_FACTORS
from facepoints.measurement.symmetry import asymmetry
from facepoints.measurement.uncertainty import Measurement, measure_points

__all__ = [
    "DEFINITIONS",
    "MEASURES",
    "Definition",
    "Gaze",
    "HeadPose",
    "Measurement",
    "gaze",
    "head_pose",
    "head_transform",
    "measure",
    "unavailable",
]

MEASURES: tuple[str, ...] = (*ANGLES, "asymmetry", *DEFINITIONS)
"""The names of all measures, in the order of table columns."""


def measure(face: Face) -> dict[str, Measurement]:
    """All measures of a face by name, in the order of `MEASURES`.

    Measures that its landmarks do not give (`unavailable`), or that its pose hides, are left out.
    Each radius is a 90 % error radius. That of the head pose covers how heads differ; the others
    account for landmark error only. Note: for asymmetry, `radius` is a noise floor (90th
    percentile for a symmetric face), not an interval.

    Examples:
        >>> import facepoints
        >>> for face in facepoints.load()("photo.jpg"):  # doctest: +SKIP
        ...     print(facepoints.measure(face)["yaw"])
        Measurement(value=12.3, radius=3.1)

    Raises:
        DataError: not one face, or its points or radii are not finite.
    """
    _check_face(face)
    measures: dict[str, Measurement] = {}
    try:
        pose = head_pose(face)
    except DataError:
        pose = None
    if pose is not None:
        values = (pose.yaw, pose.pitch, pose.roll)
        measures = {n: Measurement(*v) for n, *v in zip(ANGLES, values, pose.radius, strict=True)}
        with suppress(DataError):  # no left and right, or turned too far
            measures["asymmetry"] = asymmetry(face, pose)
    column = {name: k for k, name in enumerate(face.landmarks.names)}
    for name, definition in DEFINITIONS.items():
        if all(point in column for point in definition.points):
            rows = [column[point] for point in definition.points]
            points, radius = face.points[rows], face.radius[rows]
            independent = measure_points(
                definition.function, points.astype(np.float64), radius.astype(np.float64)
            )
            corrected = independent.radius * RADIUS_FACTORS[name]
            measures[name] = Measurement(independent.value, corrected)
    return measures


def _check_face(face: Face) -> None:
    if not isinstance(face, Face):
        hint = ", call it for each face" if isinstance(face, list) else ""
        raise DataError(f"measure takes one Face, got {type(face).__name__}{hint}")
    bad = ~(np.isfinite(face.points).all(axis=1) & np.isfinite(face.radius))
    if bad.any():
        name = face.landmarks.names[int(bad.argmax())]
        raise DataError(
            f"a face to measure needs finite points and radii; those of {name} are "
            f"{face.points[bad.argmax()].tolist()} and {float(face.radius[bad.argmax()])}"
        )


def unavailable(landmarks: LandmarkSet) -> list[str]:
    """The names in `MEASURES` that cannot be computed from the landmarks of a set."""
    known = head_points(landmarks)[2]
    missing = [] if known.sum() >= MIN_POINTS else [*ANGLES, "asymmetry"]
    if not missing and not landmarks.mirrorable:
        missing = ["asymmetry"]
    names = set(landmarks.names)
    return missing + [n for n, d in DEFINITIONS.items() if not names.issuperset(d.points)]
