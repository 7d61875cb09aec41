"""Fits the mean head to landmarks.

The camera is assumed to be far away (scaled orthographic projection, as in POS of DeMenthon &
Davis 1995, doi:10.1007/BF01450852). The fit minimizes the squared distances of the landmarks,
weighted, from several starts: a head and its mirror image in depth look alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HeadFit",
    "angles",
    "expect_yaw",
    "fit_heads",
    "head_jacobian",
    "move",
    "newton_step",
    "normal_equations",
    "rotation",
    "yaw_misfit",
]

Array = NDArray[np.floating]

_MAX_ITERATIONS = 12  # six or seven are enough for most faces
_SMALL_STEP = 1e-5  # the last: radians, log scale
_MAX_TURN, _MAX_LOG_SCALE = 0.5, 0.3  # of one iteration: radians, log scale


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
        return self.turned(shape)[..., :2] + self.shift[:, None]

    def turned(self, shape: Array) -> Array:
        """Points (K, 3) or (N, K, 3) of the head, turned and in pixels (N, K, 3), without shift."""
        return shape @ self.turn.transpose(0, 2, 1) * self.scale[:, None, None]


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


def fit_heads(
    points: Array,
    sigma: Array,
    shape: Array,
    std: Array,
    *,
    yaw: Array | None = None,
    start: HeadFit | None = None,
) -> HeadFit:
    """Fit a head to faces by weighted least squares (Newton's method from several starts).

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
        start: fits that are nearly right; None: several starts are tried.
    """
    points = np.where(np.isfinite(sigma)[..., None], points, 0)
    yaw = np.tile([0.0, np.inf], (len(points), 1)) if yaw is None else yaw
    if start is not None:
        return _refine(start, points, sigma, shape, std, yaw)
    starts = _starts(points, sigma, shape, std, yaw)
    copies, sigmas, yaws = (np.concatenate([a] * _STARTS) for a in (points, sigma, yaw))
    fits = _refine(starts, copies, sigmas, shape, std, yaws)
    misfit = _misfit(fits, copies, sigmas, shape, std, yaws).reshape(_STARTS, -1)
    best = misfit.argmin(axis=0) * len(points) + np.arange(len(points))
    return HeadFit(fits.turn[best], fits.scale[best], fits.shift[best], fits.covariance[best])


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
    return log_likelihood + yaw_misfit(fit, yaw)


def yaw_misfit(fit: HeadFit, yaw: Array) -> Array:
    """Squared difference (N,) of yaw and the expected yaw (N, 2), in standard deviations."""
    return _unexpected(angles(fit.turn)[:, 0], yaw)


def _unexpected(found: Array, yaw: Array) -> Array:
    """Squared difference (...) of yaw and the expected yaw (..., 2), in standard deviations."""
    return ((found - yaw[..., 0]) / yaw[..., 1]) ** 2


def expect_yaw(fit: HeadFit, yaw: Array) -> tuple[Array, Array]:
    """Return what the expected yaw (N, 2) adds to the normal equations (N, 3, 3) and (N, 3) of a
    small further rotation about x, y and z."""
    found = np.deg2rad(angles(fit.turn))
    axis = np.zeros((len(found), 3))
    axis[:, 0], axis[:, 1] = -np.sin(found[:, 2]), np.cos(found[:, 2])
    share = 1 / np.deg2rad(yaw[:, 1]) ** 2
    lacking = share * (np.deg2rad(yaw[:, 0]) - found[:, 0])
    return axis[:, :, None] * axis[:, None] * share[:, None, None], axis * lacking[:, None]


def _refine(
    fit: HeadFit, points: Array, sigma: Array, shape: Array, std: Array, yaw: Array
) -> HeadFit:
    """Newton's method from a first estimate."""
    information = np.zeros((len(points), 6, 6))
    for _ in range(_MAX_ITERATIONS):
        turned = fit.turned(shape)
        error = points - turned[..., :2] - fit.shift[:, None]
        weights = 1 / _variance(fit, sigma, std)
        information, downhill = normal_equations(head_jacobian(turned), error, weights)
        expected, toward = expect_yaw(fit, yaw)
        information[:, :3, :3] += expected
        downhill[:, :3] += toward
        step = newton_step(information, downhill, error, weights, turned)
        fit = move(fit, step)
        if np.abs(step[:, :4]).max(initial=0) < _SMALL_STEP:
            break
    covariance = np.linalg.inv(information)[:, :3, :3]
    return HeadFit(fit.turn, fit.scale, fit.shift, covariance)


def normal_equations(jacobian: Array, error: Array, weights: Array) -> tuple[Array, Array]:
    """The normal equations of a step: J'WJ (N, 6, 6) and J'We (N, 6).

    Args:
        jacobian: (N, K, 2, 6), J.
        error: (N, K, 2) pixels, e.
        weights: (N, K), the diagonal of W.
    """
    weighted = (jacobian * weights[:, :, None, None]).reshape(len(error), -1, 6).transpose(0, 2, 1)
    downhill = weighted @ error.reshape(len(error), -1, 1)
    return weighted @ jacobian.reshape(len(error), -1, 6), downhill[..., 0]


def newton_step(
    information: Array, downhill: Array, error: Array, weights: Array, turned: Array
) -> Array:
    """The step (N, 6) of Newton's method; of Gauss-Newton for fits that it would make worse.

    Gauss-Newton leaves out how the Jacobian changes with the rotation. Errors of people's noses
    and eyes are large enough for this to matter: without it, half of the error is left after an
    iteration.

    Args:
        information: (N, 6, 6) as of `normal_equations`.
        downhill: (N, 6) as of `normal_equations`.
        error: (N, K, 2) pixels.
        weights: (N, K).
        turned: (N, K, 3) the turned head in pixels.
    """
    curved = information.copy()
    moment = (error * weights[..., None]).transpose(0, 2, 1) @ turned
    curved[:, :2, :3] -= moment / 2
    curved[:, :3, :2] -= moment.transpose(0, 2, 1) / 2
    curved[:, _XYZ, _XYZ] += (moment[:, 0, 0] + moment[:, 1, 1])[:, None]
    step = np.linalg.solve(curved, downhill[..., None])[..., 0]
    uphill = (step * downhill).sum(axis=1) <= 0
    if uphill.any():
        step[uphill] = np.linalg.solve(information[uphill], downhill[uphill, :, None])[..., 0]
    return step


def move(fit: HeadFit, step: Array) -> HeadFit:
    """Fits after a step (N, 6), which is cut to `_MAX_TURN` and `_MAX_LOG_SCALE`."""
    turn = rotation(step[:, :3].clip(-_MAX_TURN, _MAX_TURN)) @ fit.turn
    scale = fit.scale * np.exp(step[:, 3].clip(-_MAX_LOG_SCALE, _MAX_LOG_SCALE))
    return HeadFit(turn, scale, fit.shift + step[:, 4:], fit.covariance)


def _starts(points: Array, sigma: Array, shape: Array, std: Array, yaw: Array) -> HeadFit:
    """First estimates of a fit, `_STARTS` times N: the heads of a grid of yaw and pitch that fit
    best.

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
    gain = np.abs(cross) ** 2 / power * total
    order = np.argsort(_unexpected(_GRID_YAW, yaw[:, None]) - gain, axis=1)
    chosen = order[:, :_STARTS].T.reshape(-1)
    row = np.tile(np.arange(len(points)), _STARTS)
    factor = (cross / power)[row, chosen]
    unit = factor / np.maximum(np.abs(factor), 1e-12)
    in_image = np.zeros((len(row), 3, 3))
    in_image[:, 0, 0], in_image[:, 0, 1] = unit.real, -unit.imag
    in_image[:, 1, 0], in_image[:, 1, 1] = unit.imag, unit.real
    in_image[:, 2, 2] = 1
    shift = center[row] - factor * middle[row, chosen]
    return HeadFit(
        in_image @ _GRID[chosen],
        np.maximum(np.abs(factor), 1e-9),
        np.stack([shift.real, shift.imag], axis=1),
        np.zeros((len(row), 3, 3)),
    )


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


def head_jacobian(turned: Array) -> Array:
    """(N, K, 2, 6): change of the pixels per small rotation about x, y and z, per log scale, and
    per shift in x and y; of a turned head (N, K, 3) in pixels."""
    x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
    jacobian = np.zeros((*turned.shape[:2], 2, 6))
    across, down = jacobian[:, :, 0], jacobian[:, :, 1]
    across[..., 1], across[..., 2], across[..., 3], across[..., 4] = z, -y, x, 1
    down[..., 0], down[..., 2], down[..., 3], down[..., 5] = -z, x, y, 1
    return jacobian


def rotation(vector: Array) -> Array:
    """Rotations (N, 3, 3) about the axes of vectors (N, 3), by their lengths in radians
    (Rodrigues' formula)."""
    angle = np.sqrt((vector**2).sum(axis=1))[:, None, None]
    safe = np.maximum(angle, 1e-12)
    around = (vector @ _CROSS).reshape(-1, 3, 3) * (np.sin(angle) / safe)
    along = vector[:, :, None] * vector[:, None] * (2 * (np.sin(angle / 2) / safe) ** 2)
    return np.cos(angle) * np.eye(3) + around + along


_XYZ = np.arange(3)
_CROSS = np.zeros((3, 9))  # of a vector: the matrix of the cross product with it, row by row
_CROSS[_XYZ, [7, 2, 3]], _CROSS[_XYZ, [5, 6, 1]] = 1, -1
