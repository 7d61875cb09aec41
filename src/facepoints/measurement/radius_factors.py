"""What makes the error radius of each measure hold 90 % of the values of hand-labelled faces.

The radius of a measure has two parts, which are added as squares:

- Random errors: the radii of the landmarks, propagated to the measure (`uncertainty`), times a
  factor. Propagation assumes errors that are independent, normal and the same in all directions.
  They are not: if one landmark of an eye lies too high, so do the others.
- Systematic errors: people who mark faces by hand do not mean the same place by the same name.
  Inner eye corners of LFPW lie farther from the nose than those of HELEN, and those of AFW closer.
  SCUT's annotators follow painted eyeliner. The built-in network was trained on all of them, and
  its points lie between. A part of the radius that does not depend on the face covers this.

Both numbers of a measure are fitted together: among all pairs for which 90 % of the values lie
within the radius, the one with the smallest interval score (Gneiting & Raftery 2007,
doi:10.1198/016214506000001437). Each data set counts alike. People whom the network was not trained
on are few, so training people count, too, with errors that are made larger to match. Left and right
share both numbers. `convention_factors` has the numbers for the marks of one data set. This command
writes them into this file; run it again when the network changes:

    python recipes/measure_factors.py --install

Other networks and landmark sets have other errors, so their radii are less exact.
"""

from __future__ import annotations

__all__ = ["RADIUS_FACTORS", "SYSTEMATIC"]

RADIUS_FACTORS: dict[str, float] = {
    "yaw": 1.07,
    "pitch": 1.06,
    "roll": 0.82,
    "asymmetry": 0.70,
    "eye_opening_left": 0.63,
    "eye_opening_right": 0.63,
    "eye_opening": 0.85,
    "mouth_opening": 1.24,
    "inner_canthal_px": 1.08,
    "outer_canthal_px": 0.91,
    "palpebral_fissure_left_px": 0.84,
    "palpebral_fissure_right_px": 0.84,
    "philtrum_px": 0.52,
    "mouth_width_px": 0.78,
    "face_height_px": 0.72,
    "inner_canthal_ratio": 0.96,
    "palpebral_fissure_left_ratio": 0.63,
    "palpebral_fissure_right_ratio": 0.63,
    "philtrum_ratio": 0.50,
    "mouth_width_ratio": 0.69,
    "face_height_ratio": 0.78,
    "palpebral_slant_left": 0.47,
    "palpebral_slant_right": 0.47,
}

SYSTEMATIC: dict[str, float] = {
    "eye_opening_left": 0.0457,
    "eye_opening_right": 0.0457,
    "eye_opening": 0.0344,
    "mouth_opening": 0.0202,
    "inner_canthal_px": 0.0407,
    "outer_canthal_px": 0.0347,
    "palpebral_fissure_left_px": 0.0801,
    "palpebral_fissure_right_px": 0.0801,
    "philtrum_px": 0.1808,
    "mouth_width_px": 0.0618,
    "face_height_px": 0.0182,
    "inner_canthal_ratio": 0.0690,
    "palpebral_fissure_left_ratio": 0.0578,
    "palpebral_fissure_right_ratio": 0.0578,
    "philtrum_ratio": 0.1949,
    "mouth_width_ratio": 0.0832,
    "face_height_ratio": 0.0237,
    "palpebral_slant_left": 5.2569,
    "palpebral_slant_right": 5.2569,
}
