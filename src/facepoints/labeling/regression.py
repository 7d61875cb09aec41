"""First guesses of any point set, from a model's points and the faces that are labeled already.

Each face is moved into one upright frame by its model points (generalized Procrustes, Gower 1975,
doi:10.1007/BF02291478). There, each wanted point is a linear function of the model's points, fitted
by ridge regression (Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634). Its penalty is the
one with the smallest leave-one-out error, which has a closed form (Allen 1974,
doi:10.1080/00401706.1974.10489157), and so is the radius. With one labeled face, the guess is that
face's point moved, turned and scaled onto the other face.

A point that the model does not have follows its surroundings from the first face on: it is first
interpolated between the model's points (`interpolation`), with the smoothing whose leave-one-out
error is smallest, and only the difference is regressed.

Where the model can give a point itself (a known set of points, by conversion), only the difference
to the labels is regressed, and it is shrunk towards 0 while few faces show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.radius_calibration import DISC_90
from facepoints.labeling.interpolation import SMOOTHINGS, interpolation_weights

__all__ = ["CONSTANT_BELOW", "PointRegressor"]

Array = NDArray[np.float64]

CONSTANT_BELOW = 60
"""Faces from which the difference to a point that the model gives is more than a constant. Chosen
on validation people (`recipes/label_guesses.py`): with 20 faces, a regression makes some sets worse
by 4 %; from here on, it makes none worse by more than 1 %, and others better."""

_PENALTIES = np.concatenate([np.geomspace(1e-5, 10, 13), [np.inf]])  # of squared face sizes
_ROUNDS = 3  # of the Procrustes mean
_FEWEST = 3  # faces that show how a point that the model does not have moves
_SAFE = 0.1  # smoothing of the interpolation while too few faces show which is best
_FIRST = 0.08  # radius in face sizes, as if two faces had shown it


@dataclass(frozen=True)
class _PointFit:
    """The regression of one point, in the upright frame.

    Attributes:
        mean_input: (2 M,) mean of the features.
        weights: (2 M, 2) of the features.
        offset: (2,) mean of the point, or of its difference to the model's.
        spread: standard deviation of the error on an axis.
        errors: (n, 2) label minus the prediction that has not learned from it, of the faces of the
            fit.
    """

    mean_input: Array
    weights: Array
    offset: Array
    spread: float
    errors: Array


@dataclass(frozen=True)
class PointRegressor:
    """Predicts K points of faces from M points that a model gave.

    Attributes:
        mean: (M, 2), mean of the given points in the upright frame; its unit is the face's size.
        fits: of each of the K points; None: it was never labeled.
        left_out: (N, K, 2) where the points of the fitted faces would be predicted, in pixels, each
            by a regression without its own label; NaN where it was not fitted on a label.
    """

    mean: Array
    fits: tuple[_PointFit | None, ...]
    left_out: Array

    @classmethod
    def fit(
        cls,
        given: NDArray,
        targets: NDArray,
        known: NDArray[np.bool_],
        direct: NDArray | None = None,
        *,
        smoothings: Sequence[float] = SMOOTHINGS,
        constant_below: int = CONSTANT_BELOW,
    ) -> PointRegressor:
        """Fit to labeled faces.

        Args:
            given: (N, M, 2) points of the model in pixels, all finite; N and M at least 1 and 2.
            targets: (N, K, 2) points of the labels in pixels.
            known: (N, K) which of them are labeled.
            direct: (N, K, 2) where the model itself puts the K points; NaN: it cannot. None: it
                can give none of them.
            smoothings: of the interpolation, to choose from; empty: new points are regressed
                without it.
            constant_below: faces from which the difference to a point of the model is regressed;
                below, it is a constant.

        Raises:
            DataError: shapes do not fit each other, there is no face, or its points coincide.
        """
        given, targets = np.asarray(given, np.float64), np.asarray(targets, np.float64)
        if given.ndim != 3 or not len(given) or targets.shape[:2] != known.shape:
            raise DataError(
                f"expected points (N, M, 2) of one face or more with labels (N, K, 2), got "
                f"{given.shape} and {targets.shape}"
            )
        mean = _procrustes_mean(given)
        maps = [affine.fit_similarity(face, mean) for face in given]
        features = _moved(maps, given).reshape(len(given), -1) - mean.ravel()
        wanted = _moved(maps, np.where(known[..., None], targets, 0.0))
        base = np.full_like(wanted, np.nan) if direct is None else _moved(maps, direct)
        fits: list[_PointFit | None] = []
        tested = np.full_like(wanted, np.nan)
        bases: dict[bytes, _Inputs] = {}  # points that the same faces show share one
        for k in range(known.shape[1]):
            has_base = np.asarray(np.isfinite(base[:, k]).all(axis=1), dtype=bool)
            rows = known[:, k] & (has_base | ~has_base.any())
            if not rows.any():
                fits.append(None)
                continue
            same = rows.tobytes()
            if same not in bases:
                bases[same] = _Inputs(features[rows])
            inputs = bases[same]
            if has_base[rows].all():
                gap = wanted[rows, k] - base[rows, k]
                fit = _fit_point(inputs, gap, True, constant_below)
            else:
                fit = _fit_new_point(inputs, features[rows], wanted[rows, k], mean, smoothings)
            fits.append(fit)
            if inputs.count > 1:  # one face shows no error
                tested[rows, k] = wanted[rows, k] - fit.errors
        return cls(mean, tuple(fits), _moved([affine.invert(one) for one in maps], tested))

    def predict(
        self, given: NDArray, direct: NDArray | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The K points of faces.

        Args:
            given: (N, M, 2) points of the model in pixels.
            direct: (N, K, 2) as for `fit`; a point without it there must have none here.

        Returns:
            Points (N, K, 2) and their 90 % radii (N, K) in pixels; NaN for a point that was never
            labeled.
        """
        given = np.asarray(given, np.float64)
        count, wanted = len(given), len(self.fits)
        upright, radius = np.full((count, wanted, 2), np.nan), np.full((count, wanted), np.nan)
        if not count:
            return upright, radius
        maps = [affine.fit_similarity(face, self.mean) for face in given]
        sizes = np.array([np.hypot(*matrix[:, 0]) for matrix in maps])
        features = _moved(maps, given).reshape(count, -1) - self.mean.ravel()
        base = None if direct is None else _moved(maps, direct)
        for k, fit in enumerate(self.fits):
            if fit is None:
                continue
            value = fit.offset + (features - fit.mean_input) @ fit.weights
            if base is not None:
                value = value + np.where(np.isfinite(base[:, k]), base[:, k], 0.0)
            upright[:, k] = value
            radius[:, k] = DISC_90 * fit.spread / sizes
        return _moved([affine.invert(matrix) for matrix in maps], upright), radius


