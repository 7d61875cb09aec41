"""All measures of a face, and why some of them cannot be had."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.face_list import check_one_face
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.conventions import Convention, calibrated, check_convention
from facepoints.measurement.definitions import DEFINITIONS
from facepoints.measurement.pose import ANGLES, MIN_POINTS, HeadPose, head_points, head_pose
from facepoints.measurement.symmetry import MAX_ANGLE, MAX_HIDDEN, asymmetry, symmetric_pairs
from facepoints.measurement.uncertainty import Measurement, measure_points

__all__ = [
    "LACKING",
    "MEASURES",
    "MeasuredPoints",
    "measure",
    "measure_with_reasons",
    "unavailable",
]

MEASURES: tuple[str, ...] = (*ANGLES, "asymmetry", *DEFINITIONS)
"""The names of all measures, in the order of table columns."""

LACKING = "no such points"
"""Reason of a measure whose points the landmark set of the face lacks."""


class MeasuredPoints(NamedTuple):
    """The measures of a face.

    Attributes:
        measures: by name, in the order of `MEASURES`.
        reasons: why each of the other measures cannot be had, by name.
        guesses: what hidden points, or those of a turned head, give for them.
        pose: the head pose; None if the landmarks give none.
    """

    measures: dict[str, Measurement]
    reasons: dict[str, str]
    guesses: dict[str, Measurement]
    pose: HeadPose | None


def measure(face: Face, convention: Convention | None = None) -> dict[str, Measurement]:
    """All measures of a face by name, in the order of `MEASURES`.

    A measure is left out if the landmark set lacks its points, if one of its points is hidden, or
    if the head is turned too far. `measure_with_reasons` says which it was. Each radius is a 90 %
    error radius, for errors of the landmarks and for how people who mark faces by hand differ
    (`radius_factors`); that of the head pose covers how heads differ, too. Note: for asymmetry,
    `radius` is a noise floor (90th percentile for a symmetric face), not an interval.

    Args:
        face: one face.
        convention: "lfpw", "helen", "afw", "scut" or "street": give values as the annotators of
            this data set would have them (`conventions`). None: without a bias taken off.

    Examples:
        >>> import facepoints
        >>> for face in facepoints.load()("photo.jpg"):  # doctest: +SKIP
        ...     print(facepoints.measure(face)["yaw"])
        Measurement(value=12.3, radius=3.1)

    Raises:
        DataError: not one face, or its points or radii are not finite.
        SettingsError: no such convention.
    """
    return measure_with_reasons(face, convention).measures


def measure_with_reasons(face: Face, convention: Convention | None = None) -> MeasuredPoints:
    """The measures of a face, and why the others cannot be had.

    Reasons are "no such points", "left eye outer corner is hidden" with the name of a point, "14 of
    51 points are hidden" for the asymmetry, or "head turned by 71 degrees". Beyond 60 degrees of
    yaw or pitch, distances across the face shrink to less than half, so only the pose and the
    openings are given.

    Args:
        face: one face.
        convention: as for `measure`.

    Raises:
        DataError: as for `measure`.
        SettingsError: as for `measure`.
    """
    check_convention(convention)
    every, pose = _measure_all(face, convention)
    turn = 0.0 if pose is None else max(abs(pose.yaw), abs(pose.pitch))
    measures, reasons = {}, {}
    for name in MEASURES:
        reason = _reason(face, name, turn)
        if name in every and not reason:
            measures[name] = every[name]
        else:
            reasons[name] = reason or LACKING
    guesses = {name: every[name] for name in reasons if name in every}
    return MeasuredPoints(measures, reasons, guesses, pose)


def _measure_all(
    face: Face, convention: Convention | None
) -> tuple[dict[str, Measurement], HeadPose | None]:
    """All measures that the landmark set gives, those of hidden points and turned heads included;
    and the head pose, None if it cannot be had."""
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
            raw = measure_points(
                definition.function, points.astype(np.float64), radius.astype(np.float64)
            )
            measures[name] = calibrated(name, raw, convention)
    return measures, pose


def _reason(face: Face, name: str, turn: float) -> str:
    """Say why a measure cannot be had; empty if it can, as far as its points are known."""
    if name in ANGLES:
        return ""
    points = DEFINITIONS[name].points if name in DEFINITIONS else ()
    if not set(points) <= set(face.landmarks.names):
        return LACKING
    if points and face.visible is not None:
        seen = face.visible[face.landmarks.columns(points)]
        if seen.min() < HIDDEN:
            return f"{points[int(seen.argmin())].replace('_', ' ')} is hidden"
    across = name == "asymmetry" or DEFINITIONS[name].across
    if across and turn > MAX_ANGLE:
        return f"head turned by {turn:.0f} degrees"
    return _hidden_pairs(face) if name == "asymmetry" else ""


def _hidden_pairs(face: Face) -> str:
    """Say how many points of the asymmetry are hidden; empty if they are few."""
    if face.visible is None or not face.landmarks.mirrorable:
        return ""
    rows, _ = symmetric_pairs(face.landmarks)
    hidden = int((face.visible[rows] < HIDDEN).sum())
    return f"{hidden} of {len(rows)} points are hidden" if hidden > MAX_HIDDEN * len(rows) else ""


def _check_face(face: Face) -> None:
    check_one_face(face, "measure")
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
