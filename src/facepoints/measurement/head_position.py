"""The position of a head in front of the camera: a 4x4 transform in millimeters.

A photo has no scale and does not show its lens, so two assumptions are made: the head is as large
as an adult's mean (`PUPIL_DISTANCE`), and the lens has the field of view of a normal one
(`assumed_focal_length`). The distance is proportional to both: a child's head, or a wider lens
than assumed, is nearer than the transform says. The rotation hardly depends on them.

The pose of a head before a far camera (`head_fit`) is the start. From there, Newton's method with
the damping of Levenberg and Marquardt minimizes the weighted squared distances of the landmarks
from the head's points as the camera sees them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.head_fit import (
    HeadFit,
    expect_yaw,
    head_jacobian,
    move,
    newton_step,
    normal_equations,
    rotation,
    yaw_misfit,
)
from facepoints.measurement.pose import FitInputs, HeadPose, fit_inputs, head_pose

__all__ = [
    "MM_PER_UNIT",
    "PUPIL_DISTANCE",
    "assumed_focal_length",
    "check_focal_length",
    "head_transform",
    "project",
]

Array = NDArray[np.floating]

PUPIL_DISTANCE = 63.0
"""Assumed distance of the pupils in millimeters: the mean of adults (Dodgson 2004,
doi:10.1117/12.529999)."""

_EYES = [MEAN_HEAD[IBUG_68.columns(IBUG_68.regions[f"{s}_eye"])] for s in ("right", "left")]
MM_PER_UNIT = PUPIL_DISTANCE / float(_EYES[1][:, 0].mean() - _EYES[0][:, 0].mean())
"""Millimeters per unit of the mean head."""

_MAX_ITERATIONS, _SMALL_STEP = 30, 1e-5  # radians, log scale; five are enough for most faces
_DAMPING = 1e-3  # the first, as a share of the diagonal, if a step made the fit worse
_NEAREST = 0.2  # of the distance of the origin: no point is nearer, whatever the focal length
_TOWARD = np.diag([1.0, 1.0, -1.0])  # depth of the mean head grows toward the camera, ours away


def assumed_focal_length(size: tuple[int, int]) -> float:
    """Focal length in pixels that is assumed for a picture of (height, width): its longer side.

    This is a field of view of 53 degrees along the longer side: a lens of 36 mm on 35 mm film.
    """
    return float(max(size))


def check_focal_length(focal_length: float | None) -> None:
    """Raises SettingsError if a focal length is not a positive number of pixels."""
    if focal_length is not None and not 0 < focal_length < 1e9:
        raise SettingsError(
            f"a focal length is a positive number of pixels, {focal_length} is not; it is the "
            "image's width / (2 * tan(horizontal field of view / 2))"
        )


def head_transform(
    face: Face,
    size: tuple[int, int],
    *,
    focal_length: float | None = None,
    pose: HeadPose | None = None,
) -> NDArray[np.float64]:
    """The transform from head to camera coordinates, in millimeters.

    Camera coordinates are those of OpenCV: the origin is the camera, x points to the image's
    right, y down, z away from the camera; the axis goes through the image's middle. Head
    coordinates: the origin is halfway between the outer eye corners, x points to the subject's
    left, y to the chin, z to the back of the head. So the rotation of a face in the middle of the
    image that looks straight at the camera is the identity. For OpenGL's axes (y up, z to the
    viewer), multiply by diag(1, -1, -1, 1) on both sides.

    Projected with the transform, the mean head covers the face. So the rotation is that of the
    head itself; the angles of `HeadPose` are relative to the line of sight, and corrected.

    Args:
        face: in pixels of the image.
        size: (height, width) of the image.
        focal_length: in pixels. None: the longer side of the image (`assumed_focal_length`).
        pose: what `head_pose` returns for the face, if known; that saves half of the time. None:
            it is computed.

    Returns:
        (4, 4): rotation (3, 3), translation (3,) in millimeters, last row 0, 0, 0, 1.

    Raises:
        DataError: the landmarks give no head pose.
        SettingsError: the size or the focal length is not positive.
    """
    if min(size) <= 0:
        raise SettingsError(f"head_transform needs the image's (height, width), got {size}")
    check_focal_length(focal_length)
    focal = assumed_focal_length(size) if focal_length is None else float(focal_length)
    given = fit_inputs(face)
    middle = (np.array(size[::-1]) - 1) / 2
    pixels = given.points - middle
    toward = _camera_toward(pixels[0].mean(axis=0), focal)
    given = given._replace(points=_seen_by(toward, pixels, focal))
    pose = head_pose(face) if pose is None else pose
    shift = _seen_by(toward, pose.shift[None] - middle, focal)
    start = HeadFit(pose.turn[None], np.array([pose.scale]), shift, np.zeros((1, 3, 3)))
    fit = _fit_near(start, given, focal)
    distance = focal * MM_PER_UNIT / fit.scale[0]
    transform = np.eye(4)
    transform[:3, :3] = toward.T @ _TOWARD @ fit.turn[0] @ _TOWARD
    transform[:3, 3] = toward.T @ (*(fit.shift[0] * distance / focal), distance)
    return transform


def _camera_toward(pixel: Array, focal: float) -> Array:
    """Rotation (3, 3) of camera coordinates that puts a pixel, relative to the image's middle, into
    the middle. There, the pose relative to the line of sight is that relative to the camera."""
    x, y = pixel
    away = np.hypot(x, y)
    return rotation(np.array([[y, -x, 0]]) / max(away, 1e-12) * np.arctan2(away, focal))[0]


def _seen_by(toward: Array, pixels: Array, focal: float) -> Array:
    """Pixels (..., 2) of a rotated camera, relative to the image's middle."""
    rays = np.concatenate([pixels, np.full((*pixels.shape[:-1], 1), focal)], axis=-1) @ toward.T
    return focal * rays[..., :2] / np.maximum(rays[..., 2:], 1e-3 * focal)


