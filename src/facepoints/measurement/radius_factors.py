"""Factors that correct the error radius of each measure, so that it holds 90 % of true values.

Error propagation from the landmarks' radii assumes errors that are independent, normal and the
same in all directions. They are not. If one landmark of the brows lies too high, so do the others
(correlation 0.45), which adds up in the pitch and cancels in the philtrum. In a wide-open mouth,
the network predicts the lips too close together. And since landmarks are weighted by their
radius, a head that is not the mean head seems rotated. With errors shuffled between faces, which
removes exactly what the landmarks of one face share, the pose's radius held 94 % to 100 % of true
values instead of 77 % to 88 %.

So these factors are measured, not derived, on people whom the built-in network was not trained
on. This command writes them into this file; run it again when that network changes:

    python recipes/measure_factors.py --install

Other networks and landmark sets have other errors, so their radii are less exact.
"""

from __future__ import annotations

__all__ = ["RADIUS_FACTORS"]

RADIUS_FACTORS: dict[str, float] = {
    "yaw": 1.22,
    "pitch": 1.33,
    "roll": 0.93,
    "asymmetry": 0.69,
    "eye_opening_left": 0.80,
    "eye_opening_right": 0.80,
    "eye_opening": 0.86,
    "mouth_opening": 1.34,
    "inner_canthal_px": 0.98,
    "outer_canthal_px": 1.13,
    "palpebral_fissure_left_px": 0.73,
    "palpebral_fissure_right_px": 0.73,
    "philtrum_px": 0.82,
    "mouth_width_px": 1.03,
    "face_height_px": 0.93,
    "inner_canthal_ratio": 0.86,
    "palpebral_fissure_left_ratio": 0.59,
    "palpebral_fissure_right_ratio": 0.59,
    "philtrum_ratio": 0.83,
    "mouth_width_ratio": 0.98,
    "face_height_ratio": 0.95,
    "palpebral_slant_left": 0.74,
    "palpebral_slant_right": 0.74,
}
