"""The 68 points of iBUG, and OpenPose's 70: these and the pupils."""

from __future__ import annotations

from facepoints.landmarks.chains import chain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["IBUG_68", "OPENPOSE_70"]


def _ibug_68() -> LandmarkSet:
    right_jaw = tuple(f"right_jaw_{i}" for i in range(1, 9))
    left_jaw = tuple(f"left_jaw_{i}" for i in range(8, 0, -1))
    jaw = (*right_jaw, "chin", *left_jaw)
    right_brow = tuple(f"right_brow_{i}" for i in range(1, 6))  # outer to inner
    left_brow = tuple(f"left_brow_{i}" for i in range(5, 0, -1))  # inner to outer
    bridge = tuple(f"nose_bridge_{i}" for i in range(1, 5))
    base = (
        "right_nostril_outer",
        "right_nostril_inner",
        "nose_base",
        "left_nostril_inner",
        "left_nostril_outer",
    )
    eye = ("outer_corner", "upper_outer", "upper_inner", "inner_corner", "lower_inner")
    right_eye = tuple(f"right_eye_{part}" for part in (*eye, "lower_outer"))
    left_eye = tuple(
        f"left_eye_{part}"
        for part in (
            "inner_corner",
            "upper_inner",
            "upper_outer",
            "outer_corner",
            "lower_outer",
            "lower_inner",
        )
    )
    outer_lip = (
        "mouth_right_corner",
        "upper_lip_right_2",
        "upper_lip_right_1",
        "upper_lip_center",
        "upper_lip_left_1",
        "upper_lip_left_2",
        "mouth_left_corner",
        "lower_lip_left_2",
        "lower_lip_left_1",
        "lower_lip_center",
        "lower_lip_right_1",
        "lower_lip_right_2",
    )
    inner_lip = (
        "inner_mouth_right_corner",
        "inner_upper_lip_right",
        "inner_upper_lip_center",
        "inner_upper_lip_left",
        "inner_mouth_left_corner",
        "inner_lower_lip_left",
        "inner_lower_lip_center",
        "inner_lower_lip_right",
    )
    return LandmarkSet(
        names=(
            *jaw,
            *right_brow,
            *left_brow,
            *bridge,
            *base,
            *right_eye,
            *left_eye,
            *outer_lip,
            *inner_lip,
        ),
        eyes=("right_eye_outer_corner", "left_eye_outer_corner"),
        edges=(
            *chain(*jaw),
            *chain(*right_brow),
            *chain(*left_brow),
            *chain(*bridge),
            *chain(*base),
            *chain(*right_eye, closed=True),
            *chain(*left_eye, closed=True),
            *chain(*outer_lip, closed=True),
            *chain(*inner_lip, closed=True),
        ),
    )


IBUG_68 = _ibug_68()
"""The 68 points of 300-W (Sagonas et al. 2013, https://ibug.doc.ic.ac.uk/resources/300-W/),
in the order of its .pts files."""

OPENPOSE_70 = IBUG_68.union(LandmarkSet(("right_pupil", "left_pupil")))
"""The 70 points of OpenPose's face model, in its order: the 68 of `IBUG_68`, then the centers of
the right and the left pupil (68 and 69). Source: doc/02_output.md of
https://github.com/CMU-Perceptual-Computing-Lab/openpose (Cao et al. 2019,
https://doi.org/10.1109/TPAMI.2019.2929257)."""
