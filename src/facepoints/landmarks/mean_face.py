"""The mean face: 68 points and the box around them.

A network predicts well on crops that frame the face like its training crops. The labels of these
crops may be any set of points, but a new face has only a detected box. `MEAN_FACE` relates the two:
fitted to the labels of a crop, it gives the box of the face's 68 points in the crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet, scheme_of

__all__ = [
    "MEAN_BOX",
    "MEAN_FACE",
    "mean_points",
]

Box = tuple[float, float, float, float]

# Generalized Procrustes mean (Gower 1975, https://doi.org/10.1007/BF02291478) of the labels of 685
# photos of LFPW's training split (Belhumeur et al. 2011; annotation of 300-W) and their mirror
# images. None of the project's test people is in them.
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
"""(68, 2): the mean positions of the `IBUG_68` points on upright faces. `MEAN_BOX` defines the
coordinates: the origin is its center, and the unit is its longer side."""

MEAN_BOX: Box = (-0.5, -0.4927, 1.0, 0.9854)
"""(x, y, width, height) of the mean of the boxes around the 68 points of each face, in the units of
`MEAN_FACE`. It is larger than the box around the points of `MEAN_FACE`."""


def mean_points(landmarks: LandmarkSet) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Positions of the points of a landmark set on the mean face.

    A marking scheme may place a point elsewhere than its plain name does ("nose_tip@4-point"). So
    columns with a scheme count as known only if no column without a scheme is known.

    Returns:
        Points (K, 2) in the units of `MEAN_FACE`, and the mask (K,) of the known points.
    """
    points, known = convert(MEAN_FACE[None], np.ones((1, 68), dtype=bool), IBUG_68, landmarks)
    plain = known[0] & np.array([not scheme_of(name) for name in landmarks.names])
    return points[0], plain if plain.any() else known[0]
