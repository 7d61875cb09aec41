"""The score of a face: what the landmark model and the detector think of it.

The model's score of a crop alone is not enough. Most of its false faces are places that the
detector is not sure of, and a crop's score changes when the crop moves by a few pixels. So the less
sure the detector is, the surer the model must be. A face that is neither clearly there nor clearly
none is looked at again in the mirrored crop.

`SURE_DETECTOR` and `SURE_OF_SMALL` were chosen on pictures without a face. This command writes them
into this file; run it again when the detector or the landmark network changes:

    python recipes/face_score.py --install
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop, LandmarkNetwork, run_crops

__all__ = [
    "DETECTOR_WEIGHT",
    "HOPE",
    "SMALL_FACE",
    "SURE_DETECTOR",
    "SURE_OF_SMALL",
    "UNSURE",
    "can_be_face",
    "combined_score",
    "face_scores",
    "sure_score",
]

SURE_DETECTOR = 0.870
"""Score of the detector from which the model alone decides."""

SURE_OF_SMALL = 0.935
"""The same for small faces: blurred spots of any kind look like one."""

SMALL_FACE = 24.0
"""Pixels; a face is small if the longer side of its detected box measures less."""

DETECTOR_WEIGHT = 2.0
"""Weight of the detector's log odds beside the model's."""

HOPE = 0.998
"""A detection is left out if even this score of the model would not make it a face. With 0.9995
instead, 7 more of 2,383 training faces in street photos and profiles are found, and a photo of LFPW
takes a sixth more time."""

UNSURE = (0.02, 0.98)
"""A face whose score lies between these is looked at again in the mirrored crop."""


def sure_score(detection: Detection) -> float:
    """Score of the detector from which the model alone decides on a face of this size."""
    return SURE_DETECTOR if max(detection.box[2:]) >= SMALL_FACE else SURE_OF_SMALL


def can_be_face(detection: Detection, min_score: float) -> bool:
    """True if the landmark model can make a detection a face of this minimum score."""
    return combined_score(HOPE, detection.score, sure_score(detection)) >= min(min_score, HOPE)


def combined_score(
    model: float, detector: float, sure: float, mirrored: float | None = None
) -> float:
    """Score of a face, [0, 1].

    It is the model's score if the detector's score is `sure` or more. Otherwise the log odds of the
    detector fall short of those of `sure`, and the weighted difference is taken off the model's.

    Args:
        model: score of the landmark model in the crop.
        detector: score of the detector.
        sure: score of the detector from which the model alone decides.
        mirrored: score of the landmark model in the mirrored crop. Its log odds and those of
            `model` are averaged. None: it was not looked at.
    """
    if mirrored is None and detector >= sure:
        return model
    odds = _log_odds(model)
    if mirrored is not None:
        odds = (odds + _log_odds(mirrored)) / 2
    short = max(0.0, _log_odds(sure) - _log_odds(detector))
    return 1 / (1 + math.exp(DETECTOR_WEIGHT * short - odds))


def _log_odds(score: float) -> float:
    score = min(max(score, 1e-4), 1 - 1e-4)
    return math.log(score / (1 - score))


def face_scores(
    model: LandmarkNetwork,
    images: Sequence[NDArray[np.uint8]],
    crops: Sequence[FaceCrop],
    scores: Sequence[float],
) -> list[float]:
    """Scores of faces from those of the model in their crops and those of the detector.

    Args:
        images: (H, W) gray or (H, W, 3) RGB.
        crops: the last crop of each face.
        scores: of the model in these crops.
    """
    rows = [(crop.detection.score, sure_score(crop.detection)) for crop in crops]
    combined = [combined_score(score, *row) for score, row in zip(scores, rows, strict=True)]
    low, high = UNSURE
    again = [k for k, score in enumerate(combined) if low < score < high]
    if again:
        mirror = affine.mirror_matrix(model.size[1])
        mirrored, _ = run_crops(
            model,
            [images[crops[k].image] for k in again],
            [affine.compose(crops[k].matrix, mirror) for k in again],
        )
        for k, score in zip(again, mirrored.score, strict=True):
            combined[k] = combined_score(scores[k], *rows[k], mirrored=float(score))
    return combined
