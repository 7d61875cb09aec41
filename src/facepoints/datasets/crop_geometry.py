"""How faces lie in the crops of a data set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.crops import CROP_MARGIN
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_BOX, Box, mean_points

__all__ = ["CropRule", "crop_rule_of", "default_crop_rule"]


class CropRule(NamedTuple):
    """How faces lie in the crops that a network of K points was trained on, in crop pixels:
    what to cut other crops by.

    Attributes:
        layout: (K, 2) float32, mean place of each point.
        face_box: (x, y, width, height) of the box that the 68 points of an upright face
            would span.
        measured: whether training faces told it, or `default_crop_rule` assumes it.
    """

    canonical_points: NDArray[np.float32]
    face_box: Box
    measured: bool = True


def crop_rule_of(samples: Samples) -> CropRule:
    """How faces lie in labelled crops, whose every column has a label or a labelled partner.

    The mean face is laid onto each row's labels, the box that it brings along is turned
    upright, and the median of these boxes is what counts. Where the mean face does not
    know two of the points, it is the box of their mean places.
    """
    count = samples.labelled.sum(axis=0)
    layout = samples.points.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)[:, None]
    if samples.landmarks.mirrorable:
        partner = samples.landmarks.mirror
        mirrored = affine.apply(affine.mirror_matrix(samples.size[1]), layout[partner])
        layout = np.where((count == 0)[:, None], mirrored, layout)
    box = _laid_box(samples) or affine.bounding_box(layout)
    return CropRule(layout.astype(np.float32), box)


def _laid_box(samples: Samples) -> Box | None:
    """Median box of the mean face laid onto every row that has two points which it knows."""
    points, known = mean_points(samples.landmarks)
    mask = samples.labelled & known
    rows = mask.sum(axis=1) >= 2
    if not rows.any():
        return None
    laid = [
        affine.fit_similarity(points[mask[row]], samples.points[row, mask[row]])
        for row in np.flatnonzero(rows)
    ]
    centre = np.median([matrix[:, 2] for matrix in laid], axis=0)  # the mean face's origin
    unit = np.median([np.hypot(*matrix[:, 0]) for matrix in laid])
    return _box(centre[0], centre[1], float(unit))


def default_crop_rule(landmarks: LandmarkSet, size: tuple[int, int]) -> CropRule:
    """How faces lie in crops of `size` (H, W) that were cut by the rule of `samples.crops`:
    the box of the points in the middle, with `CROP_MARGIN` around it.

    For runs that say nothing of their crops. Points that the mean face does not know are
    taken to lie in its middle.
    """
    points, known = mean_points(landmarks)
    x, y, width, height = affine.bounding_box(points[known]) if known.any() else MEAN_BOX
    unit = min(size) / (1 + CROP_MARGIN) / max(width, height, 0.1)
    middle = (np.array(size[::-1]) - 1) / 2
    shift = middle - unit * np.array([x + width / 2, y + height / 2])
    layout = unit * np.where(known[:, None], points, 0) + shift
    return CropRule(layout.astype(np.float32), _box(shift[0], shift[1], unit), measured=False)


def _box(x: float, y: float, unit: float) -> Box:
    """`MEAN_BOX` in pixels, for the pixel of its middle and the length of its unit."""
    left, top, width, height = (float(unit * side) for side in MEAN_BOX)
    return float(x) + left, float(y) + top, width, height
