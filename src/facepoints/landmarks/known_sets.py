"""The landmark sets that have a name, as data.

A new set (such as the 98 points of WFLW) needs:

- an entry in `KNOWN_SETS`;
- an entry in `NUMBERED_SETS` if files without point names, such as .pts files, hold its points;
- entries in `CONVERSIONS` in both directions: under the names of the new set, the points of other
  sets that are means of its points; under the names of each other set, the new points that are
  means of the points there;
- the beginnings of its point names in `landmark_set.REGIONS`, for `Face.region`.
"""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet, with_scheme

__all__ = [
    "CONVERSIONS",
    "IBUG_68",
    "KAGGLE_15",
    "KAGGLE_NARROW",
    "KAGGLE_SCHEMES",
    "KNOWN_SETS",
    "NUMBERED_SETS",
    "OPENPOSE_70",
    "known_or_plain",
    "known_set",
    "numbered_set",
]


def _chain(*names: str, closed: bool = False) -> tuple[tuple[str, str], ...]:
    ends = names[1:] + (names[:1] if closed else ())
    return tuple(zip(names, ends, strict=False))


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
        *_chain("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
        *_chain("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
        *_chain("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
        *_chain("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
        *_chain(
            "mouth_left_corner",
            "mouth_center_top_lip",
            "mouth_right_corner",
            "mouth_center_bottom_lip",
            closed=True,
        ),
    ),
)
"""The 15 points of Kaggle's Facial Keypoints Detection."""


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
            *_chain(*jaw),
            *_chain(*right_brow),
            *_chain(*left_brow),
            *_chain(*bridge),
            *_chain(*base),
            *_chain(*right_eye, closed=True),
            *_chain(*left_eye, closed=True),
            *_chain(*outer_lip, closed=True),
            *_chain(*inner_lip, closed=True),
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

KNOWN_SETS: dict[str, LandmarkSet] = {
    "kaggle-15": KAGGLE_15,
    "ibug-68": IBUG_68,
    "openpose-70": OPENPOSE_70,
}
"""Landmark sets by the name that users type and files hold."""

NUMBERED_SETS: dict[str, LandmarkSet] = {"ibug": IBUG_68, "openpose": OPENPOSE_70}
"""Landmark sets for files that number the points instead of naming them, such as .pts files. The
number of points decides which set it is, so no two sets here have the same number. The key is the
marking scheme of such rows. It is "ibug" and not "ibug-68", because a part of the 68 points is
marked in the same way."""

KAGGLE_NARROW = "4-point"
"""The marking scheme of the rows of Kaggle's file that label no other points than these 4. Schemes
without a name of their own are named after the number of their points."""

KAGGLE_SCHEMES: dict[str, tuple[str, ...]] = {
    "15-point": KAGGLE_15.names,
    KAGGLE_NARROW: ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"),
}
"""The marking schemes of Kaggle's file, each with the names of its points (`Samples.schemes`)."""


def _kaggle_points_from_ibug_68() -> dict[str, tuple[str, ...]]:
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


CONVERSIONS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    IBUG_68.names: _kaggle_points_from_ibug_68()
}
"""Points that can be computed. The outer key is the names of a set, the inner key the name of a
point of another set, and its value the names of the points of the first set that are averaged. A
point that is listed n times has n times the weight. A name with a marking scheme
("nose_tip@4-point") is needed only where the scheme marks another place than the plain name."""


def known_set(name: str) -> LandmarkSet:
    """A landmark set by its name in `KNOWN_SETS`. Raises SettingsError for an unknown name."""
    if name not in KNOWN_SETS:
        raise SettingsError(f"no landmark set '{name}'; choose one of: {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[name]


def known_or_plain(names: Sequence[str]) -> LandmarkSet:
    """The landmark set with these point names, in this order.

    If they are the names of a known set in any order, the result has its eyes and edges. Otherwise
    it has none, and is mirrorable if the names say left and right (`LandmarkSet.of_names`).
    """
    plain = LandmarkSet.of_names(names)
    for known in KNOWN_SETS.values():
        if set(plain.names) == set(known.names):
            return known.subset(plain.names)
    return plain


def numbered_set(count: int) -> tuple[LandmarkSet, str]:
    """The landmark set and the marking scheme of a file that numbers `count` points.

    If no set in `NUMBERED_SETS` has so many points, their names are "0", "1", ..., the set is not
    mirrorable, and the scheme is named after the number of points ("98-point").
    """
    for scheme, known in NUMBERED_SETS.items():
        if len(known) == count:
            return known, scheme
    return known_or_plain([str(i) for i in range(count)]), f"{count}-point"
