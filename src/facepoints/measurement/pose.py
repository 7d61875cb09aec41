"""Head pose: a mean head fitted to the landmarks of a face.

The camera is assumed to be far away (scaled orthographic projection, as in POS of DeMenthon &
Davis 1995, doi:10.1007/BF01450852), because a photo does not show its distance. So angles are
relative to the line of sight to the face. For a face at the edge of a wide-angle image that is not
the camera's axis. The fit minimizes the squared distances of the landmarks. Each is weighted by
its own radius and by how far people differ from the mean head there (`mean_head.HEAD_STD`).
The landmarks of the jaw are not used: they lie on the visible outline, which is a different line
on the head as it turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import visibility_weights
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement.radius_factors import RADIUS_FACTORS

__all__ = [
    "ANGLES",
    "DISC_90",
    "INTERVAL_90",
    "MIN_POINTS",
    "HeadFit",
    "HeadPose",
    "angles",
    "expect_yaw",
    "fit_heads",
    "head_jacobian",
    "head_points",
    "head_pose",
    "rotation",
]

Array = NDArray[np.floating]

ANGLES = ("yaw", "pitch", "roll")
DISC_90 = float(np.sqrt(-2 * np.log(0.1)))
"""Radius of the disc that holds 90 % of points with normal errors, in standard deviations of a
coordinate."""
INTERVAL_90 = 1.6448536269514722
"""Half the length of the interval that holds 90 % of normal numbers, in standard deviations."""

MIN_POINTS = 6
"""Landmarks that the fit of six numbers needs, with some to spare."""
_JAW_POINTS = 17  # the first of the 68
_MAX_ITERATIONS = 12  # of Gauss-Newton; from the affine start, four to six are enough
_MAX_TURN, _MAX_LOG_SCALE = 0.5, 0.3  # of one iteration: radians, log scale


@dataclass(frozen=True)
class HeadPose:
    """The rotation, scale and position of a head.

    All angles are 0 for a face that looks straight at the camera.
    The head is rotated by `pitch` about its own ear-to-ear axis, then by `yaw` about the image's
    vertical, then by `roll` in the image. Rotating the image clockwise by d degrees adds d to the
    roll and leaves the others. Mirroring it changes the signs of yaw and roll.

    Attributes:
        yaw: degrees toward the subject's left, which is the image's right.
        pitch: degrees up.
        roll: degrees clockwise on the screen; the head leans to the subject's left.
        radius: 90 % error radius of (yaw, pitch, roll) in degrees: the angles that the true
            landmarks give lie within it in 90 % of cases. It does not cover how a face differs
            from the mean head: a long nose looks like a turned head.
        turn: (3, 3) rotation of the mean head; x to the image's right, y down, z to the camera.
        scale: pixels per unit of the mean head.
        shift: (2,) pixels, position of the mean head's origin.
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
    """The mean head fitted to N faces.

    Attributes:
        turn: (N, 3, 3) rotations.
        scale: (N,) pixels per unit of the head.
        shift: (N, 2) pixels.
        covariance: (N, 3, 3) of a small further rotation about x, y and z, radians squared.
    """

    turn: Array
    scale: Array
    shift: Array
    covariance: Array

    def __call__(self, shape: Array) -> Array:
        """Project points (K, 3) or (N, K, 3) of the head to pixels (N, K, 2)."""
        turned = shape @ self.turn.transpose(0, 2, 1)
        return turned[..., :2] * self.scale[:, None, None] + self.shift[:, None]


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
    if face.visible is not None:
        # a guess may be farther off than its radius says: lower its weight in the fit
        size = np.ptp(points, axis=0).max() / np.ptp(shape[known, :2], axis=0).max()
        people = (std[known] * size) ** 2
        weights = visibility_weights(face.visible[known])
        sigma = np.sqrt((people + sigma**2) / weights - people)
    fit = fit_heads(points[None], sigma[None], shape[known], std[known])
    yaw, pitch, roll = angles(fit.turn)[0]
    jacobian = _rotation_per_angle(np.deg2rad(yaw), np.deg2rad(roll))
    try:
        inverse = np.linalg.inv(jacobian)
        variance = np.diag(inverse @ fit.covariance[0] @ inverse.T)
    except np.linalg.LinAlgError:  # in full profile, pitch and roll are the same rotation
        variance = np.full(3, np.pi**2)
    radii = np.rad2deg(INTERVAL_90 * np.sqrt(np.maximum(variance, 0)))
    radii = np.minimum(radii * [RADIUS_FACTORS[name] for name in ANGLES], 180.0)
    radius = (float(radii[0]), float(radii[1]), float(radii[2]))
    scale = float(fit.scale[0])
    return HeadPose(float(yaw), float(pitch), float(roll), radius, fit.turn[0], scale, fit.shift[0])


