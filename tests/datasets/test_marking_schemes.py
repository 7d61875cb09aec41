"""Marking schemes: the column of a point, and which scheme a request belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.datasets.marking_schemes import (
    column_for,
    in_scheme_columns,
    pick_scheme,
    points_as_marked,
)
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet

FOUR = ("left_eye", "right_eye")
NAMES = ("left_eye", "right_eye", "nose", "left_brow", "right_brow")
SCHEMES = {"wide": NAMES, "narrow": FOUR}


def test_arranged_puts_held_out_labels_where_the_run_predicts_them() -> None:
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


def test_column_for_prefers_the_scheme_and_names_an_unknown_point() -> None:
    columns = LandmarkSet(("nose", "nose@narrow"))
    assert column_for(columns, "nose", "narrow") == 1
    assert column_for(columns, "nose", "wide") == 0
    assert column_for(columns, "nose@narrow", "wide") == 1
    with pytest.raises(DataError, match="no point 'chin'"):
        column_for(columns, "chin", "wide")


def test_as_marked_by_says_what_the_run_cannot_answer() -> None:
    have = LandmarkSet(("nose", "nose@narrow"))
    want = LandmarkSet(("nose", "chin"))
    points = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    found, able = points_as_marked(points, have, want, "narrow")
    assert able.tolist() == [True, False]
    np.testing.assert_array_equal(found, [[[2, 3], [0, 0]]])


@pytest.mark.parametrize(
    ("requested", "want"),
    [
        ({"left_eye"}, "narrow"),
        (set(FOUR), "narrow"),
        ({"left_eye", "nose"}, "wide"),
        ({"chin"}, "wide"),
    ],
)
def test_pick_source_is_the_smallest_scheme_that_covers(requested: set[str], want: str) -> None:
    assert pick_scheme(requested, SCHEMES) == want


def test_pick_source_takes_the_first_of_equals_and_needs_no_scheme() -> None:
    assert pick_scheme({"a"}, {"one": ("a", "b"), "two": ("a", "c")}) == "one"
    assert pick_scheme({"a"}, {}) == ""


def test_68_points_answer_as_the_scheme_that_is_asked_for() -> None:
    points = np.arange(68 * 2, dtype=np.float32).reshape(1, 68, 2) ** 1.2
    want = LandmarkSet(("nose_tip", "mouth_center_bottom_lip"))
    for source, tip, lip in (("15-point", 30, [57]), ("4-point", 33, [62, 66]), ("", 30, [57])):
        found, able = points_as_marked(points, IBUG_68, want, source)
        assert able.all()
        np.testing.assert_array_equal(found[0, 0], points[0, tip])
        np.testing.assert_allclose(found[0, 1], points[0, lip].mean(axis=0), rtol=1e-6)
    both = LandmarkSet(("nose_tip", "nose_tip@4-point"))
    found, able = points_as_marked(points, IBUG_68, both, "4-point")
    np.testing.assert_array_equal(found[0], points[0, [30, 33]])
