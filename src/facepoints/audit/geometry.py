"""Points as complex numbers, similarities, assignments and mirror pairs.

A point (x, y) is the complex number x + iy. So a rotation with a scale is one factor, and a
similarity of many faces is fitted at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Complex",
    "assign",
    "fit_similarities",
    "median_points",
    "mirror_partners",
    "to_complex",
    "to_pairs",
]

Complex = NDArray[np.complex128]


def to_complex(points: NDArray[np.floating]) -> Complex:
    """Points (..., 2) as complex numbers (...)."""
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]


def to_pairs(points: Complex) -> NDArray[np.float64]:
    """Complex numbers (...) as points (..., 2)."""
    return np.stack([points.real, points.imag], axis=-1)


def fit_similarities(
    source: Complex, target: Complex, weights: NDArray[np.floating]
) -> tuple[Complex, Complex]:
    """The similarities z -> a z + b that best map (N, K) points onto others (least squares).

    Args:
        source, target: (N, K); values of weight 0 are ignored, but must be finite.
        weights: (N, K), 0 or more.

    Returns:
        a (N, 1) and b (N, 1). Where the points do not define a similarity, a is 1.
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    mean_source = (weights * source).sum(axis=1, keepdims=True) / total
    mean_target = (weights * target).sum(axis=1, keepdims=True) / total
    centered = source - mean_source
    size = (weights * np.abs(centered) ** 2).sum(axis=1, keepdims=True)
    product = (weights * centered.conj() * (target - mean_target)).sum(axis=1, keepdims=True)
    a = np.where(size > 1e-9 * total, product / np.maximum(size, 1e-300), 1)
    a = np.where(np.abs(a) > 1e-9, a, 1)
    return a, mean_target - a * mean_source


def median_points(points: Complex, mask: NDArray[np.bool_]) -> Complex:
    """Medians (K,) of the points (N, K) in the mask (N, K), of x and of y; 0 where none is."""
    out = np.zeros(points.shape[1], dtype=complex)
    for column, (values, known) in enumerate(zip(points.T, mask.T, strict=True)):
        if known.any():
            some = values[known]
            out[column] = np.median(some.real) + 1j * np.median(some.imag)
    return out


def assign(costs: NDArray[np.floating]) -> NDArray[np.intp]:
    """The assignment of K rows to K columns with the least sum of costs.

    The Hungarian method by shortest augmenting paths (Jonker & Volgenant 1987,
    https://doi.org/10.1007/BF02278710).

    Args:
        costs: (K, K), finite.

    Returns:
        The column (K,) of each row.
    """
    count = len(costs)
    row_price, column_price = np.zeros(count + 1), np.zeros(count + 1)
    owner = np.full(count + 1, -1)  # row of each column; the last column is a helper
    for row in range(count):
        owner[count] = row
        shortest = np.full(count, np.inf)
        before = np.full(count, count)
        visited = np.zeros(count + 1, dtype=bool)
        column = count
        while owner[column] >= 0:
            visited[column] = True
            at = owner[column]
            reduced = costs[at] - row_price[at] - column_price[:count]
            free = ~visited[:count]
            nearer = free & (reduced < shortest)
            shortest[nearer], before[nearer] = reduced[nearer], column
            following = int(np.where(free, shortest, np.inf).argmin())
            step = shortest[following]
            used = np.flatnonzero(visited)
            row_price[owner[used]] += step
            column_price[used] -= step
            shortest[free] -= step
            column = following
        while column != count:
            previous = before[column]
            owner[column] = owner[previous]
            column = previous
    result = np.empty(count, dtype=np.intp)
    result[owner[:count]] = np.arange(count)
    return result


def mirror_partners(shape: Complex, tolerance: float) -> NDArray[np.intp] | None:
    """The mirror partner (K,) of each point of an upright mean shape (K,).

    Args:
        shape: the mean shape, with the vertical axis of the face along y.
        tolerance: a partner lies at most this far from the mirrored point, in units of `shape`.

    Returns:
        None if a point has no partner: then the points do not lie in mirror pairs.
    """
    middle = (shape.real.min() + shape.real.max()) / 2
    mirrored = 2 * middle - shape.conj()
    apart = np.abs(mirrored[:, None] - shape[None])
    partner = assign(apart)
    if (partner[partner] != np.arange(len(shape))).any():
        return None
    return partner if apart[np.arange(len(shape)), partner].max() <= tolerance else None
