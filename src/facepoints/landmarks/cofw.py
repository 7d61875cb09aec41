"""The 29 points of COFW, in the order of its files.

Source: Burgos-Artizzu et al. 2013, "Robust face landmark estimation under occlusion",
https://www.vision.caltech.edu/datasets/cofw/. They are those of LFPW without the ears (Belhumeur et
al. 2011, "Localizing Parts of Faces Using a Consensus of Exemplars"), whose left is the image's
left and so the subject's right. The pairs of mirrored points agree with
``configs/_base_/datasets/cofw.py`` of MMPose.
"""

from __future__ import annotations

from facepoints.landmarks.chains import chain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["COFW_29", "COFW_CONVERSIONS"]


def _outline(side: str) -> tuple[str, ...]:
    corners = f"{side}_eye_outer_corner", f"{side}_eye_inner_corner"
    return corners[0], f"{side}_eye_upper_middle", corners[1], f"{side}_eye_lower_middle"


def _brow(side: str) -> tuple[str, ...]:
    ends = f"{side}_eyebrow_outer_end", f"{side}_eyebrow_inner_end"
    return ends[0], f"{side}_brow_upper_middle", ends[1], f"{side}_brow_lower_middle"


_MOUTH = "mouth_right_corner", "mouth_left_corner"

COFW_29 = LandmarkSet(
    names=(
        *("right_eyebrow_outer_end", "left_eyebrow_outer_end"),
        *("right_eyebrow_inner_end", "left_eyebrow_inner_end"),
        *("right_brow_upper_middle", "right_brow_lower_middle"),
        *("left_brow_upper_middle", "left_brow_lower_middle"),
        *("right_eye_outer_corner", "left_eye_outer_corner"),
        *("right_eye_inner_corner", "left_eye_inner_corner"),
        *("right_eye_upper_middle", "right_eye_lower_middle"),
        *("left_eye_upper_middle", "left_eye_lower_middle"),
        *("right_pupil", "left_pupil"),
        *("right_nose_wing", "left_nose_wing", "nose_tip", "nose_base"),
        *_MOUTH,
        *("upper_lip_center", "inner_upper_lip_center"),
        *("inner_lower_lip_center", "lower_lip_center", "chin"),
    ),
    eyes=("right_pupil", "left_pupil"),
    edges=(
        *(edge for side in ("right", "left") for edge in chain(*_outline(side), closed=True)),
        *(edge for side in ("right", "left") for edge in chain(*_brow(side), closed=True)),
        *chain("right_nose_wing", "nose_base", "left_nose_wing"),
        *chain(_MOUTH[0], "upper_lip_center", _MOUTH[1], "lower_lip_center", closed=True),
        *chain(_MOUTH[0], "inner_upper_lip_center", _MOUTH[1]),
        *chain(_MOUTH[0], "inner_lower_lip_center", _MOUTH[1]),
    ),
)
"""The 29 points of COFW. NME is normalized by the pupils, as in its paper."""

COFW_CONVERSIONS = {
    "right_eye_center": _outline("right"),
    "left_eye_center": _outline("left"),
    "mouth_center_top_lip": ("upper_lip_center",),
    "mouth_center_bottom_lip": ("lower_lip_center",),
    "nose_bridge_4": ("nose_tip",),
}
"""Points of other sets as means of these (`known_sets.CONVERSIONS`)."""
