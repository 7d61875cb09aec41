"""The position of a head in front of the camera, of heads in known positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.errors import DataError, SettingsError
from facepoints.inference.face import Face
from facepoints.inference.radius_calibration import DISC_90
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement import head_pose, head_transform
from facepoints.measurement.head_position import MM_PER_UNIT, PUPIL_DISTANCE, project

SIZE = (480, 640)
HEAD = MEAN_HEAD * (1, 1, -1) * MM_PER_UNIT  # millimeters; z to the back of the head


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Rotation in camera coordinates: up, then to the subject's left, then clockwise."""
    y, p, r = np.deg2rad([-yaw, pitch, roll])
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    clockwise = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return clockwise @ left @ up


def degrees_between(one: NDArray, other: NDArray) -> float:
    return float(np.rad2deg(np.arccos(np.clip((np.trace(one @ other.T) - 1) / 2, -1, 1))))


def face_at(turn: NDArray, place: tuple[float, float, float], focal: float | None = None) -> Face:
    points = project(HEAD @ turn.T + place, SIZE, focal).astype(np.float32)
    return Face((0, 0, 1, 1), 1.0, points, np.ones(68, np.float32), IBUG_68)


def test_the_pupils_of_the_head_are_63_mm_apart() -> None:
    eyes = [
        HEAD[IBUG_68.columns(IBUG_68.regions[f"{s}_eye"])].mean(axis=0) for s in ("right", "left")
    ]
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(PUPIL_DISTANCE)


@pytest.mark.parametrize("turn", [(0, 0, 0), (30, 10, 5), (-60, 0, 20), (20, -25, -40)])
@pytest.mark.parametrize("place", [(0, 0, 600), (200, -100, 800), (-150, 50, 500)])
def test_a_head_in_a_known_position_is_found_there(
    turn: tuple[float, float, float], place: tuple[float, float, float]
) -> None:
    true = rotation(*turn)
    transform = head_transform(face_at(true, place), SIZE)
    np.testing.assert_allclose(transform[3], (0, 0, 0, 1))
    np.testing.assert_allclose(transform[:3, :3] @ transform[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.norm(transform[:3, 3] - place) < 1e-3 * place[2]
    assert degrees_between(transform[:3, :3], true) < 0.1


@given(
    turn=st.tuples(st.floats(-60, 60), st.floats(-25, 25), st.floats(-45, 45)),
    aside=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)),
    distance=st.floats(400, 3000),
)
@settings(max_examples=40)
def test_heads_near_the_camera_and_far_from_its_axis_are_found_there(
    turn: tuple[float, float, float], aside: tuple[float, float], distance: float
) -> None:
    true = rotation(*turn)
    place = (aside[0] * distance, aside[1] * distance, distance)
    transform = head_transform(face_at(true, place), SIZE)
    assert np.linalg.norm(transform[:3, 3] - place) < 1e-3 * distance
    assert degrees_between(transform[:3, :3], true) < 0.1


def test_the_fit_is_the_best_one_of_points_with_errors() -> None:
    random = np.random.default_rng(0)
    inner = np.arange(17, 68)
    face = face_at(rotation(25, -10, 15), (120, -60, 500))
    radius = random.uniform(1, 6, 68).astype(np.float32)
    errors = random.normal(size=(68, 2)) * radius[:, None] / 2
    face = replace(face, points=(face.points + errors).astype(np.float32), radius=radius)
    transform = head_transform(face, SIZE)
    scale = head_pose(face).scale
    weights = 1 / ((HEAD_STD * scale) ** 2 + (radius / DISC_90) ** 2)

    def misfit(turn: NDArray, place: NDArray) -> float:
        off = project(HEAD @ turn.T + place, SIZE) - face.points
        return float(((off**2).sum(axis=1) * weights)[inner].sum())

    lowest = misfit(transform[:3, :3], transform[:3, 3])
    for step in np.eye(6).repeat(2, axis=0) * np.tile([1, -1], 6)[:, None]:
        turn = rotation(*step[:3]) @ transform[:3, :3]
        assert misfit(turn, transform[:3, 3] + 2 * step[3:]) > lowest


def test_a_known_pose_saves_its_computation_and_gives_the_same() -> None:
    face = face_at(rotation(-30, 10, 5), (100, -60, 700))
    pose = head_pose(face)
    np.testing.assert_array_equal(head_transform(face, SIZE, pose=pose), head_transform(face, SIZE))


@pytest.mark.parametrize("focal", [1.0, 30.0, 1e7])
def test_an_unlikely_focal_length_gives_a_finite_transform(focal: float) -> None:
    transform = head_transform(face_at(rotation(20, 5, 0), (100, 0, 600)), SIZE, focal_length=focal)
    assert np.isfinite(transform).all()
    assert transform[2, 3] > 0
    np.testing.assert_allclose(transform[:3, :3] @ transform[:3, :3].T, np.eye(3), atol=1e-9)


def test_the_transform_projects_the_head_onto_the_points() -> None:
    face = face_at(rotation(25, -10, 15), (120, -60, 700))
    transform = head_transform(face, SIZE)
    back = project(HEAD @ transform[:3, :3].T + transform[:3, 3], SIZE)
    assert np.linalg.norm(back - face.points, axis=1).max() < 0.05


def test_a_face_that_looks_straight_from_the_middle_has_no_rotation() -> None:
    transform = head_transform(face_at(np.eye(3), (0, 0, 5000)), SIZE)
    np.testing.assert_allclose(transform[:3, :3], np.eye(3), atol=0.01)
    np.testing.assert_allclose(transform[:3, 3], (0, 0, 5000), atol=50)


def test_the_distance_is_proportional_to_the_focal_length() -> None:
    face = face_at(rotation(10, 0, 0), (0, 0, 2000))
    near, far = (head_transform(face, SIZE, focal_length=f)[2, 3] for f in (640, 1280))
    assert near == pytest.approx(2000, rel=0.01)
    assert far == pytest.approx(2 * near, rel=0.01)
    assert head_transform(face, SIZE)[2, 3] == pytest.approx(near)


def test_hidden_points_hardly_move_the_head() -> None:
    face = face_at(rotation(0, 0, 0), (0, 0, 600))
    hidden = MEAN_HEAD[:, 0] < -0.15
    points = face.points + np.where(hidden[:, None], np.float32(15), np.float32(0))
    visible = np.where(hidden, 0, 1).astype(np.float32)
    spoiled = replace(face, points=points.astype(np.float32))
    there = head_transform(face, SIZE)[:3, 3]
    off = [
        np.linalg.norm(head_transform(f, SIZE)[:3, 3] - there)
        for f in (replace(spoiled, visible=visible), spoiled)
    ]
    assert off[0] < 0.5 * off[1]


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_focal_length_that_is_not_positive_is_refused(bad: float) -> None:
    with pytest.raises(SettingsError, match="positive number of pixels"):
        head_transform(face_at(np.eye(3), (0, 0, 600)), SIZE, focal_length=bad)


def test_a_size_that_is_unknown_is_refused() -> None:
    with pytest.raises(SettingsError, match="height, width"):
        head_transform(face_at(np.eye(3), (0, 0, 600)), (0, 0))


def test_points_without_a_pose_have_no_transform() -> None:
    two = LandmarkSet(("a", "b"), mirrorable=False)
    face = Face((0, 0, 1, 1), 1.0, np.zeros((2, 2), np.float32), np.ones(2, np.float32), two)
    with pytest.raises(DataError, match="needs 6 points"):
        head_transform(face, SIZE)
