"""Errors of predicted points.

All functions take predicted and true points (N, K, 2) in pixels and the mask (N, K) of labeled
points; values at unlabeled points are ignored. Errors in pixels are `rmse`, `point_rmse` and
`mean_distance`. `nme` compares across image sizes: it divides each face's error by a length that
the caller chooses, `eye_distance` or `box_side`. Results contain no NaN: faces without such a
length are left out, and points without a label are 0 with a count of 0.

Source of NME, CED, AUC and failure rate: Sagonas et al., "300 Faces in-the-Wild
Challenge", ICCV workshops 2013 and Image and Vision Computing 2016,
https://ibug.doc.ic.ac.uk/resources/300-W/. Source of RMSE:
https://www.kaggle.com/c/facial-keypoints-detection/overview/evaluation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "FAILURE",
    "auc",
    "box_side",
    "ced",
    "eye_distance",
    "failure_rate",
    "mean_distance",
    "measurable",
    "nme",
    "point_rmse",
    "rmse",
]

FAILURE = 0.08
"""Default NME above which a face counts as failed, and the upper end of the AUC: the 0.08 of the
landmark challenges (https://fllc-icpr2020.github.io/evaluation/, which also divides by
`box_side`)."""


def rmse(predicted: NDArray, truth: NDArray, labelled: NDArray[np.bool_]) -> float:
    """Root mean square error over all labeled coordinates, as in Kaggle's competition.

    x and y are separate values: a point with an error of (3, 4) has an RMSE of sqrt(12.5), not 5.

    Args:
        predicted: (N, K, 2) in pixels.
        truth: (N, K, 2) in pixels.
        labelled: (N, K).

    Returns:
        Pixels, 0 or more.

    Raises:
        DataError: nothing is labeled.

    Examples:
        >>> import numpy as np
        >>> truth = np.zeros((1, 2, 2))
        >>> predicted = np.array([[[3.0, 4.0], [99.0, 99.0]]])
        >>> round(rmse(predicted, truth, np.array([[True, False]])), 4)
        3.5355
    """
    return float(np.sqrt(np.mean(_errors(predicted, truth, labelled) ** 2)))


def point_rmse(
    predicted: NDArray, truth: NDArray, labelled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`rmse` of each point, and the number of faces in which it is labeled.

    Args:
        predicted, truth, labelled: as in `rmse`.

    Returns:
        Pixels (K,), 0 where no face has the point, and counts (K,).

    Examples:
        >>> import numpy as np
        >>> truth = np.zeros((2, 2, 2))
        >>> errors, counts = point_rmse(truth + 2, truth, np.array([[True, False], [True, False]]))
        >>> errors.tolist(), counts.tolist()
        ([2.0, 0.0], [2, 0])
    """
    squares = np.where(labelled[..., None], _difference(predicted, truth), 0) ** 2
    counts = labelled.sum(axis=0)
    return np.sqrt(squares.sum(axis=(0, 2)) / np.maximum(2 * counts, 1)), counts


def mean_distance(predicted: NDArray, truth: NDArray, labelled: NDArray[np.bool_]) -> float:
    """Mean Euclidean distance over all labeled points.

    Args:
        predicted, truth, labelled: as in `rmse`.

    Returns:
        Pixels, 0 or more.

    Raises:
        DataError: nothing is labeled.

    Examples:
        >>> import numpy as np
        >>> mean_distance(np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2)), np.array([[True]]))
        5.0
    """
    return float(np.mean(np.linalg.norm(_errors(predicted, truth, labelled), axis=-1)))


