"""Where faces lie in the crops that a network was trained on, told by the face of all faces.

A network answers well for crops that frame the face as its training crops did. What it was
trained on may be any set of points, and who crops may know a box only. `MEAN_FACE` joins
them: laid onto the labels it says where the box of a face's 68 points lies in the crops,
whichever points the labels are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.landmark_sets import IBUG_68, convert
from facepoints.landmarks import LandmarkSet, source_of
from facepoints.samples import CROP_MARGIN, Samples

__all__ = [
    "MEAN_BOX",
    "MEAN_FACE",
    "CropRule",
    "crop_rule_of",
    "default_crop_rule",
    "mean_points",
]

Box = tuple[float, float, float, float]

# Generalised Procrustes mean (Gower 1975, https://doi.org/10.1007/BF02291478) of the labels of
# 685 photos of LFPW's training part (Belhumeur et al. 2011; 300-W's annotation) and their
# mirror images. None of the people that the project keeps for testing is among them.
MEAN_FACE: NDArray[np.float32] = np.array(
    [
        (-0.4928, -0.3100), (-0.4906, -0.1803), (-0.4766, -0.0498), (-0.4504, 0.0796),
        (-0.4008, 0.1998), (-0.3245, 0.3060), (-0.2310, 0.3969), (-0.1241, 0.4710),
        (0.0000, 0.4918), (0.1241, 0.4710), (0.2310, 0.3969), (0.3245, 0.3060),
        (0.4008, 0.1998), (0.4504, 0.0796), (0.4766, -0.0498), (0.4906, -0.1803),
        (0.4928, -0.3100), (-0.3932, -0.4227), (-0.3298, -0.4689), (-0.2487, -0.4790),
        (-0.1660, -0.4651), (-0.0855, -0.4324), (0.0855, -0.4324), (0.1660, -0.4651),
        (0.2487, -0.4790), (0.3298, -0.4689), (0.3932, -0.4227), (0.0000, -0.3279),
        (0.0000, -0.2405), (0.0000, -0.1529), (0.0000, -0.0637), (-0.0937, -0.0118),
        (-0.0487, 0.0064), (0.0000, 0.0240), (0.0487, 0.0064), (0.0937, -0.0118),
        (-0.2960, -0.3194), (-0.2469, -0.3518), (-0.1832, -0.3504), (-0.1339, -0.3090),
        (-0.1907, -0.2935), (-0.2513, -0.2946), (0.1339, -0.3090), (0.1832, -0.3504),
        (0.2469, -0.3518), (0.2960, -0.3194), (0.2513, -0.2946), (0.1907, -0.2935),
        (-0.1875, 0.1570), (-0.1201, 0.1262), (-0.0499, 0.1115), (0.0000, 0.1236),
        (0.0499, 0.1115), (0.1201, 0.1262), (0.1875, 0.1570), (0.1230, 0.2236),
        (0.0545, 0.2516), (0.0000, 0.2568), (-0.0545, 0.2516), (-0.1230, 0.2236),
        (-0.1583, 0.1611), (-0.0507, 0.1571), (0.0000, 0.1620), (0.0507, 0.1571),
        (0.1583, 0.1611), (0.0515, 0.1852), (0.0000, 0.1909), (-0.0515, 0.1852),
    ],
    dtype=np.float32,
)  # fmt: skip
"""(68, 2): the points of `IBUG_68` on the mean upright face. The origin is the middle and the
unit the longer side of the box that a face's 68 points span on average, which is larger than
the box of their means."""

MEAN_BOX: Box = (-0.5, -0.4927, 1.0, 0.9854)
"""(x, y, width, height) of that average box, in the same units."""


class CropRule(NamedTuple):
    """How faces lie in the crops that a network of K points was trained on, in crop pixels:
    what to cut other crops by.

    Attributes:
        layout: (K, 2) float32, mean place of each point.
        face_box: (x, y, width, height) of the box that the 68 points of an upright face
            would span.
        measured: whether training faces told it, or `default_crop_rule` assumes it.
    """

    layout: NDArray[np.float32]
    face_box: Box
    measured: bool = True


def mean_points(landmarks: LandmarkSet) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The points of a set on the mean face, (K, 2) as `MEAN_FACE`, and which are known (K,).

    A column of a marking scheme of its own ("nose_tip@4-point") may mean another place than
    its name says, so it is known only if no column is without a scheme.
    """
    points, known = convert(MEAN_FACE[None], np.ones((1, 68), dtype=bool), IBUG_68, landmarks)
    plain = known[0] & np.array([not source_of(name) for name in landmarks.names])
    return points[0], plain if plain.any() else known[0]


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
        mirrored = geometry.apply(geometry.mirror_matrix(samples.size[1]), layout[partner])
        layout = np.where((count == 0)[:, None], mirrored, layout)
    box = _laid_box(samples) or geometry.bounding_box(layout)
    return CropRule(layout.astype(np.float32), box)


def _laid_box(samples: Samples) -> Box | None:
    """Median box of the mean face laid onto every row that has two points which it knows."""
    points, known = mean_points(samples.landmarks)
    mask = samples.labelled & known
    rows = mask.sum(axis=1) >= 2
    if not rows.any():
        return None
    laid = [
        geometry.similarity(points[mask[row]], samples.points[row, mask[row]])
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
    x, y, width, height = geometry.bounding_box(points[known]) if known.any() else MEAN_BOX
    unit = min(size) / (1 + CROP_MARGIN) / max(width, height, 0.1)
    middle = (np.array(size[::-1]) - 1) / 2
    shift = middle - unit * np.array([x + width / 2, y + height / 2])
    layout = unit * np.where(known[:, None], points, 0) + shift
    return CropRule(layout.astype(np.float32), _box(shift[0], shift[1], unit), measured=False)


def _box(x: float, y: float, unit: float) -> Box:
    """`MEAN_BOX` in pixels, for the pixel of its middle and the length of its unit."""
    left, top, width, height = (float(unit * side) for side in MEAN_BOX)
    return float(x) + left, float(y) + top, width, height
