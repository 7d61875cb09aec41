"""Local polynomial fits of values over time (local regression, see `offline_smoothing`)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_weights", "weighted_fit"]


@lru_cache(maxsize=256)
def fit_weights(times: tuple[float, ...], reach: float, degree: int) -> NDArray[np.float64]:
    """Weights (T,) whose sum with values at T times (seconds) is their local fit at time 0.

    Args:
        times: of the values, relative to the time of the fit.
        reach: seconds before and after, beyond which values have no influence.
        degree: of the polynomial, lower if there are too few values.
    """
    columns, near = _design(times, reach, degree)
    weighted = columns * near[:, None]
    weights = np.linalg.lstsq(weighted.T @ columns, weighted.T, rcond=1e-9)[0][0]
    weights.setflags(write=False)
    return weights


def weighted_fit(
    times: tuple[float, ...],
    reach: float,
    degree: int,
    values: NDArray[np.float64],
    trust: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Local fits (K, D) at time 0 of values (T, K, D), in which each value has its own weight.

    Args:
        times, reach, degree: as for `fit_weights`.
        trust: (T, K) weights over 0, besides those by the distance in time.
    """
    columns, near = _design(times, reach, degree)
    weights = near[:, None] * trust
    normal = np.einsum("tk,ti,tj->kij", weights, columns, columns)
    right = np.einsum("tk,ti,tkd->kid", weights, columns, values)
    return (np.linalg.pinv(normal, rcond=1e-9, hermitian=True) @ right)[:, 0]


def _design(
    times: tuple[float, ...], reach: float, degree: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Powers (T, degree + 1) of the times, and weights (T,): near times count more."""
    when = np.array(times)
    near = np.clip(1 - np.abs(when / (reach * 1.01)) ** 3, 0, None) ** 3
    degree = min(degree, int((near > 0).sum()) - 1)
    return (when[:, None] / reach) ** np.arange(degree + 1), near
