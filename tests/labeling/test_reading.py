"""Readings and point sets: what a request may hold, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.errors import FacepointsError, SettingsError
from facepoints.labeling.point_set import PointSet, read_point_set
from facepoints.labeling.reading import STATES, Reading, State
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    count = draw(st.integers(0, 6))
    states: tuple[State, ...] = tuple(draw(st.sampled_from(STATES)) for _ in range(count))
    places = st.floats(-5000, 5000).map(lambda v: round(v, 3) + 0.0)
    points = [
        (np.nan, np.nan) if s in ("unplaced", "absent") else (draw(places), draw(places))
        for s in states
    ]
    hidden = np.array([draw(st.booleans()) for _ in range(count)], dtype=bool)
    finished = draw(st.booleans()) and "unplaced" not in states
    return Reading(np.array(points).reshape(-1, 2), states, hidden, finished, draw(st.booleans()))


@settings(max_examples=40)
@given(readings())
def test_a_reading_survives_json(reading: Reading) -> None:
    again = Reading.from_dict(reading.to_dict(), len(reading))
    np.testing.assert_array_equal(again.points, reading.points)
    assert again.states == reading.states
    assert again.hidden.tolist() == reading.hidden.tolist()
    assert (again.finished, again.deleted) == (reading.finished, reading.deleted)
    assert again.lines == reading.lines


GOOD: dict[str, Any] = {
    "points": [[1, 2], None],
    "state": ["confirmed", "absent"],
    "hidden": [True, False],
    "finished": True,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": [[1, 2]]}, "'points' has an entry for each of 2 points, got 1"),
        ({"points": "ab"}, "'points' has an entry"),
        ({"points": [[1, 2], [3, 4]]}, "point 1 is 'absent' and has a place"),
        ({"state": ["confirmed", "predicted"]}, "point 1 is 'predicted' and has no place"),
        ({"state": ["confirmed", "sure"]}, "a state is one of"),
        ({"state": ["confirmed", "unplaced"]}, "point 1 is neither"),
        ({"points": [[1, "2"], None]}, "two numbers"),
        ({"points": [[1, True], None]}, "two numbers"),
        ({"points": [[1, 1e7], None]}, "two numbers within"),
        ({"points": [[1, float("nan")], None]}, "two numbers within"),
        ({"hidden": [1, False]}, "true or false"),
        ({"finished": "yes"}, "true or false"),
        ({"hidden": None}, "'hidden' has an entry"),
        ({"lines": [None]}, "'lines' has an entry for each of 2"),
        ({"lines": [[1, 2, 0.5], None]}, "point 0 is 'confirmed' and on a line"),
        ({"state": ["along", "absent"], "lines": [[1, 2], None]}, "a line is .x, y, angle."),
        ({"state": ["along", "absent"], "lines": [[1, 2, None], None]}, "two numbers"),
    ],
)
def test_what_is_no_reading_is_refused(change: dict[str, Any], message: str) -> None:
    assert Reading.from_dict(GOOD, 2).finished
    with pytest.raises(SettingsError, match=message):
        Reading.from_dict(GOOD | change, 2)


def test_points_added_to_the_set_are_unplaced_and_reopen_the_face() -> None:
    wider = Reading.from_dict(GOOD, 2).with_count(3)
    assert wider.states == ("confirmed", "absent", "unplaced")
    assert not wider.finished
    assert wider.placed.tolist() == [True, False, False]


def test_sides_in_the_names_pair_the_points() -> None:
    points = PointSet(("left_brow", "chin", "right_brow"))
    assert points.mirror == [(0, 2)]
    assert points.mirrorable
    assert not PointSet(("left_brow", "chin")).mirrorable
    assert not PointSet(("chin",)).mirrorable
    known = PointSet.of_landmarks(IBUG_68)
    assert known.landmarks() == IBUG_68
    assert all(IBUG_68.mirror[i] == j for i, j in known.mirror)
    assert PointSet.from_dict(known.to_dict()) == known


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "points are"),
        ({"names": "abc"}, "points are"),
        ({"names": ["a", 1]}, "points are"),
        ({"names": ["a", "a"]}, "'a' is there twice"),
        ({"names": ["a", " "]}, "1 to 60 printable"),
        ({"names": ["a", "b\n"]}, "1 to 60 printable"),
        ({"names": ["a" * 61]}, "1 to 60 printable"),
        ({"names": ["a"], "edges": [["a", "b"]]}, "there is no 'b'"),
        ({"names": ["a"], "edges": [[0, 5]]}, "points are"),
        ({"names": ["a", "b"], "edges": [[-1, 0]]}, "points are"),
        ({"names": ["a", "b"], "edges": ["ab"]}, "points are"),
        ({"names": ["a", "b"], "eyes": [0]}, "two different points"),
        ({"names": ["a", "b"], "mirror": [[0, 1]]}, "named by their sides"),
        ({"names": [f"p{k}" for k in range(1001)]}, "at most 1000"),
    ],
)
def test_what_is_no_set_of_points_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        PointSet.from_dict(data)


def test_a_file_names_points_edges_and_eyes(tmp_path: Path) -> None:
    file = tmp_path / "points.txt"
    file.write_text("# mine\nleft_eye\nright_eye\n\nnose tip\nleft_eye -- nose tip -- right_eye\n"
                    "eyes: left_eye -- right_eye\n")  # fmt: skip
    points = read_point_set(file)
    assert points.names == ("left_eye", "right_eye", "nose tip")
    assert points.edges == (("left_eye", "nose tip"), ("nose tip", "right_eye"))
    assert points.eyes == ("left_eye", "right_eye")
    as_json = tmp_path / "points.json"
    as_json.write_text('{"names": ["a", "b"], "edges": [[0, 1]]}')
    assert read_point_set(as_json).edges == (("a", "b"),)
    assert PointSet.of_landmarks(KAGGLE_15).eyes == KAGGLE_15.eyes


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"{", b"a\na\n", b"\xff\xfe\xff", b'{"a": 1}']
)
def test_a_file_that_names_no_points_is_one_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "points.txt"
    file.write_bytes(content)
    with pytest.raises(FacepointsError, match=r"points\.txt") as caught:
        read_point_set(file)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("points", "state", "hidden", "finished", "lines"), JSON)
    ),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("names", "edges", "eyes", "mirror"), JSON)),
)
def test_any_json_is_taken_or_refused_in_one_line(reading: Any, points: Any) -> None:
    for parse in (lambda: Reading.from_dict(reading, 2), lambda: PointSet.from_dict(points)):
        message = ""
        try:
            parse()
        except SettingsError as error:
            message = str(error)
        assert "\n" not in message
