"""Brings labels and predictions into the same columns, whatever points each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.marking_schemes import points_as_marked
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.conversion import conversion_matrix
from facepoints.landmarks.known_sets import CONVERSIONS
from facepoints.landmarks.landmark_set import LandmarkSet, scheme_of

__all__ = ["Matched", "has_labels", "match"]

_LISTED = 5  # points that are named in a message


@dataclass(frozen=True)
class Matched:
    """Labels and predictions in the same columns.

    Attributes:
        truth: the N faces with their K columns of labels.
        predicted: (N, K, 2) pixels.
        radius: (N, K) pixels, the predicted 90 % radius.
        left_out: labeled points that the model does not predict.
        converted: True if the labels were converted to the model's points.
    """

    truth: Samples
    predicted: NDArray[np.float32]
    radius: NDArray[np.float32]
    left_out: list[str]
    converted: bool


def match(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> Matched:
    """Bring labels and predictions into the same columns.

    The predictions are converted to the points of the data. If the labels can be converted to the
    points of the model and more columns can then be compared, the labels are converted instead.

    Args:
        points: (N, J, 2) predicted points, pixels.
        radius: (N, J) their 90 % radii, pixels.
        have: the J points of the model.
        samples: the N faces with their labels.

    Raises:
        DataError: the model predicts none of the labeled points.
    """
    direct = _in_columns_of(points, radius, have, samples)
    names = [n for n in have.names if not scheme_of(n)]
    if names and samples.landmarks.names in CONVERSIONS:
        converted = samples.as_landmarks(have.subset(names))
        indirect = _in_columns_of(points, radius, have, converted)
        if _count_columns(indirect) > _count_columns(direct):
            weights, _ = conversion_matrix(samples.landmarks, indirect.truth.landmarks)
            used = np.asarray(weights.any(axis=0))
            left_out = [n for n, u in zip(samples.landmarks.names, used, strict=True) if not u]
            return replace(indirect, left_out=left_out, converted=True)
    if not _count_columns(direct):
        raise DataError(
            f"the run predicts none of the labeled points; it predicts {_some(have.names)}, the "
            f"data has {_some(samples.landmarks.names)}; points that are the same under other "
            f"names can get its names with `rename`"
        )
    return direct


def _some(names: Sequence[str]) -> str:
    """The first names of points, and their number."""
    more = f", ... ({len(names)} points)" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _count_columns(matched: Matched) -> int:
    """Number of columns with a label."""
    return int(has_labels(matched.truth).sum())


def has_labels(samples: Samples) -> NDArray[np.bool_]:
    """Mask (K,) of the columns with a label."""
    return np.asarray(samples.labelled.any(axis=0))


def _in_columns_of(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> Matched:
    """Convert predictions to the columns of the data. Labels that are not predicted are removed."""
    predicted = np.zeros(samples.points.shape, dtype=np.float32)
    squares = np.zeros(samples.labelled.shape, dtype=np.float32)
    labelled = samples.labelled.copy()
    for index, scheme in enumerate(samples.schemes):
        rows = np.flatnonzero(samples.scheme == index)
        predicted[rows], able = points_as_marked(points[rows], have, samples.landmarks, scheme)
        # a mean of points has the root mean square of their radii, as if their errors were equal
        squares[rows], _ = points_as_marked(radius[rows] ** 2, have, samples.landmarks, scheme)
        labelled[rows] &= able
    gone = has_labels(samples) & ~np.asarray(labelled.any(axis=0))
    left_out = [n for n, g in zip(samples.landmarks.names, gone, strict=True) if g]
    truth = samples.with_points(samples.points, labelled)
    return Matched(truth, predicted, np.sqrt(squares), left_out, converted=False)
