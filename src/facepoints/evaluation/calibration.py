"""From the spread that a network predicts to the radius that holds the true point.

A network's spread says which points are surer than others, in units of its own. The radius
is ``factor * spread``, with a factor for each point such that on faces it was not trained
on the radius holds the labelled point 90 times in 100. That is split conformal prediction
(Vovk, Gammerman & Shafer 2005; Lei et al. 2018, https://arxiv.org/abs/1604.04173) with the
error in units of the spread as the score: the factor is the (n + 1) * 0.9 / n quantile of
|error| / spread over n held-out labels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import COVERAGE, Calibration
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["calibrate", "radius_report", "uncalibrated"]

_OWN_LABELS = 25
"""Labels at which a point's own quantile counts as much as that of all points together. From
so few, what its radius holds is off by 6 in 100 (one standard deviation)."""


def uncalibrated(loss: str, landmarks: LandmarkSet) -> Calibration:
    """Factors that hold if errors follow the density that the loss assumes (see `losses`):
    what there is for a run without held-out faces."""
    return Calibration((_assumed(loss),) * len(landmarks))


def _assumed(loss: str) -> float:
    """Radius over spread that holds `COVERAGE` of the loss's density."""
    if loss != "laplace":  # that of a round Gaussian, also for losses that assume none
        return math.sqrt(-2 * math.log(1 - COVERAGE))
    # P(r > q s) = (1 + 2 q) exp(-2 q), solved for q by Newton's method
    factor = 2.0
    for _ in range(20):
        beyond = (1 + 2 * factor) * math.exp(-2 * factor)
        factor += (beyond - (1 - COVERAGE)) / (4 * factor * math.exp(-2 * factor))
    return factor


def calibrate(
    points: NDArray[np.float32], spread: NDArray[np.float32], held: Samples
) -> Calibration | None:
    """Factors measured on faces that the networks were not trained on.

    A point and its mirror partner share a factor: faces are as hard to read on either side, and
    twice the labels tell it better. A point with few labels leans on the quantile of all points
    together, one without any takes it whole.

    Args:
        points: (N, K, 2) predicted.
        spread: (N, K) predicted, over 0.
        held: the N faces, every row's labels in the columns of its own marking scheme.

    Returns:
        None if no point has a label, or an error or a spread is no finite number.
    """
    if not held.labelled.any():
        return None
    ratio = np.linalg.norm(points - held.points, axis=-1) / spread
    if not np.isfinite(ratio[held.labelled]).all():
        return None
    pooled = _quantile(ratio[held.labelled])
    factors = []
    mirror = held.landmarks.mirror if held.landmarks.mirrorable else np.arange(ratio.shape[1])
    for column, partner in enumerate(mirror):
        both = np.unique([column, partner])
        own = ratio[:, both][held.labelled[:, both]]
        share = len(own) / (len(own) + _OWN_LABELS)
        factor = share * _quantile(own) + (1 - share) * pooled if len(own) else pooled
        factors.append(max(round(factor, 4), 1e-4))
    rows = int(held.labelled.any(axis=1).sum())
    return Calibration(tuple(factors), rows, calibrated=True)


def _quantile(ratios: NDArray) -> float:
    """The value that as many of the ratios (n,) as conformal prediction asks for do not
    exceed; the largest where they are too few."""
    rank = math.ceil((len(ratios) + 1) * COVERAGE)
    return float(np.sort(ratios)[min(rank, len(ratios)) - 1])


_TENTH = 10


def radius_report(
    predicted: NDArray, radius: NDArray, truth: NDArray, labelled: NDArray[np.bool_]
) -> dict[str, float | None]:
    """How well radii tell errors.

    Args:
        predicted, truth: (N, K, 2) points.
        radius: (N, K), in the same pixels.
        labelled: (N, K), at least one of them.

    Returns:
        "within": share of the labelled points that lie within the radius; "mean": mean
        radius; "ratio": mean error of the tenth of the points with the largest radii over
        that of the tenth with the smallest, None for less than ten points or if the surest
        have no error.
    """
    error = np.linalg.norm(predicted[labelled] - truth[labelled], axis=-1)
    size = radius[labelled]
    order = np.argsort(size, kind="stable")
    part = len(order) // _TENTH
    ratio = None
    if part and error[order[:part]].any():
        ratio = float(error[order[-part:]].mean() / error[order[:part]].mean())
    return {"within": float((error <= size).mean()), "mean": float(size.mean()), "ratio": ratio}
