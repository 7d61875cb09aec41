"""Estimate the points that a data set does not label, to frame faces of all sets alike.

A set that labels 30 of 68 points (profiles) or 12 of them cannot be aligned to the mean face as it
is: the mean of a part of a face lies elsewhere, and a profile is narrow. So the mean head
(`facepoints.landmarks.mean_head`) is fitted to the labeled points of a face, and its projection
gives the others. They serve to crop faces, and as the position of points that the head itself
hides; they are never taken for labels of visible points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement.pose import HeadFit, angles, fit_heads

__all__ = ["fit_heads_to", "full_points"]

_MIN_POINTS = 5  # a head has 6 unknowns, two coordinates per point
_SOFT = 0.02  # eye distances: error of a label, so that no point decides alone


def fit_heads_to(
    points: NDArray[np.floating], labelled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the mean head to partly labeled faces.

    Args:
        points: (N, 68, 2) pixels, iBUG's order.
        labelled: (N, 68).

    Returns:
        Projected heads (N, 68, 2) in pixels, NaN for faces with under five labels; and yaw, pitch,
        roll (N, 3) in degrees.
    """
    projected = np.full((len(points), 68, 2), np.nan)
    turned = np.full((len(points), 3), np.nan)
    patterns, number = np.unique(labelled, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        rows = np.flatnonzero(number.reshape(-1) == index)
        if pattern.sum() < _MIN_POINTS:
            continue
        seen = points[rows][:, pattern].astype(np.float64)
        size = np.linalg.norm(np.ptp(seen, axis=1), axis=1)
        sigma = np.repeat(_SOFT * size[:, None], int(pattern.sum()), axis=1)
        fit = fit_heads(seen, sigma, MEAN_HEAD[pattern], HEAD_STD[pattern])
        projected[rows] = HeadFit(fit.turn, fit.scale, fit.shift, fit.covariance)(MEAN_HEAD)
        turned[rows] = angles(fit.turn)
    return projected, turned


def full_points(points: NDArray[np.floating], labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All points of partly labeled faces: the labels where there are some, else the mean head
    fitted to them.

    Args:
        points: (N, 68, 2) pixels, iBUG's order.
        labelled: (N, 68).

    Returns:
        (N, 68, 2) pixels; NaN where a face has too few labels to fit a head.
    """
    projected, _ = fit_heads_to(points, labelled)
    return np.where(labelled[..., None], points, projected)