def angles(turn: Array) -> Array:
    """Yaw, pitch and roll (..., 3) in degrees of rotations (..., 3, 3), as in `HeadPose`.

    Two triples give the same rotation. This is the one with a pitch from -90 to 90 degrees, so a
    head that is turned a little beyond the profile has a yaw above 90 degrees.
    """
    ahead = np.where(turn[..., 2, 2] < 0, -1.0, 1.0)
    yaw = np.arctan2(-turn[..., 2, 0], ahead * np.hypot(turn[..., 2, 1], turn[..., 2, 2]))
    pitch = np.arctan2(ahead * turn[..., 2, 1], ahead * turn[..., 2, 2])
    roll = np.arctan2(ahead * turn[..., 1, 0], ahead * turn[..., 0, 0])
    return np.rad2deg(np.stack([yaw, pitch, roll], axis=-1))


def _rotation_per_angle(yaw: float, roll: float) -> Array:
    """Derivative (3, 3) of a small rotation about x, y, z (rows) by yaw, pitch, roll (columns)."""
    level = np.array([-np.sin(roll), np.cos(roll), 0])  # the ear-to-ear axis, rotated by the roll
    ears = np.array([np.cos(roll) * np.cos(yaw), np.sin(roll) * np.cos(yaw), -np.sin(yaw)])
    return np.column_stack([level, ears, [0, 0, 1]])


def fit_heads(
    points: Array, sigma: Array, shape: Array, std: Array, *, yaw: Array | None = None
) -> HeadFit:
    """Fit a head to faces by weighted least squares (Gauss-Newton from several starts).

    The points of one half of a face alone do not tell its yaw well: seen from the front, the
    outer eye corner and the tip of the nose lie as far apart as in profile. That the other half
    is hidden does tell it; `yaw` brings it in.

    Args:
        points: (N, K, 2) pixels.
        sigma: (N, K) standard deviation of a coordinate of each point, in pixels. Infinity: the
            point is missing, its coordinates are ignored.
        shape: (K, 3) the head.
        std: (K,) standard deviation of people's points about it, in its units.
        yaw: (N, 2) expected yaw in degrees, and the standard deviation of true ones from it;
            infinity: nothing is known. None: nothing is known of any.
    """
    points = np.where(np.isfinite(sigma)[..., None], points, 0)
    yaw = np.tile([0.0, np.inf], (len(points), 1)) if yaw is None else yaw
    starts = _starts(points, sigma, shape, std, yaw)
    fits = [_refine(fit, points, sigma, shape, std, yaw) for fit in starts]
    misfit = np.stack([_misfit(fit, points, sigma, shape, std, yaw) for fit in fits])
    best, row = np.argmin(misfit, axis=0), np.arange(len(points))
    parts = ("turn", "scale", "shift", "covariance")
    return HeadFit(*(np.stack([getattr(fit, part) for fit in fits])[best, row] for part in parts))


def _variance(fit: HeadFit, sigma: Array, std: Array) -> Array:
    """Variance (N, K) of a coordinate of the points about the fitted head, in pixels squared."""
    return np.maximum(std * fit.scale[:, None], 1e-6) ** 2 + sigma**2


def _misfit(
    fit: HeadFit, points: Array, sigma: Array, shape: Array, std: Array, yaw: Array
) -> Array:
    """Twice the negative log likelihood (N,) of the points that are not missing, and of the yaw."""
    variance = _variance(fit, sigma, std)
    seen = np.isfinite(variance)
    variance = np.where(seen, variance, 1)
    square = ((points - fit(shape)) ** 2).sum(axis=2)
    log_likelihood = np.where(seen, square / variance + 2 * np.log(variance), 0).sum(axis=1)
    return log_likelihood + _unexpected(angles(fit.turn)[:, 0], yaw)


def _unexpected(found: Array, yaw: Array) -> Array:
    """Squared difference (...) of yaw and the expected yaw (..., 2), in standard deviations."""
    return ((found - yaw[..., 0]) / yaw[..., 1]) ** 2


def expect_yaw(fit: HeadFit, yaw: Array) -> tuple[Array, Array]:
    """What the expected yaw (N, 2) adds to the normal equations (N, 3, 3) and (N, 3) of a small
    further rotation about x, y and z."""
    found = np.deg2rad(angles(fit.turn))
    axis = np.stack([-np.sin(found[:, 2]), np.cos(found[:, 2]), 0 * found[:, 2]], axis=1)
    share = 1 / np.deg2rad(yaw[:, 1]) ** 2
    lacking = share * (np.deg2rad(yaw[:, 0]) - found[:, 0])
    return axis[:, :, None] * axis[:, None] * share[:, None, None], axis * lacking[:, None]


