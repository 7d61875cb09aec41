"""Where faces lie in the crops that a network was trained on, told by the face of all faces.

A network answers well for crops that frame the face as its training crops did. What it was
trained on may be any set of points, and who crops may know a box only. `MEAN_FACE` joins
them: laid onto the labels it says where the box of a face's 68 points lies in the crops,
whichever points the labels are.
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


def mean_points(landmarks: LandmarkSet) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The points of a set on the mean face, (K, 2) as `MEAN_FACE`, and which are known (K,).

    A column of a marking scheme of its own ("nose_tip@4-point") may mean another place than
    its name says, so it is known only if no column is without a scheme.
    """
    points, known = convert(MEAN_FACE[None], np.ones((1, 68), dtype=bool), IBUG_68, landmarks)
    plain = known[0] & np.array([not scheme_of(name) for name in landmarks.names])
    return points[0], plain if plain.any() else known[0]
