"""The landmark sets that have a name, as data.

A further set (such as the 98 points of WFLW) is added here and nowhere else: a `LandmarkSet` in
`KNOWN_SETS`; in `NUMBERED_SETS` if its files number the points instead of naming them; and in
`CONVERSIONS` the points of other sets that are points or means of points of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet, with_scheme

__all__ = [
    "CONVERSIONS",
    "IBUG_68",
    "KAGGLE_15",
    "KAGGLE_SCHEMES",
    "KNOWN_SETS",
    "NARROW",
    "NUMBERED_SETS",
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

KNOWN_SETS: dict[str, LandmarkSet] = {"kaggle-15": KAGGLE_15, "ibug-68": IBUG_68}
"""Landmark sets by name."""

NUMBERED_SETS: dict[str, LandmarkSet] = {"ibug": IBUG_68}
"""Landmark sets by marking scheme, for files that number the points instead of naming them, such
as .pts files. No two of them have the same number of points."""

NARROW = "4-point"
"""The marking scheme of the rows with 4 points in Kaggle's file."""

KAGGLE_SCHEMES: dict[str, tuple[str, ...]] = {
    "15-point": KAGGLE_15.names,
    NARROW: ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"),
}
"""The marking schemes of Kaggle's file, as in `Samples.schemes`: the points of each."""


def _kaggle_from_ibug() -> dict[str, tuple[str, ...]]:
    """Kaggle's points in both marking schemes as means of the 68.

    Two files decided which points. The first is the 7,049 label rows of the competition. The
    table gives how far a point lies below the eye centers, in distances between the eye centers,
    and the same for points of the mean face (`mean_face.MEAN_FACE`):

    ============================ ============= ============ =================================
    point                        rows with 15  rows with 4  mean face
    ============================ ============= ============ =================================
    nose tip                     0.56          0.75         nose_bridge_4 0.59, nose_base 0.79
    bottom lip                   1.25          1.09         lower_lip_center 1.32, inner lips
                                                            1.11 and 1.17
    inner and outer end of brow  -0.21, -0.19               -0.26, -0.24
    ============================ ============= ============ =================================

    The second is 3,561 faces with pixels and labels of both schemes, none from the test set. On
    them each mean of one or two predicted points was compared to the labels. For the rows with
    4 points, the means with the smallest standard deviation are ``nose_base`` (1.4 px; the
    second best is 1.7 px off, nose_bridge_4 6.6 px) and the mean of the two inner lip centers
    (1.4 px; the second best 1.6, lower_lip_center 6.7 px). For the rows with 15 points, the
    choices here are the best ones.

    The brow ends of the competition lie 1.8 px (of 96) nearer to the eyes than those of the 68,
    both in the statistics and on its 12 published rows with pixels. So they are an eighth of
    the way to the eye corners. A larger share fits the competition better and the other file
    worse.
    """
    inner_lips = ("inner_upper_lip_center", "inner_lower_lip_center")
    parts: dict[str, tuple[str, ...]] = {
        "nose_tip": ("nose_bridge_4",),
        with_scheme("nose_tip", NARROW): ("nose_base",),
        "mouth_left_corner": ("mouth_left_corner",),
        "mouth_right_corner": ("mouth_right_corner",),
        "mouth_center_top_lip": ("upper_lip_center",),
        "mouth_center_bottom_lip": ("lower_lip_center",),
        with_scheme("mouth_center_bottom_lip", NARROW): inner_lips,
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
    IBUG_68.names: _kaggle_from_ibug()
}
"""For the names of a set: points of other sets as means of its points. A point that is listed
several times counts as often. A name with a scheme ("nose_tip@4-point") is listed if the scheme
means another place than the plain name."""


def known_set(name: str) -> LandmarkSet:
    """A landmark set by its name. Raises SettingsError that lists the names."""
    if name not in KNOWN_SETS:
        raise SettingsError(f"no landmark set '{name}'; choose one of: {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[name]


def known_or_plain(names: Sequence[str]) -> LandmarkSet:
    """The set with these names: the known one if they are its names (in any order), else a plain
    one, which can be mirrored if the names say left and right."""
    for known in KNOWN_SETS.values():
        if set(names) == set(known.names):
            return known.subset(names)
    return LandmarkSet.of_names(names)


def numbered_set(count: int) -> tuple[LandmarkSet, str]:
    """The set and the marking scheme of `count` numbered points.

    Without such a set in `NUMBERED_SETS`, the points are named "0", "1", ... and cannot be
    mirrored, and the scheme is named after their count ("98-point").
    """
    for scheme, known in NUMBERED_SETS.items():
        if len(known) == count:
            return known, scheme
    return known_or_plain([str(i) for i in range(count)]), f"{count}-point"
