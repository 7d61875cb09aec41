"""By how much the radius of each measure is multiplied to hold the true value 90 times in 100.

What is propagated from the points' radii takes their errors as independent, normal and the
same in all directions. They are not: when one point of the brows lies too high, the others do,
too (correlated by 0.45), which adds up in the pitch and cancels in the philtrum; of a mouth that
is wide open the network sees the lips closer together; and since points count by their radius, a
head that is not the mean one seems turned otherwise. Errors shuffled between faces, which takes
out just what the points of a face share, were within the pose's radius 94 to 100 times in 100
instead of 77 to 88. So the factors are measured, not derived: on people whom the network of the
package was not trained on, by

    python recipes/measure_factors.py --install

which writes what follows, and is to be run again when that network changes. Other networks and
sets of points have other errors; their radii are as far off as those differ.
"""

from __future__ import annotations

__all__ = ["RADIUS_FACTORS"]

RADIUS_FACTORS: dict[str, float] = {
    "yaw": 1.03,
    "pitch": 1.52,
    "roll": 1.26,
    "asymmetry": 0.78,
    "eye_opening_left": 0.72,
    "eye_opening_right": 0.72,
    "eye_opening": 0.89,
    "mouth_opening": 1.36,
    "inner_canthal_px": 0.99,
    "outer_canthal_px": 1.17,
    "palpebral_fissure_left_px": 0.80,
    "palpebral_fissure_right_px": 0.80,
    "philtrum_px": 0.76,
    "mouth_width_px": 0.95,
    "face_height_px": 0.97,
    "inner_canthal_ratio": 0.86,
    "palpebral_fissure_left_ratio": 0.61,
    "palpebral_fissure_right_ratio": 0.61,
    "philtrum_ratio": 0.76,
    "mouth_width_ratio": 0.88,
    "face_height_ratio": 0.92,
    "palpebral_slant_left": 0.76,
    "palpebral_slant_right": 0.76,
}
