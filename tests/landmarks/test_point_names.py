"""Names of points: suggestions for misspelled ones, and what mirroring makes of them."""

from __future__ import annotations

import pytest

from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.point_names import close_names, known_names, mirror_line, similar_name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("left_eye_centre", "left_eye_center"),
        ("LeftEyeCenter", "left_eye_center"),
        ("RIGHT-EYE-CENTER", "right_eye_center"),
        ("eye_center_left", "left_eye_center"),
        ("nosetip", "nose_tip"),
        ("mouth_corner_left", "mouth_left_corner"),
        ("right_jaw_12", None),  # there is no 12th, and no other number is meant
        ("ear", None),
        ("left_ear_tip", None),
    ],
)
def test_a_known_name_is_suggested_for_another_spelling(name: str, known: str | None) -> None:
    assert similar_name(name, known_names()) == known


def test_left_is_never_suggested_for_right() -> None:
    assert similar_name("left_eye_centre", ["right_eye_center"]) is None


def test_only_unknown_names_have_suggestions() -> None:
    mixed = LandmarkSet.of_names(["left_eye_centre", "right_eye_center", "12", "ear"])
    assert close_names(mixed) == {"left_eye_centre": "left_eye_center"}
    assert close_names(IBUG_68) == {}
    assert close_names(KAGGLE_15) == {}


def test_the_mirror_line_names_pairs_and_what_has_no_partner() -> None:
    assert mirror_line(KAGGLE_15) == (
        "images are mirrored in training: 6 pairs of points swap, 3 points of neither side"
    )
    assert mirror_line(LandmarkSet.of_names(["left_eye", "nose"])) == (
        "images are not mirrored in training: 'left_eye' has no 'right_eye'"
    )
    assert "no point name says left or right" in mirror_line(LandmarkSet.of_names(["0", "1"]))
