"""Covariances of the errors of points: converted to other points, learned from few faces.

All are (2 K, 2 K) in the order x0, y0, x1, y1, ..., in the upright frame of the face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.inference.radius_calibration import DISC_90

__all__ = ["FOLLOWS", "LENGTH", "SMOOTH", "VARIANCE", "converted", "learned", "per_axis"]

Array = NDArray[np.float64]

VARIANCE = DISC_90**-2
"""Variance of a point on each axis, in squared 90 % radii, if errors are normal."""
FOLLOWS, SMOOTH, LENGTH = 0.3, 0.3, 0.1
"""Of the variance of a new point's error, the part that goes with the errors of the model's points
around it, and the part that it shares with other new points nearby (to `LENGTH` times the size of
the face). The rest is its own. Chosen on the validation people of `recipes/points_data.py` in
street photos and portraits; values nearby need as many moves, within 3 %."""
_FAR = 3.0
"""A face whose errors are larger than so many times the median face's counts as if they were that
large: most such faces are another face, or a label that slipped."""


def per_axis(matrix: Array) -> Array:
    """A matrix over points (M, N) as one over coordinates (2 M, 2 N): both axes alike."""
    return np.kron(matrix, np.eye(2)).astype(np.float64)


def converted(
    covariance: Array, radius: Array, weights: Array, given: NDArray[np.bool_], shape: Array
) -> Array:
    """The covariance of points of which a model gives some, and others are new.

    A given point is a mean of the model's points: W C W^T. The error of a new point is the sum of
    three: of the model's errors around it (W interpolates them), of errors that it shares with the
    new points nearby (a Gaussian process on the mean face with the kernel
    exp(-distance^2 / 2 length^2)), and of its own.

    Args:
        covariance: (2 M, 2 M) of the model's points, in units of each point's radius.
        radius: (M,) radii that are typical for a face, in any unit.
        weights: (K, M), rows that sum to 1; or 0 for a new point of which it is not known where on
            the model's face it lies.
        given: (K,) the points that the model gives.
        shape: (K, 2) mean positions.

    Returns:
        (2 K, 2 K) in units of each point's radius. That of a given point is the root mean square of
        the radii of its parts (`Face.as_landmarks`).
    """
    mixed = per_axis(weights * radius)
    whole = mixed @ covariance @ mixed.T
    part = np.diagonal(whole).reshape(-1, 2).mean(axis=1)
    follows = np.where(part > 0, FOLLOWS, 0.0)
    around = np.sqrt(follows * VARIANCE / np.where(part > 0, part, 1))
    mean = 1 / np.sqrt(np.where(given, np.abs(weights) @ radius**2, 1))
    scale = np.repeat(np.where(given, mean, around), 2)
    shares = np.where(part > 0, SMOOTH, SMOOTH + FOLLOWS) * ~given
    away = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
    size = max(float(np.ptp(shape, axis=0).max()), 1e-9)
    shared = np.exp(-0.5 * (away / (LENGTH * size)) ** 2) * np.sqrt(np.outer(shares, shares))
    own = np.diag((1 - follows - shares) * ~given)
    return whole * scale[:, None] * scale + VARIANCE * per_axis(shared + own)


def learned(errors: Array, seen: NDArray[np.bool_], prior: Array) -> Array:
    """The second moments of errors, shrunk towards a prior by how uncertain they are.

    The weight of the prior has a closed form: it minimizes the expected squared error of the
    matrix (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4; for any target as in Schaefer
    and Strimmer 2005, doi:10.2202/1544-6115.1175, equation 8):

        weight = sum Var(s_ij) / sum (s_ij - t_ij)^2

    Args:
        errors: (N, D), 0 where not seen.
        seen: (N, D).
        prior: (D, D); it is scaled to the errors.

    Returns:
        (D, D), symmetric and positive semidefinite. With fewer than two faces: the prior.
    """
    if len(errors) < 2 or not seen.any():
        return prior
    values = _without_outliers(np.where(seen, errors, 0.0), seen)
    mask = seen.astype(np.float64)
    count = mask.T @ mask
    usable = count > 1
    moments = np.divide(values.T @ values, count, where=usable, out=np.zeros_like(prior))
    fourth = np.divide((values**2).T @ (values**2), count, where=usable, out=np.zeros_like(prior))
    noise = np.where(usable, (fourth - moments**2) / np.maximum(count - 1, 1), 0.0)
    target = prior * _scale(moments, prior, np.diagonal(usable))
    gap = np.where(usable, (moments - target) ** 2, 0.0)
    weight = float(np.clip(noise.sum() / max(gap.sum(), 1e-30), 0, 1))
    blend = np.where(usable, weight * target + (1 - weight) * moments, target)
    blend = (blend + blend.T) / 2
    if seen.all():
        return blend
    levels, axes = np.linalg.eigh(blend)  # pairs from different faces may contradict each other
    return (axes * np.maximum(levels, 0)) @ axes.T


def _scale(moments: Array, prior: Array, usable: NDArray[np.bool_]) -> float:
    """Size of errors in relation to the prior, within a factor of 4 on each side."""
    if not usable.any():
        return 1.0
    measured, expected = np.diagonal(moments)[usable].mean(), np.diagonal(prior)[usable].mean()
    return float(np.clip(measured / max(float(expected), 1e-12), 1 / 16, 16))


def _without_outliers(values: Array, seen: NDArray[np.bool_]) -> Array:
    """Errors (N, D) with those of faces that are far off shrunk."""
    size = np.sqrt((values**2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
    limit = _FAR * float(np.median(size[size > 0])) if (size > 0).any() else 0.0
    return values * np.minimum(1, limit / np.maximum(size, 1e-12))[:, None]
