"""How the errors of honest labels go together, and which single labels stand out from theirs.

Errors of neighboring points are alike: the model misses a brow as a whole, an annotator slides a
whole jaw line. So a point is judged by its error given the errors of all other points of the face:
with the covariance of the errors, the conditional mean is subtracted and the conditional variance
is what is left to chance. The covariance is estimated on the rows themselves, robustly, and shrunk
towards that of other people's faces (`recipes/audit_errors.py`), which the nearest of its 68 points
give for any other point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.geometry import Complex, to_complex

__all__ = ["Noise", "StandOut", "fit_noise", "stand_outs"]

_CLIP = 2.0  # standard deviations that an error counts at most
_PRIOR_ROWS = 50.0  # rows that the prior covariance counts as
_NUGGET = 0.02  # variance that no other point tells
_REACH = 0.05  # eye distances within which points of the prior speak for a new one
_FARTHEST = 0.15  # eye distances farther than the nearest, beyond which they do not
_FADE = 0.2  # eye distances to the nearest over which its correlations fall by e
_OWN = 0.03  # share of the variance of a new point that is its own
_MEDIAN = 1.386  # median of chi square with 2 degrees of freedom
_TAIL, _TAIL_DISTANCE = 0.97, 7.01  # a quantile of it
_USUAL_ROWS = 20.0  # rows that the prior of this median counts as
_FILE = Path(__file__).with_name("error_correlation.npz")


@dataclass(frozen=True)
class StandOut:
    """How far the points of a face stand out, given its other points.

    Attributes:
        distance: (..., K) squared conditional distance: chi square with 2 degrees of freedom for
            honest labels; 0 where not labeled.
        error: (..., K) complex, the conditional error in standard deviations.
    """

    distance: NDArray[np.float64]
    error: Complex


@dataclass(frozen=True)
class Noise:
    """The covariance of errors.

    Attributes:
        covariance: (2K, 2K) of errors in standard deviations: x of all points, then y.
        usual: (K,) what squared conditional distances are divided by.
    """

    covariance: NDArray[np.float64]
    usual: NDArray[np.float64]

    def stand_out(self, errors: Complex, mask: NDArray[np.bool_]) -> StandOut:
        """Measure how far each labeled point stands out.

        Args:
            errors: (n, K) in standard deviations.
            mask: (K,), the labeled points of all these rows.
        """
        columns = np.flatnonzero(mask)
        both = np.concatenate([columns, columns + len(mask)])
        precision = np.linalg.inv(self.covariance[np.ix_(both, both)])
        values = np.concatenate([errors[:, columns].real, errors[:, columns].imag], axis=1)
        weighted = values @ precision
        k = len(columns)
        xx, yy = np.diag(precision)[:k], np.diag(precision)[k:]
        xy = np.diag(precision[:k, k:])
        determinant = xx * yy - xy**2
        wx, wy = weighted[:, :k], weighted[:, k:]
        dx, dy = (yy * wx - xy * wy) / determinant, (xx * wy - xy * wx) / determinant
        out = StandOut(np.zeros(errors.shape), np.zeros(errors.shape, complex))
        out.distance[:, columns] = (dx * wx + dy * wy) / self.usual[columns]
        out.error[:, columns] = dx + 1j * dy
        return out


def stand_outs(
    errors: Complex,
    mask: NDArray[np.bool_],
    shape: Complex,
    honest: NDArray[np.bool_],
    folds: NDArray[np.intp],
    known_errors: bool = True,
) -> tuple[StandOut, list[Noise]]:
    """Measure how far all points (N, K) stand out, by the covariance of the other folds' rows.

    Args:
        errors: (N, K) in standard deviations, 0 where not labeled.
        mask: (N, K).
        shape: (K,) mean shape, in eye distances.
        honest: (N,) rows to learn from.
        folds: (N,) number of the fold of each row.
        known_errors: whether the errors are those of a model. False: differences of faces, whose
            correlations are learned from these rows alone.

    Returns:
        Also the noise of each fold; index it by `folds`.
    """
    out = StandOut(np.zeros(errors.shape), np.zeros(errors.shape, complex))
    noises: list[Noise] = []
    for fold in range(int(folds.max()) + 1 if len(folds) else 0):
        test = folds == fold
        train = honest & ~test
        rows = train if train.any() else honest
        noises.append(fit_noise(errors, mask, shape, rows, known_errors))
        patterns, which = np.unique(mask[test], axis=0, return_inverse=True)
        rows = np.flatnonzero(test)
        for number, pattern in enumerate(patterns):
            if pattern.any():
                some = rows[which.ravel() == number]
                found = noises[-1].stand_out(errors[some], pattern)
                out.distance[some], out.error[some] = found.distance, found.error
    usual = _usual(out.distance, mask & honest[:, None])
    noises = [replace(one, usual=usual) for one in noises]
    return StandOut(out.distance / usual, out.error), noises


def _usual(distance: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Factor (K,) of distances (N, K) over those expected, at the median or in the tail, whichever
    is larger; towards 1 for few rows."""
    out = np.ones(distance.shape[1])
    for column, (values, known) in enumerate(zip(distance.T, mask.T, strict=True)):
        count = int(known.sum())
        if count:
            median, tail = np.quantile(values[known], (0.5, _TAIL))
            ratio = max(median / _MEDIAN, tail / _TAIL_DISTANCE, 0.05)
            out[column] = np.exp(np.log(ratio) * count / (count + _USUAL_ROWS))
    return out


