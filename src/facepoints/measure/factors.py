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

__all__ = ["FACTORS"]

FACTORS: dict[str, float] = {
    "yaw": 1.29,
    "pitch": 1.51,
    "roll": 1.37,
    "asymmetry": 0.74,
    "eye_opening_left": 0.77,
    "eye_opening_right": 0.77,
    "eye_opening": 0.91,
    "mouth_opening": 1.40,
    "inner_canthal_px": 0.93,
    "outer_canthal_px": 1.11,
    "palpebral_fissure_left_px": 0.78,
    "palpebral_fissure_right_px": 0.78,
    "philtrum_px": 0.73,
    "mouth_width_px": 1.01,
    "face_height_px": 1.13,
    "inner_canthal_ratio": 0.88,
    "palpebral_fissure_left_ratio": 0.58,
    "palpebral_fissure_right_ratio": 0.58,
    "philtrum_ratio": 0.75,
    "mouth_width_ratio": 0.90,
    "face_height_ratio": 1.10,
    "palpebral_slant_left": 0.72,
    "palpebral_slant_right": 0.72,
}
