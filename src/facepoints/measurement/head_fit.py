"""Fits the mean head to landmarks.

The camera is assumed to be far away (scaled orthographic projection, as in POS of DeMenthon &
Davis 1995, doi:10.1007/BF01450852). The fit minimizes the squared distances of the landmarks,
weighted, from several starts: a head and its mirror image in depth look alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["HeadFit", "angles", "expect_yaw", "fit_heads", "head_jacobian", "rotation"]

Array = NDArray[np.floating]

_MAX_ITERATIONS = 12  # of Gauss-Newton; four to six are enough for most faces
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
        turned = shape @ self.turn.transpose(0, 2, 1)
        return turned[..., :2] * self.scale[:, None, None] + self.shift[:, None]


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
