"""People at rest, factors of the radii of expression coefficients, and when a face smiles.

This command writes the numbers into this file; run it again when the built-in network changes:

    python recipes/expression_factors.py --install
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["POPULATION_COVARIANCE", "POPULATION_LENGTHS", "RADIUS_FACTORS", "SMILE"]

POPULATION_LENGTHS: tuple[float, ...] = (
    0.2259,  # brow_innerLeft
    0.2259,  # brow_innerRight
    0.2180,  # brow_outerLeft
    0.2180,  # brow_outerRight
    0.1271,  # brow_gapLeft
    0.1271,  # brow_gapRight
    -0.4802,  # wingLeft
    -0.4802,  # wingRight
    -0.7339,  # corner_upLeft
    -0.7339,  # corner_upRight
    0.2678,  # corner_outLeft
    0.2678,  # corner_outRight
    0.1781,  # lipsLeft
    0.1781,  # lipsRight
    -0.6613,  # upper_lip
    0.0132,  # gap
    0.7582,  # lower_lip
    1.2358,  # chin
    0.5308,  # base
    0.3823,  # tip
    0.0000,  # base_aside
    0.0000,  # tip_aside
    0.0000,  # lips_aside
    0.2703,  # openingLeft
    0.2703,  # openingRight
)
"""Median lengths (`expression_features`) of portraits of people at rest."""

# fmt: off
_COVARIANCE = (
    (977, 864, 555, 548, 15, -5, -106, -89, -294, -296, -233, -211,
     135, 116, -189, -139, 162, -51, 114, 44, -7, -4, -41, 112, 54),
    (864, 977, 548, 555, -5, 15, -89, -106, -296, -294, -211, -233,
     116, 135, -189, -139, 162, -51, 114, 44, 7, 4, 41, 54, 112),
    (555, 548, 855, 734, -81, -52, -87, -97, -96, -98, -312, -357,
     229, 246, 88, -203, -120, -607, -52, -164, 23, 10, 44, 192, 199),
    (548, 555, 734, 855, -52, -81, -97, -87, -98, -96, -357, -312,
     246, 229, 88, -203, -120, -607, -52, -164, -23, -10, -44, 199, 192),
    (15, -5, -81, -52, 453, 148, 116, 116, 284, 289, 145, 251,
     -101, -106, 181, 243, -8, 5, -88, 30, -14, -13, -33, 45, 26),
    (-5, 15, -52, -81, 148, 453, 116, 116, 289, 284, 251, 145,
     -106, -101, 181, 243, -8, 5, -88, 30, 14, 13, 33, 26, 45),
    (-106, -89, -87, -97, 116, 116, 901, 873, 978, 956, 80, 45,
     -195, -185, 856, 261, -668, -1071, -717, -434, 16, 4, 36, -277, -266),
    (-89, -106, -97, -87, 116, 116, 873, 901, 956, 978, 45, 80,
     -185, -195, 856, 261, -668, -1071, -717, -434, -16, -4, -36, -266, -277),
    (-294, -296, -96, -98, 284, 289, 978, 956, 2636, 2530, 943, 826,
     -518, -511, 1838, 910, -1246, -1817, -981, -466, 29, 9, 61, -258, -278),
    (-296, -294, -98, -96, 289, 284, 956, 978, 2530, 2636, 826, 943,
     -511, -518, 1838, 910, -1246, -1817, -981, -466, -29, -9, -61, -278, -258),
    (-233, -211, -312, -357, 145, 251, 80, 45, 943, 826, 1486, 912,
     -323, -300, 330, 886, 264, 862, 55, 265, 129, 67, 240, -231, -251),
    (-211, -233, -357, -312, 251, 145, 45, 80, 826, 943, 912, 1486,
     -300, -323, 330, 886, 264, 862, 55, 265, -129, -67, -240, -251, -231),
    (135, 116, 229, 246, -101, -106, -195, -185, -518, -511, -323, -300,
     432, 400, -158, -146, 197, 76, 106, -48, -7, 7, -34, 89, 99),
    (116, 135, 246, 229, -106, -101, -185, -195, -511, -518, -300, -323,
     400, 432, -158, -146, 197, 76, 106, -48, 7, -7, 34, 99, 89),
    (-189, -189, 88, 88, 181, 181, 856, 856, 1838, 1838, 330, 330,
     -158, -158, 1647, 648, -1084, -1799, -918, -538, 0, 0, 0, -165, -165),
    (-139, -139, -203, -203, 243, 243, 261, 261, 910, 910, 886, 886,
     -146, -146, 648, 1482, 438, 587, -148, 145, 0, 0, 0, -277, -277),
    (162, 162, -120, -120, -8, -8, -668, -668, -1246, -1246, 264, 264,
     197, 197, -1084, 438, 1559, 2349, 794, 604, 0, 0, 0, -85, -85),
    (-51, -51, -607, -607, 5, 5, -1071, -1071, -1817, -1817, 862, 862,
     76, 76, -1799, 587, 2349, 4877, 1417, 1158, 0, 0, 0, -311, -311),
    (114, 114, -52, -52, -88, -88, -717, -717, -981, -981, 55, 55,
     106, 106, -918, -148, 794, 1417, 728, 495, 0, 0, 0, 57, 57),
    (44, 44, -164, -164, 30, 30, -434, -434, -466, -466, 265, 265,
     -48, -48, -538, 145, 604, 1158, 495, 485, 0, 0, 0, 13, 13),
    (-7, 7, 23, -23, -14, 14, 16, -16, 29, -29, 129, -129,
     -7, 7, 0, 0, 0, 0, 0, 0, 120, 64, 156, -6, 6),
    (-4, 4, 10, -10, -13, 13, 4, -4, 9, -9, 67, -67,
     7, -7, 0, 0, 0, 0, 0, 0, 64, 68, 59, -3, 3),
    (-41, 41, 44, -44, -33, 33, 36, -36, 61, -61, 240, -240,
     -34, 34, 0, 0, 0, 0, 0, 0, 156, 59, 318, -14, 14),
    (112, 54, 192, 199, 45, 26, -277, -266, -258, -278, -231, -251,
     89, 99, -165, -277, -85, -311, 57, 13, -6, -3, -14, 1549, 1258),
    (54, 112, 199, 192, 26, 45, -266, -277, -278, -258, -251, -231,
     99, 89, -165, -277, -85, -311, 57, 13, 6, 3, 14, 1258, 1549),
)  # end
# fmt: on
POPULATION_COVARIANCE: NDArray[np.float64] = np.array(_COVARIANCE, dtype=np.float64) * 1e-6
"""Covariance of the same: how people differ, and the errors of the network."""

RADIUS_FACTORS: dict[str, float] = {
    "browInnerUp": 0.52,
    "browInnerUpLeft": 0.52,
    "browInnerUpRight": 0.52,
    "browOuterUpLeft": 0.69,
    "browOuterUpRight": 0.69,
    "browDownLeft": 0.49,
    "browDownRight": 0.49,
    "eyeBlinkLeft": 0.56,
    "eyeBlinkRight": 0.56,
    "eyeWideLeft": 0.39,
    "eyeWideRight": 0.39,
    "mouthSmileLeft": 1.06,
    "mouthSmileRight": 1.06,
    "mouthFrownLeft": 0.96,
    "mouthFrownRight": 0.96,
    "mouthStretchLeft": 1.09,
    "mouthStretchRight": 1.09,
    "mouthPressLeft": 0.34,
    "mouthPressRight": 0.34,
    "noseSneerLeft": 0.62,
    "noseSneerRight": 0.62,
    "jawOpen": 2.38,
    "mouthPucker": 1.68,
}
"""Factor of each coefficient's radius, so that it holds 90 % of true values."""

SMILE: dict[str, float] = {
    "given": 0.10,
    "video": 0.10,
    "population": 0.09,
}
"""Mean of both sides of `mouthSmile` from which a face smiles, by what it is measured against:
without the person's own neutral, coefficients are drawn toward 0."""
