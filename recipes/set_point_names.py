"""Points of data sets that mark the same place as one of iBUG's, or a pupil.

A table gives the names in the set, and the name of that place in `OPENPOSE_70`.
"""

from __future__ import annotations

from facepoints.landmarks.known_sets import IBUG_68

__all__ = ["CFP", "INTHEWILD", "SCUT"]

INTHEWILD = {
    "right_eye_outer": "right_eye_outer_corner",
    "right_eye_inner": "right_eye_inner_corner",
    "left_eye_inner": "left_eye_inner_corner",
    "left_eye_outer": "left_eye_outer_corner",
    "nose_base": "nose_base",
    "nose_tip": "nose_bridge_4",
    "upper_lip": "upper_lip_center",
    "lower_lip": "lower_lip_center",
    "right_pupil": "right_pupil",
    "left_pupil": "left_pupil",
    "right_mouth_corner": "mouth_right_corner",
    "left_mouth_corner": "mouth_left_corner",
}
"""Points of `inthewild21` (photos from the street)."""

CFP = {name: name for name in IBUG_68.names} | {
    f"{side}_eye_lower_{a}": f"{side}_eye_lower_{b}"
    for side in ("right", "left")
    for a, b in (("inner", "outer"), ("outer", "inner"))
}
"""Points of `cfp` (profiles). Its two labels of a lower lid stand the other way round than iBUG's:
in 97 of 100 eyes the one called inner lies nearer to the outer corner; in other sets, in none."""

SCUT = {
    "scut_11": "chin",
    "scut_42": "right_eye_inner_corner",
    "scut_46": "right_eye_outer_corner",
    "scut_50": "left_eye_outer_corner",
    "scut_54": "left_eye_inner_corner",
    "scut_58": "right_pupil",
    "scut_59": "left_pupil",
    "scut_66": "nose_base",
    "scut_73": "mouth_left_corner",
    "scut_76": "upper_lip_center",
    "scut_79": "mouth_right_corner",
    "scut_82": "lower_lip_center",
}
"""Points of `scut` (portraits). The right of the subject is on the left of the picture."""
