"""Where labels are expected without images: where the shapes of the other rows have them.

Each label is moved, turned and resized to fit the mean shape (Procrustes analysis, robustly, so
that a wild point does not turn the face). What is left are the differences of faces and faults.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.geometry import Complex, fit_similarities, median_points, to_complex
from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import DISC_50
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import mean_points

__all__ = ["expectation_of_labels", "fit_to_shape"]

_ROUNDS = 6  # of the mean shape and of the robust fits
_FREEDOM = 4.0  # of the t distribution that weighs points
_LEAST = 0.015  # least standard deviation of a point, eye distances
_PRIOR_ROWS = 10.0  # rows that the usual scale counts as


def expectation_of_labels(faces: Samples, folds: NDArray[np.intp]) -> Expectation:
    """Expectations from the labels alone; each scheme has a mean shape of its own.

    Args:
        folds: (N,) number of the fold of each row. The mean shape is that of the other folds.
    """
    labels = to_complex(faces.points)
    mask = faces.labelled & (faces.labelled.sum(axis=1) >= 3)[:, None]
    start = _start(faces, labels, mask)
    expected = np.zeros(labels.shape, complex)
    scale = np.ones(labels.shape)
    a, b = np.ones((len(labels), 1), complex), np.zeros((len(labels), 1), complex)
    overall, _ = _mean_shape(labels, mask, start)
    for index in range(len(faces.schemes)):
        for fold in np.unique(folds):
            test = (faces.scheme == index) & (folds == fold)
            train = (faces.scheme == index) & (folds != fold) & mask.any(axis=1)
            if not test.any():
                continue
            shape, spread = _mean_shape(labels[train], mask[train], overall)
            seen = mask[train].any(axis=0)
            mask[test] &= seen
            a[test], b[test] = fit_to_shape(labels[test], mask[test], shape, spread)
            expected[test], scale[test] = shape, spread
    valid = mask.sum(axis=1) >= 3
    framed = a * labels + b
    return Expectation(
        labels=np.where(mask, framed, 0),
        expected=np.where(mask, expected, 0),
        scale=scale,
        mask=mask & valid[:, None],
        a=a[:, 0],
        b=b[:, 0],
        valid=valid,
        free=True,
    )


def _start(faces: Samples, labels: Complex, mask: NDArray[np.bool_]) -> Complex:
    """A first shape (K,), in eye distances: the mean face, and where it has no point, the mean of
    the labels put on it."""
    points, known = mean_points(faces.landmarks)
    corners, _ = mean_points(IBUG_68)
    one, other = IBUG_68.columns(("right_eye_outer_corner", "left_eye_outer_corner"))
    eye = float(np.linalg.norm(corners[one] - corners[other]))
    shape = to_complex(points) / eye
    if known.all():
        return shape
    if known.sum() >= 2:
        weights = (mask & known).astype(float)
        a, b = fit_similarities(labels, np.broadcast_to(shape, labels.shape), weights)
        good = (weights > 0).sum(axis=1) >= 2
        mask = mask & good[:, None]
        placed = a * labels + b
    else:
        count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
        middle = np.where(mask, labels, 0).sum(axis=1, keepdims=True) / count
        size = np.sqrt((np.abs(labels - middle) ** 2 * mask).sum(axis=1, keepdims=True) / count)
        placed = 0.9 * (labels - middle) / np.maximum(size, 1e-9)
    mean = median_points(placed, mask)
    return np.where(known, shape, mean)


def _mean_shape(
    labels: Complex, mask: NDArray[np.bool_], shape: Complex
) -> tuple[Complex, NDArray[np.float64]]:
    """The median shape (K,) and the standard deviation (K,) of points along an axis."""
    spread = np.full(labels.shape[1], 0.1)
    for _ in range(_ROUNDS):
        a, b = fit_to_shape(labels, mask, shape, spread)
        placed = a * labels + b
        count = mask.sum(axis=0)
        shape = np.where(count > 0, median_points(placed, mask), shape)
        away = np.where(mask, np.abs(placed - shape), np.nan)
        median = np.array(
            [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.1 for c in away.T]
        )
        usual = float(np.median(median[count > 0])) if (count > 0).any() else 0.1
        squared = (count * median**2 + _PRIOR_ROWS * usual**2) / (count + _PRIOR_ROWS)
        spread = np.maximum(np.sqrt(squared) / DISC_50, _LEAST)
    return shape, spread


def fit_to_shape(
    labels: Complex, mask: NDArray[np.bool_], shape: Complex, spread: NDArray[np.float64]
) -> tuple[Complex, Complex]:
    """Robust similarities a and b (N, 1) that put labels (N, K) on a shape (K,).

    Args:
        mask: (N, K), the labeled points.
        spread: (K,) standard deviation of the points along an axis.
    """
    target = np.broadcast_to(shape, labels.shape)
    weights = mask / spread**2
    a, b = fit_similarities(labels, target, weights)
    for _ in range(_ROUNDS):
        away = np.abs(a * labels + b - target) / spread
        a, b = fit_similarities(labels, target, weights / (1 + away**2 / _FREEDOM))
    return a, b
