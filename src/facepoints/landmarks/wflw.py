"""The 98 points of WFLW, in the order of its files.

Source: Wu et al. 2018, "Look at Boundary: A Boundary-Aware Face Alignment Algorithm",
https://wywu.github.io/projects/LAB/WFLW.html, with a figure of the numbers. Its pairs of mirrored
points agree with ``configs/_base_/datasets/wflw.py`` of MMPose.

70 points have the names of OpenPose's 70, so they convert to the sets of 70, 68 and 15 points and
a model can be trained from the built-in one. They are those of the usual table of WFLW's points
by dlib's numbers (``WFLW_98_TO_DLIB_68``): every second point of the jaw, the upper edges of
the brows, the nose, the eyes without the middles of the lids, the mouth, and the pupils.
"""

from __future__ import annotations

from facepoints.landmarks.chains import chain
from facepoints.landmarks.ibug import IBUG_68, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["CONTOUR", "LEFT_BROW", "LEFT_EYE", "RIGHT_BROW", "RIGHT_EYE", "WFLW_98"]

CONTOUR = (
    *(f"right_jaw_{n}{half}" for n in range(1, 9) for half in ("", "b")),
    "chin",
    *(f"left_jaw_{n}{half}" for n in range(8, 0, -1) for half in ("b", "")),
)
"""33 points from the subject's right ear to the left: ``right_jaw_1b`` lies between
``right_jaw_1`` and ``right_jaw_2``."""

RIGHT_BROW = (
    *(f"right_brow_{n}" for n in range(1, 6)),  # upper edge, from its outer to its inner end
    *(f"right_brow_lower_{n}" for n in range(4, 0, -1)),  # lower edge, back
)
LEFT_BROW = (
    *(f"left_brow_{n}" for n in range(5, 0, -1)),
    *(f"left_brow_lower_{n}" for n in range(1, 5)),
)
RIGHT_EYE = (
    *("right_eye_outer_corner", "right_eye_upper_outer", "right_eye_upper_middle"),
    *("right_eye_upper_inner", "right_eye_inner_corner", "right_eye_lower_inner"),
    *("right_eye_lower_middle", "right_eye_lower_outer"),
)
LEFT_EYE = (
    *("left_eye_inner_corner", "left_eye_upper_inner", "left_eye_upper_middle"),
    *("left_eye_upper_outer", "left_eye_outer_corner", "left_eye_lower_outer"),
    *("left_eye_lower_middle", "left_eye_lower_inner"),
)
_BRIDGE, _BASE = IBUG_68.names[27:31], IBUG_68.names[31:36]
_OUTER_LIPS, _INNER_LIPS = IBUG_68.names[48:60], IBUG_68.names[60:68]

WFLW_98 = LandmarkSet(
    names=(
        *(*CONTOUR, *RIGHT_BROW, *LEFT_BROW, *_BRIDGE, *_BASE, *RIGHT_EYE, *LEFT_EYE),
        *(*_OUTER_LIPS, *_INNER_LIPS, *OPENPOSE_70.names[68:]),
    ),
    eyes=("right_eye_outer_corner", "left_eye_outer_corner"),
    edges=(
        *(*chain(*CONTOUR), *chain(*RIGHT_BROW, closed=True), *chain(*LEFT_BROW, closed=True)),
        *(*chain(*_BRIDGE), *chain(*_BASE)),
        *(*chain(*RIGHT_EYE, closed=True), *chain(*LEFT_EYE, closed=True)),
        *(*chain(*_OUTER_LIPS, closed=True), *chain(*_INNER_LIPS, closed=True)),
    ),
)
"""The 98 points of WFLW. NME is normalized by the outer corners of the eyes, as in its paper."""
