"""The 15 points of Kaggle's Facial Keypoints Detection, and how the 68 points give them."""

from __future__ import annotations

from facepoints.landmarks.chains import chain
from facepoints.landmarks.ibug import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet, with_scheme

__all__ = ["KAGGLE_15", "KAGGLE_NARROW", "KAGGLE_SCHEMES", "kaggle_from_ibug"]

KAGGLE_15 = LandmarkSet(
    # Order of the columns in the competition's training.csv:
    # https://www.kaggle.com/c/facial-keypoints-detection/data
    names=(
        "left_eye_center",
        "right_eye_center",
        "left_eye_inner_corner",
        "left_eye_outer_corner",
        "right_eye_inner_corner",
        "right_eye_outer_corner",
        "left_eyebrow_inner_end",
        "left_eyebrow_outer_end",
        "right_eyebrow_inner_end",
        "right_eyebrow_outer_end",
        "nose_tip",
        "mouth_left_corner",
        "mouth_right_corner",
        "mouth_center_top_lip",
        "mouth_center_bottom_lip",
    ),
    eyes=("left_eye_center", "right_eye_center"),
    edges=(
        *chain("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
        *chain("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
        *chain("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
        *chain("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
        *chain(
            "mouth_left_corner",
            "mouth_center_top_lip",
            "mouth_right_corner",
            "mouth_center_bottom_lip",
            closed=True,
        ),
    ),
)
"""The 15 points of Kaggle's Facial Keypoints Detection."""

KAGGLE_NARROW = "4-point"
"""The marking scheme of the rows of Kaggle's file that label no other points than these 4. Schemes
without a name of their own are named after the number of their points."""

KAGGLE_SCHEMES: dict[str, tuple[str, ...]] = {
    "15-point": KAGGLE_15.names,
    KAGGLE_NARROW: ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"),
}
"""The marking schemes of Kaggle's file, each with the names of its points (`Samples.schemes`)."""


def kaggle_from_ibug() -> dict[str, tuple[str, ...]]:
    """Kaggle's points in both marking schemes as means of the 68 points.

    Two data sets decided which of the 68 points are used. The first is the 7,049 label rows of the
    competition. The table gives the distance of a point below the eye centers, as a multiple of
    the distance between the eye centers, in these rows and in `mean_face.MEAN_FACE`:

    ============================ ============= ============ =================================
    point                        rows with 15  rows with 4  mean face
    ============================ ============= ============ =================================
    nose tip                     0.56          0.75         nose_bridge_4 0.59, nose_base 0.79
    bottom lip                   1.25          1.09         lower_lip_center 1.32, inner lips
                                                            1.11 and 1.17
    inner and outer end of brow  -0.21, -0.19               -0.26, -0.24
    ============================ ============= ============ =================================

    The second is 3,561 faces with images and labels of both schemes, none from the test set. On
    them, each predicted point and each mean of two was compared with the labels by the standard
    deviation of the difference. For the rows with 4 points, the best for the nose tip is
    ``nose_base`` with 1.4 px (second best: 1.7 px; nose_bridge_4: 6.6 px). The best for the bottom
    lip is the mean of the two inner lip centers with 1.4 px (second best: 1.6 px;
    lower_lip_center: 6.7 px). For the rows with 15 points, the points used here are the best.

    The brow ends of the competition lie 1.8 px (in images of 96 x 96) nearer to the eyes than
    those of the 68 points. Both the table and the 12 published rows with pixels show this. So a
    brow end is moved to the eye corner by an eighth of the way. A larger fraction fits the
    competition better and the second data set worse.
    """
    inner_lips = ("inner_upper_lip_center", "inner_lower_lip_center")
    parts: dict[str, tuple[str, ...]] = {
        "nose_tip": ("nose_bridge_4",),
        with_scheme("nose_tip", KAGGLE_NARROW): ("nose_base",),
        "mouth_left_corner": ("mouth_left_corner",),
        "mouth_right_corner": ("mouth_right_corner",),
        "mouth_center_top_lip": ("upper_lip_center",),
        "mouth_center_bottom_lip": ("lower_lip_center",),
        with_scheme("mouth_center_bottom_lip", KAGGLE_NARROW): inner_lips,
    }
    for side in ("left", "right"):
        eye = tuple(n for n in IBUG_68.names if n.startswith(f"{side}_eye_"))
        parts[f"{side}_eye_center"] = eye
        for end, brow in (("inner", 5), ("outer", 1)):
            corner = f"{side}_eye_{end}_corner"
            parts[corner] = (corner,)
            parts[f"{side}_eyebrow_{end}_end"] = (f"{side}_brow_{brow}",) * 7 + (corner,)
    return parts
