"""Landmark sets: order, mirror partners, sides, columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints.errors import DataError
from facepoints.landmarks.known_sets import (
    IBUG_68,
    KAGGLE_15,
    KNOWN_SETS,
    OPENPOSE_70,
    known_or_plain,
)
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, scheme_of, with_scheme

SETS = st.sampled_from([*KNOWN_SETS.values()])


@given(SETS)
def test_mirroring_twice_is_the_identity_and_json_round_trips(landmarks):
    mirror = landmarks.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(landmarks)))
    assert LandmarkSet.from_dict(landmarks.to_dict()) == landmarks


@given(SETS)
def test_mirroring_swaps_left_and_right_and_keeps_other_points(landmarks):
    for name, partner in zip(landmarks.names, landmarks.mirror, strict=True):
        sided = "left" in name or "right" in name
        assert (landmarks.names[partner] != name) == sided


def test_ibug_68_mirrors_in_its_published_order():
    mirror = IBUG_68.mirror.tolist()
    assert mirror[:17] == list(range(16, -1, -1))
    assert mirror[17:27] == list(range(26, 16, -1))
    assert [mirror[i] for i in (36, 39, 40, 48, 60, 61)] == [45, 42, 47, 54, 64, 63]


def test_a_scheme_is_part_of_the_column_name_and_not_of_the_point():
    name = with_scheme("nose_tip", "4-point")
    assert (base_name(name), scheme_of(name)) == ("nose_tip", "4-point")
    assert scheme_of("nose_tip") == ""
    both = LandmarkSet((with_scheme("left_eye", "b"), with_scheme("right_eye", "b"), "nose"))
    assert both.mirror.tolist() == [1, 0, 2]


def test_subset_and_union_keep_eyes_and_edges_that_are_left():
    part = KAGGLE_15.subset(["left_eye_center", "nose_tip"])
    assert not part.mirrorable
    assert part.eyes == ()
    whole = part.union(KAGGLE_15)
    assert set(whole.names) == set(KAGGLE_15.names)
    assert whole.names[:2] == part.names


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "at least one"), (("a", "a"), "repeat"), (("left_a", "b"), "no mirror partner")],
)
def test_invalid_sets_raise_an_error(names, message):
    with pytest.raises(DataError, match=message):
        LandmarkSet(names)


def test_lists_become_tuples_so_that_a_set_stays_hashable() -> None:
    names: Any = ["left_eye", "right_eye"]
    made = LandmarkSet(names=names, eyes=names, edges=[names])  # type: ignore[arg-type]
    assert made == LandmarkSet(tuple(names), tuple(names), (("left_eye", "right_eye"),))
    assert len({made, LandmarkSet(tuple(names), tuple(names), (("left_eye", "right_eye"),))}) == 1
    names.append("nose")
    assert len(made) == 2


@pytest.mark.parametrize("names", ["abc", 3, None, [1, 2], [None], b"ab"])
def test_names_of_another_type_are_refused(names: Any) -> None:
    for make in (LandmarkSet, LandmarkSet.of_names, known_or_plain):
        with pytest.raises(DataError, match="names"):
            make(names)


def test_every_point_of_a_known_set_is_in_one_region() -> None:
    for landmarks in KNOWN_SETS.values():
        named = [name for names in landmarks.regions.values() for name in names]
        assert sorted(named) == sorted(landmarks.names)
    assert next(iter(IBUG_68.regions)) == "jaw"
    assert "pupils" not in IBUG_68.regions
    assert KAGGLE_15.regions["right_eye"] == (
        *("right_eye_center", "right_eye_inner_corner", "right_eye_outer_corner"),
    )
    assert LandmarkSet(("0", "1"), mirrorable=False).regions == {}


def test_the_70_points_are_the_68_and_the_pupils() -> None:
    assert OPENPOSE_70.names == (*IBUG_68.names, "right_pupil", "left_pupil")
    assert OPENPOSE_70.eyes == ("right_eye_outer_corner", "left_eye_outer_corner")
    assert OPENPOSE_70.edges == IBUG_68.edges
    mirror = OPENPOSE_70.mirror
    assert mirror[:68].tolist() == IBUG_68.mirror.tolist()
    assert mirror[68:].tolist() == [69, 68]
    regions = OPENPOSE_70.regions
    assert regions["pupils"] == ("right_pupil", "left_pupil")
    for side, first in (("right", 36), ("left", 42)):  # the outline, as in the 68 points
        assert OPENPOSE_70.columns(regions[f"{side}_eye"]) == list(range(first, first + 6))


def test_regions_that_a_caller_changes_are_the_caller_s_own() -> None:
    IBUG_68.regions.clear()
    assert "jaw" in IBUG_68.regions
