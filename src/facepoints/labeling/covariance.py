"""Covariances of the errors of points: converted to other points, smooth, learned from few faces.

All are (2 K, 2 K) in the order x0, y0, x1, y1, ..., in the upright frame of the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SmoothKernel", "converted", "extended", "learned", "likely_kernel", "per_axis"]

Array = NDArray[np.float64]

_FAR = 3.0
"""A face whose errors are larger than so many times the median face's counts as if they were that
large: most such faces are another face, or a label that slipped."""
_FEW = 5
"""Faces below which a kernel is not fitted."""
_LENGTHS = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
_SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Kernels to choose from."""


@dataclass(frozen=True)
class SmoothKernel:
    """Errors of points that lie close together are alike: the prior of points nothing is known of.

    The covariance of two points at distance d, in variances of one point, on each axis:
    ``shared * exp(-(d / length)^2 / 2)``; a point with itself has 1.

    Attributes:
        length: in sizes of the face (the longer side of the box of the mean shape).
        shared: part of a point's variance that its neighborhood has in common, [0, 1).
    """

    length: float
    shared: float

    def __call__(self, first: Array, second: Array, size: float) -> Array:
        """Correlations (M, N) of points (M, 2) with other points (N, 2) of a face of this size. The
        part that is a point's own is left out."""
        away = np.linalg.norm(first[:, None] - second[None], axis=-1)
        return self.shared * np.exp(-0.5 * (away / (self.length * size)) ** 2)


def per_axis(matrix: Array) -> Array:
    """A matrix over points (M, N) as one over coordinates (2 M, 2 N): both axes alike."""
    return np.kron(matrix, np.eye(2))


def converted(covariance: Array, radius: Array, weights: Array) -> tuple[Array, Array]:
    """The covariance of points that are means of other points: W C W^T.

    Args:
        covariance: (2 M, 2 M) in units of each point's radius.
        radius: (M,) radii that are typical for a face, in any unit.
        weights: (K, M), rows that sum to 1.

    Returns:
        The covariance (2 K, 2 K) in units of the radii (K,) that prediction gives such points (root
        mean square, see `Face.as_landmarks`), and these radii.
    """
    mixed = per_axis(weights * radius)
    wide = np.sqrt(weights @ radius**2)
    scale = np.repeat(np.where(wide > 0, wide, 1), 2)
    return mixed @ covariance @ mixed.T / scale[:, None] / scale, wide


def extended(
    covariance: Array, known: NDArray[np.bool_], shape: Array, kernel: SmoothKernel, variance: float
) -> Array:
    """Add points of which no errors were measured, by a Gaussian process on the mean face.

    Their errors are predicted from those of the known points by the smooth kernel (kriging). What
    the kernel leaves open is added as variance of their own. The block of the known points stays.

    Args:
        covariance: (2 M, 2 M) of the M known points, in units of radii.
        known: (K,) which points these are.
        shape: (K, 2) mean positions of all points.
        kernel: of errors.
        variance: of a new point's error on each axis, in squared radii.

    Returns:
        (2 K, 2 K).
    """
    size = max(float(np.ptp(shape, axis=0).max()), 1e-9)
    own = (1 - kernel.shared) * np.eye(len(shape))
    prior = kernel(shape, shape, size) + own
    new = ~known
    follows = np.linalg.solve(prior[np.ix_(known, known)], prior[np.ix_(known, new)]).T
    left = prior[np.ix_(new, new)] - follows @ prior[np.ix_(known, new)]
    follows, rows, others = per_axis(follows), np.repeat(known, 2), np.repeat(new, 2)
    whole = np.zeros((2 * len(shape), 2 * len(shape)))
    whole[np.ix_(rows, rows)] = covariance
    whole[np.ix_(others, rows)] = follows @ covariance
    whole[np.ix_(rows, others)] = covariance @ follows.T
    whole[np.ix_(others, others)] = follows @ covariance @ follows.T + variance * per_axis(left)
    return whole


def likely_kernel(
    errors: Array, seen: NDArray[np.bool_], shape: Array, otherwise: SmoothKernel
) -> SmoothKernel:
    """The smooth kernel under which errors are most likely (maximum marginal likelihood, Rasmussen
    and Williams 2006, 5.4.1). Each point has a variance of its own.

    Args:
        errors: (N, 2 K), 0 where not seen.
        seen: (N, 2 K). Only faces with all points count.
        shape: (K, 2) mean positions.
        otherwise: the answer if fewer than five faces have all points.
    """
    whole = seen.all(axis=1)
    if whole.sum() < _FEW or not seen.shape[1]:
        return otherwise
    axes = np.moveaxis(errors[whole].reshape(int(whole.sum()), -1, 2), 2, 0)
    values = np.concatenate(list(axes))  # both axes alike
    values = values / np.sqrt(np.maximum((values**2).mean(axis=0), 1e-12))
    size = max(float(np.ptp(shape, axis=0).max()), 1e-9)

    def doubt(kernel: SmoothKernel) -> float:
        factor = np.linalg.cholesky(
            kernel(shape, shape, size) + (1 - kernel.shared) * np.eye(len(shape))
        )
        white = np.linalg.solve(factor, values.T)
        return float((white**2).sum() / 2 + len(values) * np.log(np.diagonal(factor)).sum())

    return min((SmoothKernel(n, s) for n in _LENGTHS for s in _SHARES), key=doubt)


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
    """How large errors are in relation to the prior, within a factor of 4 on each side."""
    if not usable.any():
        return 1.0
    measured, expected = np.diagonal(moments)[usable].mean(), np.diagonal(prior)[usable].mean()
    return float(np.clip(measured / max(float(expected), 1e-12), 1 / 16, 16))


def _without_outliers(values: Array, seen: NDArray[np.bool_]) -> Array:
    """Errors (N, D) with those of faces that are far off shrunk."""
    size = np.sqrt((values**2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
    limit = _FAR * float(np.median(size[size > 0])) if (size > 0).any() else 0.0
    return values * np.minimum(1, limit / np.maximum(size, 1e-12))[:, None]