def fit_noise(
    errors: Complex,
    mask: NDArray[np.bool_],
    shape: Complex,
    honest: NDArray[np.bool_],
    known_errors: bool = True,
) -> Noise:
    """Estimate the covariance of errors on the honest rows; arguments as for `stand_outs`."""
    chosen, known = errors[honest], mask[honest]
    chosen = chosen * np.minimum(1, _CLIP / np.maximum(np.abs(chosen), 1e-9))
    both = np.concatenate([known, known], axis=1).astype(float)
    values = np.concatenate([chosen.real, chosen.imag], axis=1) * both
    pairs = both.T @ both
    count = np.diag(pairs)
    sums = values.T @ values
    deviation = np.sqrt((np.diag(sums) + 10) / (count + 10))
    prior = _prior(shape) if known_errors else np.eye(len(deviation))
    prior = prior * deviation[:, None] * deviation
    mixed = (sums + prior * _PRIOR_ROWS) / (pairs + _PRIOR_ROWS)
    # pairs of points that are seldom labeled together may make it indefinite
    values_of, axes = np.linalg.eigh(mixed)
    mixed = (axes * np.maximum(values_of, 0)) @ axes.T
    return Noise(mixed + _NUGGET * np.eye(len(mixed)), np.ones(len(shape)))


@lru_cache(maxsize=1)
def _installed() -> tuple[NDArray[np.float64], Complex]:
    with np.load(_FILE) as file:
        return file["correlation"].astype(np.float64), to_complex(file["shape"])


def _prior(shape: Complex) -> NDArray[np.float64]:
    """Correlations (2K, 2K) of the errors of points at these places of the mean face."""
    known, places = _installed()
    apart = np.abs(shape[:, None] - places[None])
    nearest = apart.min(axis=1, keepdims=True)
    weights = np.exp(-0.5 * ((apart - nearest) / _REACH) ** 2)
    weights *= apart <= nearest + _FARTHEST
    weights /= weights.sum(axis=1, keepdims=True)
    zero = np.zeros_like(weights)
    both = np.block([[weights, zero], [zero, weights]])
    mixed = both @ known @ both.T
    deviation = np.sqrt(np.maximum(np.diag(mixed), 1e-9))
    fade = np.exp(-np.concatenate([nearest, nearest]).ravel() / _FADE / 2)
    mixed *= (fade / deviation)[:, None] * (fade / deviation) * (1 - _OWN)
    np.fill_diagonal(mixed, 1)
    return mixed
