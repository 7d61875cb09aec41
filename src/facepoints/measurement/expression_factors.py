"""People at rest, factors of the radii of expression coefficients, and when a face smiles.

This command writes the numbers into this file; run it again when the built-in network changes:

    python recipes/expression_factors.py --install
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["POPULATION_COVARIANCE", "POPULATION_LENGTHS", "RADIUS_FACTORS", "SMILE"]

POPULATION_LENGTHS: tuple[float, ...] = (
    0.2262,  # brow_innerLeft
    0.2262,  # brow_innerRight
    0.2186,  # brow_outerLeft
    0.2186,  # brow_outerRight
    0.1268,  # brow_gapLeft
    0.1268,  # brow_gapRight
    -0.4798,  # wingLeft
    -0.4798,  # wingRight
    -0.7333,  # corner_upLeft
    -0.7333,  # corner_upRight
    0.2681,  # corner_outLeft
    0.2681,  # corner_outRight
    0.1780,  # lipsLeft
    0.1780,  # lipsRight
    -0.6613,  # upper_lip
    0.0131,  # gap
    0.7586,  # lower_lip
    1.2349,  # chin
    0.5303,  # base
    0.3830,  # tip
    0.0000,  # base_aside
    0.0000,  # tip_aside
    0.0000,  # lips_aside
    0.2721,  # openingLeft
    0.2721,  # openingRight
)
"""Median lengths (`expression_features`) of portraits of people at rest."""

# fmt: off
_COVARIANCE = (
    (980, 866, 560, 553, 5, -12, -96, -79, -280, -284, -232, -214,
     134, 115, -176, -139, 154, -73, 104, 34, -7, -2, 0, 86, 29),
    (866, 980, 553, 560, -12, 5, -79, -96, -284, -280, -214, -232,
     115, 134, -176, -139, 154, -73, 104, 34, 7, 2, 0, 29, 86),
    (560, 553, 875, 757, -83, -52, -76, -86, -81, -83, -305, -355,
     235, 251, 105, -208, -123, -617, -65, -175, 24, 12, 0, 188, 199),
    (553, 560, 757, 875, -52, -83, -86, -76, -83, -81, -355, -305,
     251, 235, 105, -208, -123, -617, -65, -175, -24, -12, 0, 199, 188),
    (5, -12, -83, -52, 460, 149, 124, 124, 306, 308, 148, 257,
     -93, -101, 204, 255, -20, -13, -101, 25, -11, -11, 0, 39, 14),
    (-12, 5, -52, -83, 149, 460, 124, 124, 308, 306, 257, 148,
     -101, -93, 204, 255, -20, -13, -101, 25, 11, 11, 0, 14, 39),
    (-96, -79, -76, -86, 124, 124, 901, 872, 979, 957, 86, 52,
     -185, -175, 858, 255, -668, -1068, -716, -434, 16, 4, 0, -248, -235),
    (-79, -96, -86, -76, 124, 124, 872, 901, 957, 979, 52, 86,
     -175, -185, 858, 255, -668, -1068, -716, -434, -16, -4, 0, -235, -248),
    (-280, -284, -81, -83, 306, 308, 979, 957, 2655, 2553, 940, 827,
     -496, -489, 1867, 898, -1266, -1831, -991, -462, 28, 10, 0, -250, -264),
    (-284, -280, -83, -81, 308, 306, 957, 979, 2553, 2655, 827, 940,
     -489, -496, 1867, 898, -1266, -1831, -991, -462, -28, -10, 0, -264, -250),
    (-232, -214, -305, -355, 148, 257, 86, 52, 940, 827, 1447, 877,
     -307, -283, 354, 867, 235, 826, 39, 251, 125, 67, 0, -277, -276),
    (-214, -232, -355, -305, 257, 148, 52, 86, 827, 940, 877, 1447,
     -283, -307, 354, 867, 235, 826, 39, 251, -125, -67, 0, -276, -277),
    (134, 115, 235, 251, -93, -101, -185, -175, -496, -489, -307, -283,
     433, 398, -140, -135, 190, 76, 100, -50, -6, 7, 0, 94, 97),
    (115, 134, 251, 235, -101, -93, -175, -185, -489, -496, -283, -307,
     398, 433, -140, -135, 190, 76, 100, -50, 6, -7, 0, 97, 94),
    (-176, -176, 105, 105, 204, 204, 858, 858, 1867, 1867, 354, 354,
     -140, -140, 1678, 657, -1096, -1790, -924, -526, 0, 0, 0, -140, -140),
    (-139, -139, -208, -208, 255, 255, 255, 255, 898, 898, 867, 867,
     -135, -135, 657, 1468, 415, 594, -142, 139, 0, 0, 0, -303, -303),
    (154, 154, -123, -123, -20, -20, -668, -668, -1266, -1266, 235, 235,
     190, 190, -1096, 415, 1550, 2335, 795, 591, 0, 0, 0, -122, -122),
    (-73, -73, -617, -617, -13, -13, -1068, -1068, -1831, -1831, 826, 826,
     76, 76, -1790, 594, 2335, 4837, 1412, 1141, 0, 0, 0, -373, -373),
    (104, 104, -65, -65, -101, -101, -716, -716, -991, -991, 39, 39,
     100, 100, -924, -142, 795, 1412, 729, 490, 0, 0, 0, 29, 29),
    (34, 34, -175, -175, 25, 25, -434, -434, -462, -462, 251, 251,
     -50, -50, -526, 139, 591, 1141, 490, 474, 0, 0, 0, -15, -15),
    (-7, 7, 24, -24, -11, 11, 16, -16, 28, -28, 125, -125,
     -6, 6, 0, 0, 0, 0, 0, 0, 117, 63, 0, -12, 12),
    (-2, 2, 12, -12, -11, 11, 4, -4, 10, -10, 67, -67,
     7, -7, 0, 0, 0, 0, 0, 0, 63, 70, 0, -3, 3),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 300, 0, 0),
    (86, 29, 188, 199, 39, 14, -248, -235, -250, -264, -277, -276,
     94, 97, -140, -303, -122, -373, 29, -15, -12, -3, 0, 1495, 1212),
    (29, 86, 199, 188, 14, 39, -235, -248, -264, -250, -276, -277,
     97, 94, -140, -303, -122, -373, 29, -15, 12, 3, 0, 1212, 1495),
)  # end
# fmt: on
POPULATION_COVARIANCE: NDArray[np.float64] = np.array(_COVARIANCE, dtype=np.float64) * 1e-6
"""Covariance of the same: how people differ, and the errors of the network."""

RADIUS_FACTORS: dict[str, float] = {
    "browInnerUp": 0.48,
    "browInnerUpLeft": 0.48,
    "browInnerUpRight": 0.48,
    "browOuterUpLeft": 0.71,
    "browOuterUpRight": 0.71,
    "browDownLeft": 0.49,
    "browDownRight": 0.49,
    "eyeBlinkLeft": 0.49,
    "eyeBlinkRight": 0.49,
    "eyeWideLeft": 0.42,
    "eyeWideRight": 0.42,
    "mouthSmileLeft": 1.11,
    "mouthSmileRight": 1.11,
    "mouthFrownLeft": 0.92,
    "mouthFrownRight": 0.92,
    "mouthStretchLeft": 0.94,
    "mouthStretchRight": 0.94,
    "mouthPressLeft": 0.38,
    "mouthPressRight": 0.38,
    "noseSneerLeft": 0.62,
    "noseSneerRight": 0.62,
    "jawOpen": 2.22,
    "mouthPucker": 1.65,
}
"""Factor of each coefficient's radius, so that it holds 90 % of true values."""

SMILE: dict[str, float] = {
    "given": 0.11,
    "video": 0.11,
    "population": 0.13,
}
"""Mean of both sides of `mouthSmile` from which a face smiles, by what it is measured against:
without the person's own neutral, coefficients are drawn toward 0."""
