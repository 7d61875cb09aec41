"""The errors of some faces as figures: RMSE, NME, failure rate, AUC, share within the radius."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.evaluation.calibration import radius_report
from facepoints.evaluation.matching import Matched
from facepoints.landmarks import metrics

__all__ = ["face_errors", "normalizers", "summary"]

_EYES, _BOX = "eyes", "box"


def normalizers(truth: Samples) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """Each normalizer: its description, and its length in pixels for each face (N,)."""
    eyes = truth.landmarks.eyes
    normalizers = {}
    if eyes:
        length = metrics.eye_distance(truth.points, truth.labelled, truth.landmarks)
        normalizers[_EYES] = (f"distance of {eyes[0]} and {eyes[1]}", length)
    box = metrics.box_side(truth.points, truth.labelled)
    normalizers[_BOX] = ("sqrt(width x height) of the box of the labeled points", box)
    return normalizers


def face_errors(matched: Matched, rows: NDArray[np.bool_], length: NDArray) -> NDArray[np.float64]:
    """NME of some rows. `length` (N,) is the normalizer of each row in pixels."""
    truth = matched.truth
    return metrics.nme(
        matched.predicted[rows], truth.points[rows], truth.labelled[rows], length[rows]
    )


def summary(matched: Matched, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """The errors of some rows, as they stand in ``evaluation.json``.

    Args:
        matched: N faces, labels and predictions.
        rows: (N,) the faces that count; at least one has a label.

    Returns:
        Counts of faces and labels, RMSE and mean distance in pixels, the share of points within
        their radius, and for each normalizer ("eyes", "box") NME, failure rate and AUC.
    """
    truth = matched.truth
    chosen = (matched.predicted[rows], truth.points[rows], truth.labelled[rows])
    faces = int(chosen[2].any(axis=1).sum())
    found: dict[str, Any] = {
        "faces": faces,
        "labelled": int(chosen[2].sum()),
        "rmse": metrics.rmse(*chosen),
        "mean_distance": metrics.mean_distance(*chosen),
        "radius": radius_report(chosen[0], matched.radius[rows], *chosen[1:]),
        "nme": {},
    }
    for name, (description, length) in normalizers(truth).items():
        errors = face_errors(matched, rows, length)
        if len(errors):
            found["nme"][name] = {
                "normalizer": description,
                "mean": float(errors.mean()),
                "median": float(np.median(errors)),
                "threshold": metrics.FAILURE,
                "failure_rate": metrics.failure_rate(errors),
                "auc": metrics.auc(errors),
                "faces": len(errors),
                "left_out": faces - len(errors),
            }
    return found
