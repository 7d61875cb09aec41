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
doi:10.1198/016214506000001437). Half of the weight have people whom the network was not trained on;
they are few, so training people have the other half, with errors that are made larger to match.
Left and right share both numbers. This command writes them into this file; run it again when the
network changes:

    python recipes/measure_factors.py --install

Other networks and landmark sets have other errors, so their radii are less exact.
"""

from __future__ import annotations

__all__ = ["RADIUS_FACTORS", "SYSTEMATIC"]

RADIUS_FACTORS: dict[str, float] = {
    "yaw": 1.12,
    "pitch": 1.02,
    "roll": 0.80,
    "asymmetry": 0.62,
    "eye_opening_left": 0.67,
    "eye_opening_right": 0.67,
    "eye_opening": 0.79,
    "mouth_opening": 1.20,
    "inner_canthal_px": 0.89,
    "outer_canthal_px": 0.79,
    "palpebral_fissure_left_px": 0.72,
    "palpebral_fissure_right_px": 0.72,
    "philtrum_px": 0.62,
    "mouth_width_px": 0.87,
    "face_height_px": 0.70,
    "inner_canthal_ratio": 1.00,
    "palpebral_fissure_left_ratio": 0.58,
    "palpebral_fissure_right_ratio": 0.58,
    "philtrum_ratio": 0.60,
    "mouth_width_ratio": 0.75,
    "face_height_ratio": 0.81,
    "palpebral_slant_left": 0.45,
    "palpebral_slant_right": 0.45,
}

SYSTEMATIC: dict[str, float] = {
    "eye_opening_left": 0.0145,
    "eye_opening_right": 0.0145,
    "eye_opening": 0.0184,
    "mouth_opening": 0.0078,
    "inner_canthal_px": 0.0475,
    "outer_canthal_px": 0.0479,
    "palpebral_fissure_left_px": 0.0928,
    "palpebral_fissure_right_px": 0.0928,
    "philtrum_px": 0.1525,
    "mouth_width_px": 0.0577,
    "face_height_px": 0.0105,
    "inner_canthal_ratio": 0.0497,
    "palpebral_fissure_left_ratio": 0.0599,
    "palpebral_fissure_right_ratio": 0.0599,
    "philtrum_ratio": 0.1617,
    "mouth_width_ratio": 0.0887,
    "face_height_ratio": 0.0000,
    "palpebral_slant_left": 4.8401,
    "palpebral_slant_right": 4.8401,
}
