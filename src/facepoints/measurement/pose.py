"""Head pose: yaw, pitch and roll of the mean head fitted to the landmarks of a face.

A photo does not show its distance, so the camera is assumed to be far away (`head_fit`). Angles
are relative to the line of sight to the face. For a face at the edge of a wide-angle image that is
not the camera's axis. Each landmark is weighted by its radius, by its visibility, and by how far
people differ from the mean head there (`mean_head.HEAD_STD`). The landmarks of the jaw are not
used: they lie on the visible outline, which is a different line on the head as it turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_degrees
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import visibility_weights
from facepoints.inference.radius_calibration import DISC_90
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement.head_fit import HeadFit, angles, fit_heads
from facepoints.measurement.pose_factors import LEVEL_PITCH, MODEL_RADIUS, MODEL_YAWS, SLOPES
from facepoints.measurement.radius_factors import RADIUS_FACTORS

__all__ = [
    "ANGLES",
    "INTERVAL_90",
    "MIN_POINTS",
    "PROFILE_STD",
    "PROFILE_YAW",
    "FitInputs",
    "HeadPose",
    "fit_inputs",
    "head_points",
    "head_pose",
]

Array = NDArray[np.floating]

ANGLES = ("yaw", "pitch", "roll")
INTERVAL_90 = 1.6448536269514722
"""Half the length of the interval that holds 90 % of normal numbers, in standard deviations."""

MIN_POINTS = 6
"""Landmarks that the fit of six numbers needs, with some to spare."""
_JAW_POINTS = 17  # the first of the 68
PROFILE_YAW, PROFILE_STD = 70.0, 25.0
"""Expected yaw of a face of which one half is hidden, and its standard deviation; degrees."""


@dataclass(frozen=True)
class HeadPose:
    """The rotation, scale and position of a head.

    All angles are 0 for a face that looks straight at the camera.
    The head is rotated by `pitch` about its own ear-to-ear axis, then by `yaw` about the image's
    vertical, then by `roll` in the image. Rotating the image clockwise by d degrees adds d to the
    roll and leaves the others. Mirroring it changes the signs of yaw and roll. In full profile,
    pitch and roll are the same rotation, and their radii are wide.

    Attributes:
        yaw: degrees toward the subject's left, which is the image's right; 90 in profile.
        pitch: degrees up.
        roll: degrees clockwise on the screen; the head leans to the subject's left.
        radius: 90 % error radius of (yaw, pitch, roll) in degrees, up to 180: the true angles lie
            within it in 90 % of cases. It covers the errors of the landmarks, and how heads
            differ from the mean head.
        point_radius: the part of it that the errors of the landmarks cause.
        turn: (3, 3) rotation of the mean head that fits the landmarks, of which the angles are
            computed (`pose_factors`); x to the image's right, y down, z to the camera.
        scale: pixels per unit of the mean head.
        shift: (2,) pixels, position of the mean head's origin.
    """

    yaw: float
    pitch: float
    roll: float
    radius: tuple[float, float, float]
    point_radius: tuple[float, float, float]
    turn: Array
    scale: float
    shift: Array


@lru_cache(maxsize=16)  # a video needs it in every frame
def head_points(landmarks: LandmarkSet) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Positions of the landmarks of a set on the mean head.

    Returns:
        Positions (K, 3) on the mean head; the standard deviation (K,) of people's landmarks
        about them; and a mask (K,) of the landmarks that are known and fixed on the head.
    """
    every = np.ones((1, 68), dtype=bool)
    head, known = convert(MEAN_HEAD[None].astype(np.float32), every, IBUG_68, landmarks)
    variance, _ = convert((HEAD_STD[None] ** 2).astype(np.float32), every, IBUG_68, landmarks)
    shape = head[0].astype(np.float64)
    fixed = known[0] & ~np.isin(landmarks.names, IBUG_68.names[:_JAW_POINTS])
    std = np.sqrt(variance[0].astype(np.float64))
    for shared in (shape, std, fixed):
        shared.setflags(write=False)
    return shape, std, fixed


