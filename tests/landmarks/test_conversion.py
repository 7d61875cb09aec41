"""Conversions between landmark sets, as points and as a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.errors import DataError, SettingsError
from facepoints.landmarks import known_sets
from facepoints.landmarks.conversion import (
    check_convertible,
    conversion_matrix,
    conversion_parts,
    convert,
    convertible,
)
from facepoints.landmarks.known_sets import (
    IBUG_68,
    KAGGLE_15,
    OPENPOSE_70,
    known_set,
    numbered_set,
)
from facepoints.landmarks.landmark_set import LandmarkSet


def test_eye_centers_are_the_mean_of_six_points_and_need_all_of_them():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 96, (3, 68, 2)).astype(np.float32)
    labelled = np.ones((3, 68), dtype=bool)
    labelled[0, 36] = False  # a part of the subject's right eye
    out, mask = convert(points, labelled, IBUG_68, KAGGLE_15)
    left, right = KAGGLE_15.columns(["left_eye_center", "right_eye_center"])
    np.testing.assert_allclose(out[:, left], points[:, 42:48].mean(axis=1), rtol=1e-5)
    assert mask[:, right].tolist() == [False, True, True]
    assert (out[0, right] == 0).all()


def test_a_scheme_may_mean_another_point_by_the_same_name():
    points = np.arange(68 * 2, dtype=np.float32).reshape(1, 68, 2) ** 1.3
    one = np.ones((1, 68), dtype=bool)
    named = ["nose_tip", "nose_tip@4-point", "nose_tip@other", "left_eye_center@4-point"]
    out, mask = convert(points, one, IBUG_68, LandmarkSet(tuple(named), mirrorable=False))
    assert mask.all()
    np.testing.assert_array_equal(out[0, 0], points[0, 30])
    np.testing.assert_array_equal(out[0, 1], points[0, 33])
    np.testing.assert_array_equal(
        out[0, 2], points[0, 30]
    )  # an unknown scheme falls back to the plain name
    np.testing.assert_allclose(out[0, 3], points[0, 42:48].mean(axis=0), rtol=1e-5)


def test_changed_parts_do_not_change_the_next_conversion():
    before = conversion_parts(IBUG_68, KAGGLE_15)
    conversion_parts(IBUG_68, KAGGLE_15)[0].append(0)
    assert conversion_parts(IBUG_68, KAGGLE_15) == before


def test_brow_ends_lie_an_eighth_of_the_way_to_the_eye_corner():
    points = np.zeros((1, 68, 2), dtype=np.float32)
    points[0, [36, 45], 1] = 8  # outer eye corners
    points[0, [39, 42], 1] = 16  # inner ones
    out, _ = convert(points, np.ones((1, 68), dtype=bool), IBUG_68, KAGGLE_15)
    names = [f"{s}_eyebrow_{e}_end" for e in ("outer", "inner") for s in ("left", "right")]
    assert out[0, KAGGLE_15.columns(names), 1].tolist() == [1, 1, 2, 2]


def test_the_matrix_gives_the_same_points_as_convert():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 96, (4, 68, 2)).astype(np.float32)
    weights, known = conversion_matrix(IBUG_68, KAGGLE_15)
    out, _ = convert(points, np.ones((4, 68), dtype=bool), IBUG_68, KAGGLE_15)
    assert weights.shape == (15, 68)
    assert weights.dtype == np.float32
    assert known.all()
    np.testing.assert_allclose(weights @ points, out, rtol=1e-5)


def test_the_matrix_holds_the_share_of_each_point_in_a_mean():
    landmarks = LandmarkSet(("left_eyebrow_outer_end", "chin", "ear"), mirrorable=False)
    weights, known = conversion_matrix(IBUG_68, landmarks)
    assert known.tolist() == [True, True, False]
    assert {int(i): float(weights[0, i]) for i in np.flatnonzero(weights[0])} == {
        26: 7 / 8,
        45: 1 / 8,
    }
    assert np.flatnonzero(weights[1]).tolist() == [8]
    assert not weights[2].any()


def test_values_of_points_are_averaged_as_points_are():
    values = np.arange(68, dtype=np.float32)[None]
    every = np.ones((1, 68), dtype=bool)
    landmarks = LandmarkSet(("left_eye_center", "left_eyebrow_outer_end"), mirrorable=False)
    out, mask = convert(values, every, IBUG_68, landmarks)
    assert out.tolist() == [[44.5, 26 + (45 - 26) / 8]]
    assert mask.all()


def test_convertible_marks_points_that_can_be_computed_and_the_error_names_the_others():
    assert convertible(IBUG_68, KAGGLE_15).all()
    assert not convertible(KAGGLE_15, IBUG_68).all()
    check_convertible(IBUG_68, KAGGLE_15)
    with pytest.raises(DataError, match=r"no point right_jaw_1, .*, \.\.\. can be computed"):
        check_convertible(KAGGLE_15, IBUG_68)


def test_70_points_are_converted_as_68_points_are():
    rng = np.random.default_rng(2)
    points = rng.uniform(0, 96, (3, 70, 2)).astype(np.float32)
    every = np.ones((3, 70), dtype=bool)
    every[0, 68:] = False  # pupils have no part in the eye centers
    less, mask = convert(points, every, OPENPOSE_70, IBUG_68)
    np.testing.assert_array_equal(less, points[:, :68])
    assert mask.all()
    out, mask = convert(points, every, OPENPOSE_70, KAGGLE_15)
    same, _ = convert(points[:, :68], every[:, :68], IBUG_68, KAGGLE_15)
    np.testing.assert_array_equal(out, same)
    assert mask.all()
    known = convertible(IBUG_68, OPENPOSE_70)
    assert np.flatnonzero(~known).tolist() == [68, 69]


def test_numbered_points_are_the_set_of_their_count_or_plain_names():
    assert numbered_set(68) == (IBUG_68, "ibug")
    assert numbered_set(70) == (OPENPOSE_70, "openpose")
    landmarks, scheme = numbered_set(3)
    assert (landmarks.names, landmarks.mirrorable, scheme) == (("0", "1", "2"), False, "3-point")


def test_a_set_added_to_the_data_can_be_read_and_converted(monkeypatch):
    three = LandmarkSet(("left_iris", "right_iris", "nostril"))
    monkeypatch.setitem(known_sets.NUMBERED_SETS, "three", three)
    monkeypatch.setitem(
        known_sets.CONVERSIONS,
        three.names,
        {"left_eye_center": ("left_iris",), "nose_tip": ("nostril",)},
    )
    assert numbered_set(3) == (three, "three")
    assert convertible(three, KAGGLE_15.subset(["left_eye_center", "nose_tip"])).all()


def test_an_unknown_name_lists_the_known_sets():
    with pytest.raises(SettingsError, match="kaggle-15, ibug-68"):
        known_set("ibug-70")
