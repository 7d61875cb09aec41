"""How a head is turned, from the points of its face: a mean head laid onto them.

The camera is taken to be far away (scaled orthographic projection, as in POS of DeMenthon &
Davis 1995, doi:10.1007/BF01450852), since a photo does not say how far it was. So the angles
are those to the line of sight to the face, which for a face at the edge of a wide-angle picture
is not the camera's axis. The fit minimises the squared distances of the points, each weighted
by how well it is known where it lies: its own radius, and how far people's differ from the mean
head's (`mean_head.HEAD_SPREAD`). The points of the jaw do not count: they lie on the visible
outline, which is another line on the head as it turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_SPREAD, MEAN_HEAD
from facepoints.measurement.radius_factors import RADIUS_FACTORS

__all__ = [
    "ANGLES",
    "COORDINATE",
    "DISC",
    "HeadFit",
    "HeadPose",
    "angles",
    "fit_heads",
    "head_points",
    "head_pose",
]

Array = NDArray[np.floating]

ANGLES = ("yaw", "pitch", "roll")
DISC = float(np.sqrt(-2 * np.log(0.1)))
"""Radius, in standard deviations of a coordinate, of the disc that holds a point with normal
errors 90 times in 100."""
COORDINATE = 1.6448536269514722
"""Half the length, in standard deviations, of the interval that holds a number with normal
errors 90 times in 100."""

_LEAST = 6  # points that a fit of six numbers, with some to spare, needs
_OUTLINE = 17  # of the 68 points, the first are those of the jaw
_STEPS = 12  # of Gauss and Newton; from the affine start, four to six are enough
_TURN, _GROW = 0.5, 0.3  # most that a step may turn (radians) and grow (logarithm)


@dataclass(frozen=True)
class HeadPose:
    """How a head is turned. All angles are 0 for a face that looks straight at the camera.

    The head is turned by `pitch` about its own ear-to-ear axis, then by `yaw` about the
    picture's vertical, then by `roll` in the picture: turning the picture clockwise by d
    degrees adds d to the roll and leaves the others; mirroring it changes the signs of yaw
    and roll.

    Attributes:
        yaw: degrees towards the subject's left, which is the picture's right.
        pitch: degrees up.
        roll: degrees clockwise on the screen, the head leaning to the subject's left.
        radius: (yaw, pitch, roll) degrees that hold, 90 times in 100, the angles that the true
            points give (`factors`). What makes a whole face differ from the mean head is not in
            it: a long nose looks like a head that is turned.
        turn: (3, 3) rotation of the mean head; x to the picture's right, y down, z to the camera.
        scale: pixels per unit of the mean head.
        shift: (2,) pixels, where the mean head's origin lies.
    """

    yaw: float
    pitch: float
    roll: float
    radius: tuple[float, float, float]
    turn: Array
    scale: float
    shift: Array


@dataclass(frozen=True)
class HeadFit:
    """The mean head laid onto N faces.

    Attributes:
        turn: (N, 3, 3) rotations.
        scale: (N,) pixels per unit of the head.
        shift: (N, 2) pixels.
        covariance: (N, 3, 3) of a further small turn about x, y and z, radians squared.
    """

    turn: Array
    scale: Array
    shift: Array
    covariance: Array

    def __call__(self, shape: Array) -> Array:
        """Pixels (N, K, 2) of points (K, 3) or (N, K, 3) of the head."""
        turned = shape @ self.turn.transpose(0, 2, 1)
        return turned[..., :2] * self.scale[:, None, None] + self.shift[:, None]


@lru_cache(maxsize=16)  # a video asks in every frame
def head_points(landmarks: LandmarkSet) -> tuple[Array, Array, NDArray[np.bool_]]:
    """The points of a set on the mean head, (K, 3), how far people's lie from there (K,), and
    which of them are known and fixed on the head (K,)."""
    every = np.ones((1, 68), dtype=bool)
    head, known = convert(MEAN_HEAD[None].astype(np.float32), every, IBUG_68, landmarks)
    variance, _ = convert((HEAD_SPREAD[None] ** 2).astype(np.float32), every, IBUG_68, landmarks)
    shape = head[0].astype(np.float64)
    fixed = known[0] & ~np.isin(landmarks.names, IBUG_68.names[:_OUTLINE])
    spread = np.sqrt(variance[0].astype(np.float64))
    for shared in (shape, spread, fixed):
        shared.setflags(write=False)
    return shape, spread, fixed


def head_pose(face: Face) -> HeadPose:
    """How a head is turned.

    Raises:
        DataError: fewer than six of the points are known on the mean head, or they lie in
            one place or on a line.
    """
    shape, spread, known = head_points(face.landmarks)
    if known.sum() < _LEAST:
        raise DataError(
            f"the pose needs {_LEAST} points that the mean head knows, such as those of 300-W; "
            f"this face has {known.sum()} of them"
        )
    points = face.points[known].astype(np.float64)
    if np.linalg.matrix_rank(points - points.mean(axis=0), tol=1e-3) < 2:
        raise DataError("the pose needs points that do not lie on a line")
    sigma = face.radius[known].astype(np.float64) / DISC
    fit = fit_heads(points[None], sigma[None], shape[known], spread[known])
    yaw, pitch, roll = angles(fit.turn)[0]
    around = _turn_about_angles(np.deg2rad(yaw), np.deg2rad(roll))
    try:
        inverse = np.linalg.inv(around)
        variance = np.diag(inverse @ fit.covariance[0] @ inverse.T)
    except np.linalg.LinAlgError:  # in full profile, pitch and roll are the same turn
        variance = np.full(3, np.pi**2)
    near = np.rad2deg(COORDINATE * np.sqrt(np.maximum(variance, 0)))
    near = np.minimum(near * [RADIUS_FACTORS[name] for name in ANGLES], 180.0)
    radius = (float(near[0]), float(near[1]), float(near[2]))
    scale = float(fit.scale[0])
    return HeadPose(float(yaw), float(pitch), float(roll), radius, fit.turn[0], scale, fit.shift[0])


def angles(turn: Array) -> Array:
    """Yaw, pitch and roll (..., 3) in degrees of rotations (..., 3, 3), as `Pose` has them."""
    yaw = np.arcsin(np.clip(-turn[..., 2, 0], -1, 1))
    pitch = np.arctan2(turn[..., 2, 1], turn[..., 2, 2])
    roll = np.arctan2(turn[..., 1, 0], turn[..., 0, 0])
    return np.rad2deg(np.stack([yaw, pitch, roll], axis=-1))


def _turn_about_angles(yaw: float, roll: float) -> Array:
    """(3, 3): the small turn about x, y and z that a little more yaw, pitch and roll makes."""
    level = np.array([-np.sin(roll), np.cos(roll), 0])  # the axis of yaw, turned by the roll
    ears = np.array([np.cos(roll) * np.cos(yaw), np.sin(roll) * np.cos(yaw), -np.sin(yaw)])
    return np.column_stack([level, ears, [0, 0, 1]])


def fit_heads(points: Array, sigma: Array, shape: Array, spread: Array) -> HeadFit:
    """Lay a head onto faces.

    Args:
        points: (N, K, 2) in pixels.
        sigma: (N, K) standard deviation of a coordinate of each, in pixels.
        shape: (K, 3) the head; or (N, K, 3), a head for each.
        spread: (K,) standard deviation of people's points about it, in its units.
    """
    fit = _affine_start(points, shape, 1 / np.maximum(spread, 1e-6) ** 2)
    information = np.zeros((len(points), 6, 6))
    for _ in range(_STEPS):
        size = np.maximum(spread * fit.scale[:, None], 1e-6)
        weights = 1 / (size**2 + sigma**2)
        jacobian = _jacobian(fit, shape)
        error = points - fit(shape)
        weighted = jacobian * weights[:, :, None, None]
        information = np.einsum("nkai,nkaj->nij", weighted, jacobian)
        step = np.einsum("nkai,nka->ni", weighted, error)
        step = np.linalg.solve(information, step[..., None])[..., 0]
        turn = _rotation(np.clip(step[:, :3], -_TURN, _TURN)) @ fit.turn
        scale = fit.scale * np.exp(np.clip(step[:, 3], -_GROW, _GROW))
        fit = HeadFit(turn, scale, fit.shift + step[:, 4:], fit.covariance)
        if np.abs(step[:, :4]).max(initial=0) < 1e-7:
            break
    covariance = np.linalg.inv(information)[:, :3, :3]
    return HeadFit(fit.turn, fit.scale, fit.shift, covariance)


def _affine_start(points: Array, shape: Array, weights: Array) -> HeadFit:
    """The affine camera of least squares, made orthographic (POS)."""
    share = weights / weights.sum()
    centre = share @ points
    middle = share @ shape
    away = shape - middle
    inertia = away.T @ (share[:, None] * away)
    camera = np.einsum("nka,k,ki->nai", points - centre[:, None], share, away)
    camera = camera @ np.linalg.pinv(inertia)
    u, stretch, v = np.linalg.svd(camera, full_matrices=False)
    rows = u @ v
    turn = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    scale = np.maximum(stretch.mean(axis=1), 1e-9)
    shift = centre - scale[:, None] * (rows @ middle)
    return HeadFit(turn, scale, shift, np.zeros((len(points), 3, 3)))


def _jacobian(fit: HeadFit, shape: Array) -> Array:
    """(N, K, 2, 6): how the pixels change with a small turn about x, y and z, with the
    logarithm of the scale, and with the shift."""
    x, y, z = np.moveaxis(shape @ fit.turn.transpose(0, 2, 1) * fit.scale[:, None, None], -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([zero, z, -y, x, one, zero], axis=-1)
    down = np.stack([-z, zero, x, y, zero, one], axis=-1)
    return np.stack([across, down], axis=2)


def _rotation(vector: Array) -> Array:
    """Rotations (N, 3, 3) about vectors (N, 3) by their lengths in radians (Rodrigues)."""
    angle = np.linalg.norm(vector, axis=1)[:, None, None]
    x, y, z = vector.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    # sinc keeps the limits at no turn
    return (
        np.eye(3)
        + np.sinc(angle / np.pi) * cross
        + (0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross))
    )