def eye_distance(
    truth: NDArray, labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> NDArray[np.float64]:
    """Distance between the two eye points of the landmark set, per face.

    These are the outer corners ("inter-ocular") for the 68 points of 300-W and the eye centers
    ("inter-pupil") for the 15 points of Kaggle, so figures of the two cannot be compared.

    Args:
        truth: (N, K, 2) in pixels.
        labelled: (N, K).
        landmarks: of the K columns.

    Returns:
        Pixels (N,), 0 if an eye is not labeled or the set has no eyes.

    Examples:
        >>> import numpy as np
        >>> pair = LandmarkSet(("left_eye", "right_eye"), eyes=("left_eye", "right_eye"))
        >>> truth = np.array([[[40.0, 9.0], [10.0, 9.0]]])
        >>> eye_distance(truth, np.ones((1, 2), bool), pair).tolist()
        [30.0]
    """
    if not landmarks.eyes:
        return np.zeros(len(truth))
    a, b = landmarks.eye_columns
    both = labelled[:, a] & labelled[:, b]
    difference = np.where(both[:, None], _difference(truth[:, a], truth[:, b]), 0)
    return np.linalg.norm(difference, axis=-1)


def box_side(truth: NDArray, labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """sqrt(width * height) of the box of the labeled points, per face.

    Args:
        truth: (N, K, 2) in pixels.
        labelled: (N, K).

    Returns:
        Pixels (N,), 0 if fewer than two points are labeled or their box has no area.

    Examples:
        >>> import numpy as np
        >>> truth = np.array([[[0.0, 0.0], [8.0, 2.0], [500.0, 500.0]]])
        >>> box_side(truth, np.array([[True, True, False]])).tolist()
        [4.0]
    """
    mask, points = labelled[..., None], np.asarray(truth, dtype=np.float64)
    low = np.where(mask, points, np.inf).min(axis=1, initial=np.inf)
    high = np.where(mask, points, -np.inf).max(axis=1, initial=-np.inf)
    sides = np.zeros((len(points), 2))
    np.subtract(high, low, out=sides, where=np.asarray(mask.any(axis=1)))
    return np.sqrt(sides.prod(axis=1))


def measurable(labelled: NDArray[np.bool_], normalizer: NDArray) -> NDArray[np.bool_]:
    """Mask (N,) of the faces that `nme` measures: they have a labeled point and a normalizer.

    Examples:
        >>> import numpy as np
        >>> measurable(np.array([[True], [True], [False]]), np.array([30.0, 0.0, 30.0])).tolist()
        [True, False, False]
    """
    return labelled.any(axis=1) & (normalizer > 0)


def nme(
    predicted: NDArray, truth: NDArray, labelled: NDArray[np.bool_], normalizer: NDArray
) -> NDArray[np.float64]:
    """Normalized mean error: mean distance of a face's labeled points over its normalizer.

    Args:
        predicted, truth, labelled: as in `rmse`.
        normalizer: pixels (N,), 0 where unknown: see `eye_distance` and `box_side`.

    Returns:
        (M,) in units of the normalizer, for the M `measurable` faces in row order. The other
        N - M faces are left out.

    Examples:
        >>> import numpy as np
        >>> truth = np.zeros((2, 1, 2))
        >>> predicted = truth + [3.0, 4.0]
        >>> nme(predicted, truth, np.array([[True], [True]]), np.array([50.0, 0.0])).tolist()
        [0.1]
    """
    chosen = measurable(labelled, normalizer)
    mask = labelled[chosen]
    difference = np.where(mask[..., None], _difference(predicted[chosen], truth[chosen]), 0)
    distance = np.linalg.norm(difference, axis=-1).sum(axis=1)
    return distance / mask.sum(axis=1) / normalizer[chosen]


def failure_rate(errors: NDArray, threshold: float = FAILURE) -> float:
    """Share of faces with an NME above the threshold.

    Args:
        errors: (M,) NME of each face.
        threshold: same unit.

    Returns:
        [0, 1]; 0 is best. 0 for no faces.

    Examples:
        >>> import numpy as np
        >>> failure_rate(np.array([0.02, 0.05, 0.09, 0.30]))
        0.5
    """
    return float(np.mean(errors > threshold)) if len(errors) else 0.0


def auc(errors: NDArray, threshold: float = FAILURE) -> float:
    """Area under the curve of `ced` from 0 to the threshold, divided by the threshold.

    It is exact for the step function, without bins: each face adds the share of the range that
    is above its error.

    Args:
        errors: (M,) NME of each face.
        threshold: same unit, above 0.

    Returns:
        [0, 1]; 1 is best. 0 for no faces.

    Examples:
        >>> import numpy as np
        >>> round(auc(np.array([0.02, 0.06, 0.30])), 6)
        0.333333
    """
    return float(np.mean(np.clip(1 - errors / threshold, 0, 1))) if len(errors) else 0.0


def ced(errors: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cumulative error distribution: for each error the share of faces that do not exceed it.

    Args:
        errors: (M,) NME of each face.

    Returns:
        Errors (M,) in ascending order, and the share of faces (M,) in (0, 1] up to each of
        them, which are the upper ends of the curve's steps.

    Examples:
        >>> import numpy as np
        >>> [part.tolist() for part in ced(np.array([0.3, 0.1]))]
        [[0.1, 0.3], [0.5, 1.0]]
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    return ordered, np.arange(1, len(ordered) + 1) / max(len(ordered), 1)


def _difference(predicted: NDArray, truth: NDArray) -> NDArray[np.float64]:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(truth, dtype=np.float64)


def _errors(predicted: NDArray, truth: NDArray, labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Predicted minus true positions (M, 2) of the labeled points."""
    if not labelled.any():
        raise DataError("nothing to measure: none of the points is labeled")
    return _difference(predicted[labelled], truth[labelled])