def _procrustes_mean(given: Array) -> Array:
    """The mean of faces, upright, around 0, and of size 1 (the longer side of its box)."""
    mean = _unit(given[0])
    for _ in range(_ROUNDS):
        moved = _moved([affine.fit_similarity(face, mean) for face in given], given)
        mean = _unit(moved.mean(axis=0))
    return mean


def _unit(points: Array) -> Array:
    size = np.ptp(points, axis=0).max()
    if not np.isfinite(size) or size <= 0:
        raise DataError("the points of a face must be at different, finite places")
    return (points - points.mean(axis=0)) / size


def _moved(maps: list[affine.Matrix], points: NDArray) -> Array:
    """Points (N, K, 2), each face by its own affine, in full precision."""
    turns = np.array([matrix[:, :2] for matrix in maps])
    shifts = np.array([matrix[:, 2] for matrix in maps])
    return np.einsum("nij,nkj->nki", turns, points) + shifts[:, None]


class _Inputs:
    """The features (n, 2 M) of some faces, decomposed."""

    def __init__(self, features: Array) -> None:
        self.count = len(features)
        self.mean = features.mean(axis=0)
        self.left, self.values, self.right = np.linalg.svd(
            features - self.mean, full_matrices=False
        )


def _fit_new_point(
    inputs: _Inputs, features: Array, target: Array, mean: Array, smoothings: Sequence[float]
) -> _PointFit:
    """The regression of a point that the model does not have, on its best interpolation.

    Args:
        inputs: the n faces.
        features: (n, 2 M) of these faces.
        target: (n, 2) the point in the frame.
        mean: (M, 2) the model's points in the frame.
        smoothings: of the interpolation, to choose from.
    """
    best = _fit_point(inputs, target, False, _FEWEST)
    for smoothing in smoothings if inputs.count >= _FEWEST or not smoothings else (_SAFE,):
        share = interpolation_weights(mean, target.mean(axis=0), smoothing)
        if share is None:
            break
        follows = np.kron(share[:, None], np.eye(2))
        fit = _fit_point(inputs, target - features @ follows, False, _FEWEST)
        if fit.spread < best.spread or inputs.count < _FEWEST:
            offset = fit.offset + inputs.mean @ follows
            best = replace(fit, weights=fit.weights + follows, offset=offset)
    return best


def _fit_point(inputs: _Inputs, target: Array, is_direct: bool, constant_below: int) -> _PointFit:
    """The regression of one point on the faces that have it.

    Args:
        inputs: the n faces.
        target: (n, 2) the point in the frame, or its difference to where the model puts it.
        is_direct: whether it is a difference.
        constant_below: faces from which it is more than a constant.
    """
    count, mean = inputs.count, target.mean(axis=0)
    projected = inputs.left.T @ (target - mean)
    best, error, kept_best = np.inf, target - mean, np.zeros_like(inputs.values)
    for penalty in [np.inf] if count < constant_below else _PENALTIES:
        squares = inputs.values**2
        kept = squares / (squares + penalty * count) if np.isfinite(penalty) else 0 * squares
        left_out = 1 - 1 / count - (inputs.left**2) @ kept
        residual = target - mean - inputs.left @ (kept[:, None] * projected)
        residual = residual / np.maximum(left_out, 1e-3)[:, None]
        if (residual**2).sum() < best:
            best, error, kept_best = float((residual**2).sum()), residual, kept
    factors = np.divide(kept_best, inputs.values, where=inputs.values > 1e-9, out=kept_best * 0)
    weights = inputs.right.T @ (factors[:, None] * projected)
    shown = count if count > 1 else 0  # one face shows no error
    # the smallest of several errors of few faces is too small
    variance = float((error**2).mean()) * (count + 2) / max(count - 2, 1)
    spread = float(np.sqrt((2 * (_FIRST / DISC_90) ** 2 + shown * variance) / (shown + 2)))
    if is_direct:
        size = float((mean**2).mean())
        mean = mean * (size / (size + variance / count) if count > 2 and size > 0 else 0.0)
    return _PointFit(inputs.mean, weights, mean, spread, error)
