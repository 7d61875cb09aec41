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
    "yaw": 1.06,
    "pitch": 1.05,
    "roll": 0.81,
    "asymmetry": 0.63,
    "eye_opening_left": 0.61,
    "eye_opening_right": 0.61,
    "eye_opening": 0.82,
    "mouth_opening": 1.19,
    "inner_canthal_px": 1.04,
    "outer_canthal_px": 0.89,
    "palpebral_fissure_left_px": 0.75,
    "palpebral_fissure_right_px": 0.75,
    "philtrum_px": 0.54,
    "mouth_width_px": 0.78,
    "face_height_px": 0.74,
    "inner_canthal_ratio": 1.02,
    "palpebral_fissure_left_ratio": 0.55,
    "palpebral_fissure_right_ratio": 0.55,
    "philtrum_ratio": 0.56,
    "mouth_width_ratio": 0.72,
    "face_height_ratio": 0.83,
    "palpebral_slant_left": 0.40,
    "palpebral_slant_right": 0.40,
}

SYSTEMATIC: dict[str, float] = {
    "eye_opening_left": 0.0328,
    "eye_opening_right": 0.0328,
    "eye_opening": 0.0218,
    "mouth_opening": 0.0283,
    "inner_canthal_px": 0.0315,
    "outer_canthal_px": 0.0390,
    "palpebral_fissure_left_px": 0.0881,
    "palpebral_fissure_right_px": 0.0881,
    "philtrum_px": 0.1658,
    "mouth_width_px": 0.0584,
    "face_height_px": 0.0000,
    "inner_canthal_ratio": 0.0538,
    "palpebral_fissure_left_ratio": 0.0636,
    "palpebral_fissure_right_ratio": 0.0636,
    "philtrum_ratio": 0.1700,
    "mouth_width_ratio": 0.0815,
    "face_height_ratio": 0.0000,
    "palpebral_slant_left": 5.2321,
    "palpebral_slant_right": 5.2321,
}
