"""A crop rule for tests that have a landmark set and no faces."""

from __future__ import annotations

import numpy as np

from facepoints.datasets.crop_geometry import CropRule
from facepoints.datasets.crops import CROP_MARGIN
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_BOX, mean_points

__all__ = ["mean_face_rule"]


def mean_face_rule(landmarks: LandmarkSet, size: tuple[int, int]) -> CropRule:
    """Where faces lie in crops of `size` (H, W) that `cut_crops` would cut around the mean face.

    Points that the mean face does not have are at its center.
    """
    points, known = mean_points(landmarks)
    x, y, width, height = affine.bounding_box(points[known]) if known.any() else MEAN_BOX
    unit = min(size) / (1 + CROP_MARGIN) / max(width, height, 0.1)
    middle = (np.array(size[::-1]) - 1) / 2
    shift = middle - unit * np.array([x + width / 2, y + height / 2])
    canonical = unit * np.where(known[:, None], points, 0) + shift
    left, top, box_width, box_height = (float(unit * side) for side in MEAN_BOX)
    box = (float(shift[0]) + left, float(shift[1]) + top, box_width, box_height)
    return CropRule(canonical.astype(np.float32), box)
