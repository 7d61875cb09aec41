"""What makes the error radius of each measure hold 90 % of the values of hand-labelled faces.

The radius of a measure has two parts, which are added as squares:

- Random errors: the radii of the landmarks, propagated to the measure (`uncertainty`), times a
  factor. Propagation assumes errors that are independent, normal and the same in all directions.
  They are not: if one landmark of an eye lies too high, so do the others.
- Systematic errors: people who mark faces by hand do not mean the same place by the same name.
  Inner eye corners of LFPW lie farther from the nose than those of HELEN, and those of AFW closer.
  SCUT's annotators follow painted eyeliner. The built-in network was trained on all of them, and
  its points lie between. A part of the radius that does not depend on the face covers this.

Both numbers of a measure are fitted together on people whom the network was not trained on: among
all pairs for which 90 % of the values lie within the radius, the one with the smallest interval
score (Gneiting & Raftery 2007, doi:10.1198/016214506000001437). Left and right share them. This
command writes them into this file; run it again when the network changes:

    python recipes/measure_factors.py --install

Other networks and landmark sets have other errors, so their radii are less exact.
"""

from __future__ import annotations

__all__ = ["RADIUS_FACTORS", "SYSTEMATIC"]

RADIUS_FACTORS: dict[str, float] = {
    "yaw": 1.22,
    "pitch": 1.11,
    "roll": 0.84,
    "asymmetry": 0.64,
    "eye_opening_left": 0.61,
    "eye_opening_right": 0.61,
    "eye_opening": 0.80,
    "mouth_opening": 1.19,
    "inner_canthal_px": 0.82,
    "outer_canthal_px": 0.85,
    "palpebral_fissure_left_px": 0.69,
    "palpebral_fissure_right_px": 0.69,
    "philtrum_px": 0.67,
    "mouth_width_px": 0.92,
    "face_height_px": 0.74,
    "inner_canthal_ratio": 0.95,
    "palpebral_fissure_left_ratio": 0.55,
    "palpebral_fissure_right_ratio": 0.55,
    "philtrum_ratio": 0.61,
    "mouth_width_ratio": 0.77,
    "face_height_ratio": 0.85,
    "palpebral_slant_left": 0.47,
    "palpebral_slant_right": 0.47,
}

SYSTEMATIC: dict[str, float] = {
    "eye_opening_left": 0.0242,
    "eye_opening_right": 0.0242,
    "eye_opening": 0.0182,
    "mouth_opening": 0.0000,
    "inner_canthal_px": 0.0514,
    "outer_canthal_px": 0.0464,
    "palpebral_fissure_left_px": 0.0913,
    "palpebral_fissure_right_px": 0.0913,
    "philtrum_px": 0.1196,
    "mouth_width_px": 0.0574,
    "face_height_px": 0.0059,
    "inner_canthal_ratio": 0.0354,
    "palpebral_fissure_left_ratio": 0.0644,
    "palpebral_fissure_right_ratio": 0.0644,
    "philtrum_ratio": 0.1591,
    "mouth_width_ratio": 0.0901,
    "face_height_ratio": 0.0000,
    "palpebral_slant_left": 4.8851,
    "palpebral_slant_right": 4.8851,
}