def head_pose(face: Face) -> HeadPose:
    """The head pose of a face. Points that are probably hidden weigh little.

    Raises:
        DataError: fewer than six of its landmarks are known on the mean head, or they coincide
            or lie on a line.
    """
    given = fit_inputs(face)
    fit = fit_heads(given.points, given.sigma, given.shape, given.std, yaw=given.yaw)
    fitted = angles(fit.turn)[0]
    slopes = np.array([SLOPES[name] for name in ANGLES])
    yaw, pitch, roll = (fitted - [0, LEVEL_PITCH, 0]) * slopes
    from_points = _landmark_radii(fit, *fitted[[0, 2]]) * slopes
    model = [np.interp(abs(yaw), MODEL_YAWS, MODEL_RADIUS[name]) for name in ANGLES]
    return HeadPose(
        yaw=float(wrap_degrees(yaw)),
        pitch=float(np.clip(pitch, -90, 90)),
        roll=float(wrap_degrees(roll)),
        radius=_triple(np.hypot(from_points, model)),
        point_radius=_triple(from_points),
        turn=fit.turn[0],
        scale=float(fit.scale[0]),
        shift=fit.shift[0],
    )


class FitInputs(NamedTuple):
    """What `fit_heads` needs for one face: its arguments, in order.

    Attributes:
        points: (1, K, 2) pixels of the K landmarks that are fixed on the head.
        sigma: (1, K) pixels.
        shape: (K, 3) on the mean head.
        std: (K,) in units of the mean head.
        yaw: (1, 2) expected yaw; None: nothing is known.
    """

    points: Array
    sigma: Array
    shape: Array
    std: Array
    yaw: Array | None


def fit_inputs(face: Face) -> FitInputs:
    """The landmarks of a face that its pose is fitted to.

    Raises:
        DataError: as for `head_pose`.
    """
    shape, std, known = head_points(face.landmarks)
    if known.sum() < MIN_POINTS:
        raise DataError(
            f"head pose needs {MIN_POINTS} points that the mean head has, such as those of 300-W; "
            f"this face has {known.sum()} of them; use a model with more points"
        )
    points = face.points[known].astype(np.float64)
    if np.linalg.matrix_rank(points - points.mean(axis=0), tol=1e-3) < 2:
        raise DataError("head pose needs points that do not lie on a line; these do")
    sigma = face.radius[known].astype(np.float64) / DISC_90
    yaw = None
    if face.visible is not None:
        # a guess may be farther off than its radius says: lower its weight in the fit
        size = np.ptp(points, axis=0).max() / np.ptp(shape[known, :2], axis=0).max()
        people = (std[known] * size) ** 2
        weights = visibility_weights(face.visible[known])
        sigma = np.sqrt((people + sigma**2) / weights - people)
        yaw = _expected_yaw(face.visible[known].astype(np.float64), shape[known, 0])
    return FitInputs(points[None], sigma[None], shape[known], std[known], yaw)


def _expected_yaw(visible: Array, across: Array) -> Array:
    """Expected yaw (1, 2), as in `fit_heads`, by what is visible of both halves of the face.

    Args:
        visible: (K,) in [0, 1].
        across: (K,) x on the mean head.
    """
    halves = [visible[side] for side in (across < -1e-3, across > 1e-3)]
    if not all(half.size for half in halves):
        return np.array([[0.0, np.inf]])
    near = float(halves[0].mean() - halves[1].mean())  # the right half is seen: turned to the left
    std = PROFILE_STD / max(near**2, 1e-6)  # far above 180 degrees if both halves are seen alike
    return np.array([[np.copysign(PROFILE_YAW, near), std]])


def _landmark_radii(fit: HeadFit, yaw: float, roll: float) -> Array:
    """90 % radii (3,) in degrees of the angles of a fitted head, from the landmarks' errors."""
    jacobian = _rotation_per_angle(np.deg2rad(yaw), np.deg2rad(roll))
    try:
        inverse = np.linalg.inv(jacobian)
        variance = np.diag(inverse @ fit.covariance[0] @ inverse.T)
    except np.linalg.LinAlgError:  # in full profile, pitch and roll are the same rotation
        variance = np.full(3, np.pi**2)
    radii = np.rad2deg(INTERVAL_90 * np.sqrt(np.maximum(variance, 0)))
    return radii * [RADIUS_FACTORS[name] for name in ANGLES]


def _triple(radii: Array) -> tuple[float, float, float]:
    first, second, third = np.minimum(radii, 180.0)
    return float(first), float(second), float(third)


def _rotation_per_angle(yaw: float, roll: float) -> Array:
    """Derivative (3, 3) of a small rotation about x, y, z (rows) by yaw, pitch, roll (columns)."""
    level = np.array([-np.sin(roll), np.cos(roll), 0])  # the ear-to-ear axis, rotated by the roll
    ears = np.array([np.cos(roll) * np.cos(yaw), np.sin(roll) * np.cos(yaw), -np.sin(yaw)])
    return np.column_stack([level, ears, [0, 0, 1]])