def _fit_near(fit: HeadFit, given: FitInputs, focal: float) -> HeadFit:
    """A head before a near camera, from the fit of a far one. `scale` and `shift` are those of the
    plane through the head's origin; pixels are relative to the image's middle."""
    weights = 1 / ((given.std * fit.scale[0]) ** 2 + given.sigma**2)
    now, damping = _linearize(fit, given, weights, focal), 0.0
    for _ in range(_MAX_ITERATIONS):
        diagonal = np.diagonal(now.information[0]) * damping
        information = now.information + np.diag(diagonal)
        step = newton_step(information, now.downhill, now.error, now.weights, now.turned)
        trial = move(fit, step)
        then = _linearize(trial, given, weights, focal)
        better = then.misfit <= now.misfit
        if better:
            fit, now = trial, then
        if np.abs(step[0, :4]).max() < _SMALL_STEP:
            break
        damping = damping / 10 if better else max(damping * 10, _DAMPING)
    return fit


class _Linearized(NamedTuple):
    """The fit of a near head for small steps: see `normal_equations` and `newton_step`."""

    misfit: float
    information: Array
    downhill: Array
    error: Array
    weights: Array
    turned: Array


def _linearize(fit: HeadFit, given: FitInputs, weights: Array, focal: float) -> _Linearized:
    turned = fit.turned(given.shape)
    x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
    depth = 1 - z / focal  # over that of the origin
    near = depth < _NEAREST
    depth = np.where(near, _NEAREST, depth)[..., None]
    seen = (turned[..., :2] + fit.shift[:, None]) / depth
    error = given.points - seen
    jacobian = head_jacobian(turned)
    closer = np.zeros((*z.shape, 6))  # change of z, over the focal length
    closer[..., 0], closer[..., 1], closer[..., 3] = y / focal, -x / focal, z / focal
    closer[near] = 0
    jacobian += seen[..., None] * closer[:, :, None]
    jacobian /= depth[..., None]
    information, downhill = normal_equations(jacobian, error, weights)
    misfit = float(((error**2).sum(axis=2) * weights).sum())
    if given.yaw is not None:
        expected, toward = expect_yaw(fit, given.yaw)
        information[:, :3, :3] += expected
        downhill[:, :3] += toward
        misfit += float(yaw_misfit(fit, given.yaw)[0])
    return _Linearized(misfit, information, downhill, error, weights / depth[..., 0], turned)


def project(points: Array, size: tuple[int, int], focal_length: float | None = None) -> Array:
    """Pixels (..., 2) of points (..., 3) in camera coordinates, as in `head_transform`."""
    focal = assumed_focal_length(size) if focal_length is None else float(focal_length)
    return focal * points[..., :2] / points[..., 2:] + (np.array(size[::-1]) - 1) / 2
