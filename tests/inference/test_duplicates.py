"""Each face once: faces that overlap, and faces that are read upside down."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

import facepoints
from facepoints import Face
from facepoints.imaging import affine
from facepoints.inference.duplicates import direction_of, without_duplicates
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE


def a_face(
    x: float, y: float, side: float, degrees: float = 0.0, score: float = 0.9, radius: float = 2.0
) -> Face:
    """A mean face of `side` pixels at (x, y), turned clockwise."""
    turn = affine.rotation_matrix(degrees, (0, 0))[:, :2]
    points = (MEAN_FACE @ turn.T * side + (x, y)).astype(np.float32)
    radii = np.full(68, radius, np.float32)
    return Face(affine.bounding_box(points), score, points, radii, IBUG_68)


def kept(*faces: Face) -> list[Face]:
    return without_duplicates(faces, MEAN_FACE)


@pytest.mark.parametrize("degrees", [0, 30, -90, 180])
def test_the_direction_of_a_face_is_its_turn_clockwise(degrees: float) -> None:
    away = direction_of(a_face(50, 60, 40, degrees), MEAN_FACE) - degrees
    assert (away + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    flat = Face((0, 0, 1, 1), 0.9, np.zeros((68, 2), np.float32), np.ones(68, np.float32), IBUG_68)
    assert direction_of(flat, MEAN_FACE) == 0


def test_of_two_faces_in_one_place_the_more_certain_is_kept() -> None:
    better = a_face(101, 100, 80, score=0.95)
    assert kept(a_face(100, 100, 80, score=0.9), better) == [better]


def test_between_equal_scores_the_smaller_radii_are_kept() -> None:
    exact = a_face(101, 100, 80, radius=1)
    assert kept(a_face(100, 100, 80, radius=3), exact) == [exact]


def test_neighbors_whose_boxes_touch_are_two_faces() -> None:
    assert len(kept(a_face(100, 100, 80), a_face(165, 100, 80))) == 2
    assert len(kept(a_face(100, 100, 80, -25), a_face(165, 100, 80, 25))) == 2


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("shift", [0, 30, 55])
def test_a_second_face_across_the_first_is_no_face(degrees: float, shift: float) -> None:
    """Its box need not share half of its area: a forehead with brows is read as a chin."""
    right = a_face(100, 100, 80, radius=2)
    ghost = a_face(100, 100 - shift, 80, degrees, radius=6)
    assert kept(ghost, right) == [right]


def test_a_face_upside_down_elsewhere_is_kept() -> None:
    assert len(kept(a_face(100, 100, 80), a_face(260, 100, 80, 180))) == 2


def test_any_angle_finds_an_upright_face_once_and_as_well() -> None:
    photo = data.astronaut()
    (plain,) = facepoints.load(threads=1)(photo)
    (any_angle,) = facepoints.load(threads=1, any_angle=True)(photo)
    side = max(plain.box[2:])
    assert np.linalg.norm(plain.points - any_angle.points, axis=1).max() < 0.04 * side
