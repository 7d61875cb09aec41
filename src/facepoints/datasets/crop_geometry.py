"""Measures where faces lie in the training crops of a data set.

Models keep the result (`CropRule`), so that `inference/cropping.py` can frame crops for prediction
like the training crops. `crops` cuts the training crops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_BOX, Box, mean_points

__all__ = ["CropRule", "crop_rule_of"]


class CropRule(NamedTuple):
    """Position of faces in the training crops of a network of K points.

    Crops for prediction are framed in the same way.

    Attributes:
        canonical_points: (K, 2) float32, mean position of each point in crop pixels.
        face_box: (x, y, width, height) of the box around the 68 points of an upright face, in
            crop pixels.
    """

    canonical_points: NDArray[np.float32]
    face_box: Box


def crop_rule_of(samples: Samples) -> CropRule:
    """Measure where faces lie in labeled crops.

    The mean face is fitted to the labels of each row, and its box is rotated upright. The face
    box is the median of these boxes. If the mean face has fewer than two of the points, the face
    box is the box around the canonical points.

    Args:
        samples: crops. Each column has a label, or its mirror partner has one.
    """
    count = samples.labelled.sum(axis=0)
    points = samples.points.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)[:, None]
    if samples.landmarks.mirrorable:
        partner = samples.landmarks.mirror
        mirrored = affine.apply(affine.mirror_matrix(samples.size[1]), points[partner])
        points = np.where((count == 0)[:, None], mirrored, points)
    box = _median_box(samples) or affine.bounding_box(points)
    return CropRule(points.astype(np.float32), box)


def _median_box(samples: Samples) -> Box | None:
    """Median box of the mean face, fitted to every row with two of its points; None if no row
    has two."""
    points, known = mean_points(samples.landmarks)
    mask = samples.labelled & known
    rows = mask.sum(axis=1) >= 2
    if not rows.any():
        return None
    fits = [
        affine.fit_similarity(points[mask[row]], samples.points[row, mask[row]])
        for row in np.flatnonzero(rows)
    ]
    center = np.median([matrix[:, 2] for matrix in fits], axis=0)  # origin of the mean face
    unit = np.median([np.hypot(*matrix[:, 0]) for matrix in fits])
    return _box(center[0], center[1], float(unit))


def _box(x: float, y: float, unit: float) -> Box:
    """`MEAN_BOX` in pixels, with its origin at (x, y) and `unit` pixels per unit."""
    left, top, width, height = (float(unit * side) for side in MEAN_BOX)
    return float(x) + left, float(y) + top, width, height