def _refine(
    fit: HeadFit, points: Array, sigma: Array, shape: Array, std: Array, yaw: Array
) -> HeadFit:
    """Gauss-Newton from a first estimate."""
    information = np.zeros((len(points), 6, 6))
    for _ in range(_MAX_ITERATIONS):
        weights = 1 / _variance(fit, sigma, std)
        jacobian = head_jacobian(fit, shape)
        error = points - fit(shape)
        weighted = jacobian * weights[:, :, None, None]
        information = np.einsum("nkai,nkaj->nij", weighted, jacobian)
        step = np.einsum("nkai,nka->ni", weighted, error)
        expected, toward = expect_yaw(fit, yaw)
        information[:, :3, :3] += expected
        step[:, :3] += toward
        step = np.linalg.solve(information, step[..., None])[..., 0]
        turn = rotation(np.clip(step[:, :3], -_MAX_TURN, _MAX_TURN)) @ fit.turn
        growth = np.clip(step[:, 3], -_MAX_LOG_SCALE, _MAX_LOG_SCALE)
        scale = fit.scale * np.exp(growth)
        fit = HeadFit(turn, scale, fit.shift + step[:, 4:], fit.covariance)
        if np.abs(step[:, :4]).max(initial=0) < 1e-7:
            break
    covariance = np.linalg.inv(information)[:, :3, :3]
    return HeadFit(fit.turn, fit.scale, fit.shift, covariance)


def _starts(points: Array, sigma: Array, shape: Array, std: Array, yaw: Array) -> list[HeadFit]:
    """First estimates of a fit: the heads of a grid of yaw and pitch that fit best.

    A head of the grid is rotated in the image, scaled and shifted by linear least squares. Two
    starts are needed, because the head and its mirror image in depth look alike.
    """
    spread = np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum() / len(shape))
    size = np.where(np.isfinite(sigma), np.hypot(*np.moveaxis(_centered(points, sigma), -1, 0)), 0)
    rough = np.maximum(size.max(axis=1) / spread / 1.5, 1e-9)
    weights = 1 / ((std * rough[:, None]) ** 2 + sigma**2)
    total = weights.sum(axis=1, keepdims=True)
    weights /= total
    flat = shape @ _GRID.transpose(0, 2, 1)[:, :, :2] @ (1, 1j)
    seen = points @ (1, 1j)
    middle, center = weights @ flat.T, (weights * seen).sum(axis=1)
    cross = (weights * (seen - center[:, None])) @ np.conj(flat.T)
    power = np.maximum(weights @ (np.abs(flat) ** 2).T - np.abs(middle) ** 2, 1e-12)
    factor = cross / power
    gain = np.abs(cross) ** 2 / power * total
    order = np.argsort(_unexpected(_GRID_YAW, yaw[:, None]) - gain, axis=1)
    fits, row = [], np.arange(len(points))
    for chosen in order[:, :_STARTS].T:
        f = factor[row, chosen]
        in_image = np.zeros((len(points), 3, 3))
        unit = f / np.maximum(np.abs(f), 1e-12)
        in_image[:, 0, 0], in_image[:, 0, 1] = unit.real, -unit.imag
        in_image[:, 1, 0], in_image[:, 1, 1] = unit.imag, unit.real
        in_image[:, 2, 2] = 1
        shift = center - f * middle[row, chosen]
        fits.append(
            HeadFit(
                in_image @ _GRID[chosen],
                np.maximum(np.abs(f), 1e-9),
                np.stack([shift.real, shift.imag], axis=1),
                np.zeros((len(points), 3, 3)),
            )
        )
    return fits


def _centered(points: Array, sigma: Array) -> Array:
    """Points (N, K, 2) about the mean of those that are not missing."""
    seen = np.isfinite(sigma)[..., None]
    return points - (points * seen).sum(axis=1, keepdims=True) / seen.sum(axis=1, keepdims=True)


def _turned(yaw: float, pitch: float) -> Array:
    """Rotation (3, 3) of a head by pitch, then by yaw, in degrees."""
    (sy, sp), (cy, cp) = np.sin(np.deg2rad([yaw, pitch])), np.cos(np.deg2rad([yaw, pitch]))
    return np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ [[1, 0, 0], [0, cp, -sp], [0, sp, cp]]


_GRID_YAW = np.repeat([-90.0, -60, -30, 0, 30, 60, 90], 3)
_GRID = np.stack([_turned(y, p) for y, p in zip(_GRID_YAW, [-40, 0, 40] * 7, strict=True)])
_STARTS = 3  # of the grid, those that fit best


def head_jacobian(fit: HeadFit, shape: Array) -> Array:
    """(N, K, 2, 6): change of the pixels per small rotation about x, y and z, per log scale, and
    per shift in x and y."""
    x, y, z = np.moveaxis(shape @ fit.turn.transpose(0, 2, 1) * fit.scale[:, None, None], -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([zero, z, -y, x, one, zero], axis=-1)
    down = np.stack([-z, zero, x, y, zero, one], axis=-1)
    return np.stack([across, down], axis=2)


def rotation(vector: Array) -> Array:
    """Rotations (N, 3, 3) about the axes of vectors (N, 3), by their lengths in radians
    (Rodrigues' formula)."""
    angle = np.linalg.norm(vector, axis=1)[:, None, None]
    x, y, z = vector.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    # sinc has the right limit at angle 0
    return (
        np.eye(3)
        + np.sinc(angle / np.pi) * cross
        + (0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross))
    )
