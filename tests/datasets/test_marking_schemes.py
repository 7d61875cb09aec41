"""Marking schemes: the column of a point, and the scheme of a request."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.datasets.marking_schemes import (
    convertible_as_marked,
    in_scheme_columns,
    pick_scheme,
    points_as_marked,
    scheme_columns,
    scheme_matrix,
)
from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet, with_scheme

FOUR = ("left_eye", "right_eye")
NAMES = ("left_eye", "right_eye", "nose", "left_brow", "right_brow")
SCHEMES = {"wide": NAMES, "narrow": FOUR}


def test_labels_move_to_the_columns_of_their_own_scheme() -> None:
    labelled = np.array([[True] * 5, [True, True, False, False, False]])
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2) * labelled[..., None]
    samples = Samples(
        images=np.zeros((2, 8, 8), np.uint8),
        points=points,
        labelled=labelled,
        landmarks=LandmarkSet(NAMES),
        group=np.array(["0", "1"]),
        names=np.array(["0", "1"]),
        scheme=np.array([0, 1], np.int16),
        schemes=SCHEMES,
    )
    columns = LandmarkSet(("left_eye", "left_eye@narrow"), mirrorable=False)
    moved = in_scheme_columns(samples, columns)
    assert moved.labelled.tolist() == [[True, False], [False, True]]
    np.testing.assert_array_equal(moved.points[0, 0], samples.points[0, 0])
    np.testing.assert_array_equal(moved.points[1, 1], samples.points[1, 0])


def test_points_as_marked_prefers_the_column_of_the_scheme_and_masks_unknown_points() -> None:
    have = LandmarkSet(("nose", "nose@narrow"))
    wanted = LandmarkSet(("nose", "chin"))
    points = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    converted, able = points_as_marked(points, have, wanted, "narrow")
    assert able.tolist() == [True, False]
    np.testing.assert_array_equal(converted, [[[2, 3], [0, 0]]])


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ({"left_eye"}, "narrow"),
        (set(FOUR), "narrow"),
        ({"left_eye", "nose"}, "wide"),
        ({"chin"}, "wide"),
    ],
)
def test_pick_scheme_returns_the_smallest_scheme_that_covers_the_request(
    requested: set[str], expected: str
) -> None:
    assert pick_scheme(requested, SCHEMES) == expected


def test_pick_scheme_returns_the_first_of_equals_and_accepts_no_schemes() -> None:
    assert pick_scheme({"a"}, {"one": ("a", "b"), "two": ("a", "c")}) == "one"
    assert pick_scheme({"a"}, {}) == ""


def test_68_points_are_converted_to_the_points_of_the_chosen_scheme() -> None:
    points = np.arange(68 * 2, dtype=np.float32).reshape(1, 68, 2) ** 1.2
    wanted = LandmarkSet(("nose_tip", "mouth_center_bottom_lip"))
    for scheme, tip, lip in (("15-point", 30, [57]), ("4-point", 33, [62, 66]), ("", 30, [57])):
        converted, able = points_as_marked(points, IBUG_68, wanted, scheme)
        assert able.all()
        np.testing.assert_array_equal(converted[0, 0], points[0, tip])
        np.testing.assert_allclose(converted[0, 1], points[0, lip].mean(axis=0), rtol=1e-6)
    both = LandmarkSet(("nose_tip", "nose_tip@4-point"))
    converted, able = points_as_marked(points, IBUG_68, both, "4-point")
    np.testing.assert_array_equal(converted[0], points[0, [30, 33]])


def test_scheme_matrix_gives_the_same_points_as_points_as_marked() -> None:
    points = np.arange(68 * 2, dtype=np.float32).reshape(1, 68, 2) ** 1.2
    wanted = LandmarkSet(("nose_tip", "left_eye_center", "ear"), mirrorable=False)
    weights, known = scheme_matrix(IBUG_68, wanted, "4-point")
    converted, able = points_as_marked(points, IBUG_68, wanted, "4-point")
    assert known.tolist() == able.tolist() == [True, True, False]
    assert weights.sum(axis=1).tolist() == pytest.approx([1, 1, 0])
    np.testing.assert_allclose(weights @ points[0], converted[0], rtol=1e-6)
    assert convertible_as_marked(IBUG_68, wanted, "4-point").tolist() == [True, True, False]


def test_values_of_points_are_converted_as_points_are() -> None:
    squares = np.arange(68, dtype=np.float32)[None]
    wanted = LandmarkSet(("left_eye_center", "nose_tip"), mirrorable=False)
    means, _ = points_as_marked(squares, IBUG_68, wanted, "4-point")
    assert means.tolist() == [[44.5, 33.0]]  # six points 42 to 47, and the nose base


def test_the_scheme_with_most_points_keeps_the_plain_names() -> None:
    columns = scheme_columns(LandmarkSet(NAMES), {"narrow": FOUR, "wide": NAMES})
    assert columns.names == (*NAMES, *(with_scheme(name, "narrow") for name in FOUR))
    assert columns.mirrorable
