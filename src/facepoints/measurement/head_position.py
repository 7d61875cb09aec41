"""The position of a head in front of the camera: a 4x4 transform in millimeters.

A photo has no scale and does not show its lens, so two assumptions are made: the head is as large
as an adult's mean (`PUPIL_DISTANCE`), and the lens has the field of view of a normal one
(`assumed_focal_length`). The distance is proportional to both: a child's head, or a wider lens
than assumed, is nearer than the transform says. The rotation hardly depends on them.

The fit of a far camera and the depths of the points follow from each other in turn (POSIT:
DeMenthon & Davis 1995, doi:10.1007/BF01450852).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.head_fit import fit_heads
from facepoints.measurement.pose import fit_inputs

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

_ROUNDS = 8  # of the fit and the depths
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
    face: Face, size: tuple[int, int], *, focal_length: float | None = None
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
    pixels = given.points - (np.array(size[::-1]) - 1) / 2
    fit = fit_heads(pixels, given.sigma, given.shape, given.std, yaw=given.yaw)
    for _ in range(_ROUNDS):
        depth = 1 - (given.shape @ fit.turn[0].T)[:, 2] * fit.scale[0] / focal
        # what a far camera would see: each pixel times its depth, over the depth of the origin
        far = pixels * np.maximum(depth, _NEAREST)[:, None]
        fit = fit_heads(far, given.sigma, given.shape, given.std, yaw=given.yaw, start=fit)
    scale = focal * MM_PER_UNIT / fit.scale[0]
    transform = np.eye(4)
    transform[:3, :3] = _TOWARD @ fit.turn[0] @ _TOWARD
    transform[:3, 3] = *(fit.shift[0] * scale / focal), scale
    return transform


def project(points: Array, size: tuple[int, int], focal_length: float | None = None) -> Array:
    """Pixels (..., 2) of points (..., 3) in camera coordinates, as in `head_transform`."""
    focal = assumed_focal_length(size) if focal_length is None else float(focal_length)
    return focal * points[..., :2] / points[..., 2:] + (np.array(size[::-1]) - 1) / 2
