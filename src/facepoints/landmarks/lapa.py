"""The 106 points of LaPa and JD-landmark, in the order of their files.

Source: Liu et al. 2020, "A New Dataset and Boundary-Attention Semantic Segmentation for Face
Parsing", https://github.com/JDAI-CV/lapa-dataset, and Liu et al. 2019, "Grand Challenge of
106-Point Facial Landmark Localization" (https://arxiv.org/abs/1905.03469), with a figure of the
numbers. The pairs of mirrored points agree with ``configs/_base_/datasets/lapa.py`` of MMPose.

The contour, the brows and the eyelids are placed like those of WFLW, the mouth like iBUG's, so
they have these names. The sides of the nose are other points than iBUG's nostrils and have
names of their own: so 64 of iBUG's 68 points are known, and both pupils.
"""

from __future__ import annotations

from facepoints.landmarks.chains import chain
from facepoints.landmarks.ibug import IBUG_68
from facepoints.landmarks.kaggle import kaggle_from_ibug
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.wflw import CONTOUR, LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE

__all__ = ["LAPA_106", "LAPA_CONVERSIONS"]

_BRIDGE = IBUG_68.names[27:31]
_NOSE = (  # from beside the inner corner of the right eye around the nose to the left eye
    *(f"right_nose_side_{n}" for n in range(1, 6)),
    "nose_base",
    *(f"left_nose_side_{n}" for n in range(5, 0, -1)),
)
_OUTER_LIPS, _INNER_LIPS = IBUG_68.names[48:60], IBUG_68.names[60:68]

LAPA_106 = LandmarkSet(
    names=(
        *(*CONTOUR, *RIGHT_BROW, *LEFT_BROW, *_BRIDGE, *_NOSE),
        *(*RIGHT_EYE, "right_eye_center", *LEFT_EYE, "left_eye_center"),
        *(*_OUTER_LIPS, *_INNER_LIPS, "right_pupil", "left_pupil"),
    ),
    eyes=("right_eye_outer_corner", "left_eye_outer_corner"),
    edges=(
        *(*chain(*CONTOUR), *chain(*RIGHT_BROW, closed=True), *chain(*LEFT_BROW, closed=True)),
        *(*chain(*_BRIDGE), *chain(*_NOSE)),
        *(*chain(*RIGHT_EYE, closed=True), *chain(*LEFT_EYE, closed=True)),
        *(*chain(*_OUTER_LIPS, closed=True), *chain(*_INNER_LIPS, closed=True)),
    ),
)
"""The 106 points of LaPa."""

LAPA_CONVERSIONS = {
    name: parts for name, parts in kaggle_from_ibug().items() if set(parts) <= set(LAPA_106.names)
}
"""Kaggle's points as means of these (`known_sets.CONVERSIONS`)."""
