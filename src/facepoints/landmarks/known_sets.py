"""The sets of points that are known by name, and what they know of each other."""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "IBUG_68",
    "KAGGLE_15",
    "KAGGLE_SCHEMES",
    "KNOWN_SETS",
    "NARROW",
    "known_or_plain",
    "known_set",
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
"""Landmark sets known by name."""


def known_set(name: str) -> LandmarkSet:
    """A landmark set by its name. Raises SettingsError that lists the names."""
    if name not in KNOWN_SETS:
        raise SettingsError(f"no landmark set '{name}'; choose one of: {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[name]


def known_or_plain(names: Sequence[str]) -> LandmarkSet:
    """Best-known set for these names: a known one if they are its names (in any order),
    else a plain one that mirrors if the names say left and right."""
    for known in KNOWN_SETS.values():
        if set(names) == set(known.names):
            return known.subset(names)
    return LandmarkSet.of_names(names)


NARROW = "4-point"
"""The marking scheme of those rows of Kaggle's file that have 4 points."""

KAGGLE_SCHEMES: dict[str, tuple[str, ...]] = {
    "15-point": KAGGLE_15.names,
    NARROW: ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"),
}
"""Who marked Kaggle's file, as `Samples.sources`: the points of each marking scheme."""
