"""Landmark sets: order, mirror partners, sides, columns, conversions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints.errors import DataError
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, scheme_of, with_scheme

SETS = st.sampled_from([*KNOWN_SETS.values()])


@given(SETS)
def test_mirroring_twice_is_nothing_and_json_round_trips(landmarks):
    mirror = landmarks.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(landmarks)))
    assert LandmarkSet.from_dict(landmarks.to_dict()) == landmarks


@given(SETS)
def test_sides_swap_and_the_rest_stays(landmarks):
    for name, partner in zip(landmarks.names, landmarks.mirror, strict=True):
        sided = "left" in name or "right" in name
        assert (landmarks.names[partner] != name) == sided


def test_ibug_mirrors_as_its_published_order_does():
    mirror = IBUG_68.mirror.tolist()
    assert mirror[:17] == list(range(16, -1, -1))
    assert mirror[17:27] == list(range(26, 16, -1))
    assert [mirror[i] for i in (36, 39, 40, 48, 60, 61)] == [45, 42, 47, 54, 64, 63]


def test_a_source_is_part_of_the_column_not_of_the_point():
    name = with_scheme("nose_tip", "4-point")
    assert (base_name(name), scheme_of(name)) == ("nose_tip", "4-point")
    assert scheme_of("nose_tip") == ""
    both = LandmarkSet((with_scheme("left_eye", "b"), with_scheme("right_eye", "b"), "nose"))
    assert both.mirror.tolist() == [1, 0, 2]


def test_subset_and_union_keep_what_still_fits():
    part = KAGGLE_15.subset(["left_eye_center", "nose_tip"])
    assert not part.mirrorable
    assert part.eyes == ()
    whole = part.union(KAGGLE_15)
    assert set(whole.names) == set(KAGGLE_15.names)
    assert whole.names[:2] == part.names


def test_eye_centres_of_15_points_are_the_mean_of_six():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 96, (3, 68, 2)).astype(np.float32)
    labelled = np.ones((3, 68), dtype=bool)
    labelled[0, 36] = False  # a part of the subject's right eye
    out, mask = convert(points, labelled, IBUG_68, KAGGLE_15)
    left, right = KAGGLE_15.columns(["left_eye_center", "right_eye_center"])
    np.testing.assert_allclose(out[:, left], points[:, 42:48].mean(axis=1), rtol=1e-5)
    assert mask[:, right].tolist() == [False, True, True]
    assert (out[0, right] == 0).all()


@pytest.mark.parametrize(
    ("names", "said"),
    [((), "at least one"), (("a", "a"), "repeat"), (("left_a", "b"), "no mirror partner")],
)
def test_impossible_sets_are_refused(names, said):
    with pytest.raises(DataError, match=said):
        LandmarkSet(names)


def test_a_marking_scheme_may_mean_another_place_by_the_same_name():
    points = np.arange(68 * 2, dtype=np.float32).reshape(1, 68, 2) ** 1.3
    one = np.ones((1, 68), dtype=bool)
    named = ["nose_tip", "nose_tip@4-point", "nose_tip@other", "left_eye_center@4-point"]
    out, mask = convert(points, one, IBUG_68, LandmarkSet(tuple(named), mirrorable=False))
    assert mask.all()
    np.testing.assert_array_equal(out[0, 0], points[0, 30])
    np.testing.assert_array_equal(out[0, 1], points[0, 33])
    np.testing.assert_array_equal(out[0, 2], points[0, 30])  # nobody knows this one
    np.testing.assert_allclose(out[0, 3], points[0, 42:48].mean(axis=0), rtol=1e-5)


def test_brow_ends_lie_an_eighth_of_the_way_to_the_eye():
    points = np.zeros((1, 68, 2), dtype=np.float32)
    points[0, [36, 45], 1] = 8  # outer eye corners
    points[0, [39, 42], 1] = 16  # inner ones
    out, _ = convert(points, np.ones((1, 68), dtype=bool), IBUG_68, KAGGLE_15)
    names = [f"{s}_eyebrow_{e}_end" for e in ("outer", "inner") for s in ("left", "right")]
    assert out[0, KAGGLE_15.columns(names), 1].tolist() == [1, 1, 2, 2]
