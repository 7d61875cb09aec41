"""Fits the factors that turn predicted errors into 90 % radii, and checks radii.

The scale that a network predicts for a point ranks the points by their errors, in a unit of its
own. The radius is ``factor * scale``, with a factor for each point such that it contains 90 % of
the labels of faces that were not trained on. This is split conformal prediction (Vovk, Gammerman
& Shafer 2005; Lei et al. 2018, https://arxiv.org/abs/1604.04173) with the score |error| / scale:
the factor is the (n + 1) * 0.9 / n quantile of the score over n held-out labels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import COVERAGE, DISC_90, Calibration
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["calibrate", "radius_factors", "radius_report", "uncalibrated"]

_OWN_LABELS = 25
"""Number of labels with which the quantile of a point has the same weight as the quantile of all
points. With 25 labels, the coverage of a quantile has a standard deviation of 6 %."""

_TENTH = 10


def uncalibrated(loss: str, landmarks: LandmarkSet) -> Calibration:
    """Factors for a run without held-out faces. They hold if the errors have the density that the
    loss assumes (see `training.losses`)."""
    return Calibration((_assumed(loss),) * len(landmarks))


def _assumed(loss: str) -> float:
    """The radius that contains `COVERAGE` of the density that a loss assumes, for a scale of 1."""
    if loss != "laplace":  # a round Gaussian, also for losses that assume no density
        return DISC_90
    # P(r > q s) = (1 + 2 q) exp(-2 q), solved for q by Newton's method
    factor = 2.0
    for _ in range(20):
        beyond = (1 + 2 * factor) * math.exp(-2 * factor)
        factor += (beyond - (1 - COVERAGE)) / (4 * factor * math.exp(-2 * factor))
    return factor


def calibrate(
    points: NDArray[np.float32], scale: NDArray[np.float32], held: Samples
) -> Calibration | None:
    """Fit factors on faces that the networks were not trained on; see `radius_factors`.

    Args:
        points: (N, K, 2) predicted.
        scale: (N, K) predicted, positive.
        held: the N faces. Each row has its labels in the columns of its own marking scheme.

    Returns:
        None if no point is labeled, or if an error or a scale is not a finite number.
    """
    if not held.labelled.any():
        return None
    ratio = np.linalg.norm(points - held.points, axis=-1) / scale
    if not np.isfinite(ratio[held.labelled]).all():
        return None
    factors = radius_factors(ratio, held.labelled, held.landmarks)
    rows = int(held.labelled.any(axis=1).sum())
    return Calibration(factors, rows, calibrated=True)


def radius_factors(
    ratio: NDArray[np.floating],
    labelled: NDArray[np.bool_],
    landmarks: LandmarkSet,
    prior: float | None = None,
) -> tuple[float, ...]:
    """Factors that make radii contain 90 % of the labels, one for each point.

    A point and its mirror partner share a factor: both sides are equally hard, and the factor
    is fitted on twice the labels. The factor of a point with few labels is shrunk towards the
    factor of all points together. A point without labels takes that factor.

    Args:
        ratio: (N, K) distance of prediction and label over the uncalibrated radius.
        labelled: (N, K), at least one True.
        landmarks: of the K columns.
        prior: the factor that is right without any labels. The factor of all points is shrunk
            towards it by the number of labeled faces. None: it is not shrunk.

    Returns:
        K factors, at least 1e-4, rounded to 4 decimals.
    """
    general = _quantile(ratio[labelled])
    if prior is not None:
        general = _shrink(general, int(labelled.any(axis=1).sum()), prior)
    mirror = landmarks.mirror if landmarks.mirrorable else np.arange(ratio.shape[1])
    factors = []
    for column, partner in enumerate(mirror):
        both = np.unique([column, partner])
        own = ratio[:, both][labelled[:, both]]
        factor = _shrink(_quantile(own), len(own), general) if len(own) else general
        factors.append(max(round(factor, 4), 1e-4))
    return tuple(factors)


def _shrink(value: float, count: int, towards: float) -> float:
    """The weighted mean of a value with weight `count` and of `towards` with weight
    `_OWN_LABELS`."""
    share = count / (count + _OWN_LABELS)
    return share * value + (1 - share) * towards


def _quantile(ratios: NDArray) -> float:
    """The conformal quantile of the ratios (n,): their ceil((n + 1) * `COVERAGE`)-th smallest
    value, or the largest if there are too few."""
    rank = math.ceil((len(ratios) + 1) * COVERAGE)
    return float(np.sort(ratios)[min(rank, len(ratios)) - 1])


def radius_report(
    predicted: NDArray, radius: NDArray, truth: NDArray, labelled: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Compare radii to the errors of predicted points.

    Args:
        predicted, truth: (N, K, 2) points.
        radius: (N, K), in the same pixels.
        labelled: (N, K), at least one True.

    Returns:
        "within": share of the labeled points within their radius. "mean": mean radius.
        "ratio": mean error of the 10 % of points with the largest radii over that of the 10 %
        with the smallest, None for fewer than ten points or if the latter have no error.
    """
    error = np.linalg.norm(predicted[labelled] - truth[labelled], axis=-1)
    size = radius[labelled]
    order = np.argsort(size, kind="stable")
    part = len(order) // _TENTH
    ratio = None
    if part and error[order[:part]].any():
        ratio = float(error[order[-part:]].mean() / error[order[:part]].mean())
    return {"within": float((error <= size).mean()), "mean": float(size.mean()), "ratio": ratio}
