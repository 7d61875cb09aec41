"""Boxes of faces with missing labels: as large as if all points were labeled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.datasets.face_boxes import face_boxes
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

OWN = LandmarkSet(tuple(f"own_{number}" for number in range(68)), mirrorable=False)
"""Points that the mean face does not have."""

BOTH = pytest.mark.parametrize("landmarks", [IBUG_68, OWN], ids=["known", "own"])


def faces(count: int, seed: int, *, noise: float = 0.01) -> np.ndarray:
    """(count, 68, 2) mean faces of different places, sizes and turns, with noise."""
    random = np.random.default_rng(seed)
    points = MEAN_FACE + random.normal(0, noise, (count, 68, 2))
    placed = []
    for one in points:
        angle, size = random.uniform(-20, 20), random.uniform(40, 400)
        turn = affine.rotation_matrix(angle, (0, 0)) * size
        turn[:, 2] = random.uniform(0, 500, 2)
        placed.append(affine.apply(turn, one))
    return np.array(placed, dtype=np.float32)


def sides(boxes: list[tuple[float, float, float, float]]) -> np.ndarray:
    return np.array([max(box[2:]) for box in boxes])


def centers(boxes: list[tuple[float, float, float, float]]) -> np.ndarray:
    return np.array([(box[0] + box[2] / 2, box[1] + box[3] / 2) for box in boxes])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 8), st.sampled_from([IBUG_68, OWN]))
def test_missing_labels_hardly_change_the_box(
    seed: int, complete: int, landmarks: LandmarkSet
) -> None:
    random, points = np.random.default_rng(seed), faces(24, seed)
    whole = face_boxes(points, np.ones((24, 68), dtype=bool), landmarks)
    labelled = np.array([random.permutation(68) < random.integers(10, 40) for _ in points])
    labelled[:complete] = True
    boxes = face_boxes(points, labelled, landmarks)
    assert boxes[:complete] == whole[:complete]
    assert np.abs(sides(boxes) / sides(whole) - 1).max() < 0.2
    assert (np.hypot(*(centers(boxes) - centers(whole)).T) / sides(whole)).max() < 0.15


@BOTH
def test_four_points_of_most_faces_and_one_point_of_another(landmarks: LandmarkSet) -> None:
    points = faces(30, seed=5)
    labelled = np.ones((30, 68), dtype=bool)
    labelled[10:] = False
    labelled[10:, [36, 45, 30, 57]] = True  # outer eye corners, nose tip, lower lip
    labelled[29] = False
    labelled[29, 30] = True
    whole = face_boxes(points, np.ones_like(labelled), landmarks)
    boxes = face_boxes(points, labelled, landmarks)
    assert np.abs(sides(boxes) / sides(whole) - 1)[:29].max() < 0.2
    usual = float(np.median(sides(whole)))
    assert sides(boxes)[29] == pytest.approx(usual, rel=0.5)  # its own size is not known
    x, y, width, height = boxes[29]
    assert x < points[29, 30, 0] < x + width
    assert y < points[29, 30, 1] < y + height


@BOTH
def test_labels_that_are_no_face_have_their_own_box(landmarks: LandmarkSet) -> None:
    points, labelled = faces(12, seed=7), np.ones((12, 68), dtype=bool)
    labelled[0, 20:] = False
    points[0] = np.random.default_rng(1).uniform(0, 300, (68, 2))
    labelled[1, 1:] = False
    labelled[1, 1] = True
    points[1] = 50.0  # all in one place
    labelled[2] = False
    labelled[2, [36, 45]] = True
    points[2, [36, 45]] = points[2, [45, 36]]  # left and right have each other's names
    boxes = face_boxes(points, labelled, landmarks)
    assert boxes[0] == affine.bounding_box(points[0], labelled[0])
    side = float(np.median(np.delete(sides(boxes), 1)))
    assert boxes[1] == pytest.approx((50 - side / 2, 50 - side / 2, side, side), abs=1e-3)
    assert boxes[2] == affine.bounding_box(points[2], labelled[2])


@BOTH
def test_points_that_no_face_has_do_not_count(landmarks: LandmarkSet) -> None:
    points, labelled = faces(5, seed=9), np.ones((5, 68), dtype=bool)
    labelled[:, :27] = False  # no jaw, no brows
    expected = [affine.bounding_box(p, known) for p, known in zip(points, labelled, strict=True)]
    assert face_boxes(points, labelled, landmarks) == expected


def test_a_point_of_a_single_face_changes_no_other_box() -> None:
    points, labelled = faces(40, seed=15), np.ones((40, 68), dtype=bool)
    labelled[1:, 67] = False
    points[0, 67] += 9000  # a slip of the mouse
    expected = [affine.bounding_box(p, known) for p, known in zip(points, labelled, strict=True)]
    assert face_boxes(points, labelled, OWN) == expected
    assert max(sides(face_boxes(points, labelled, IBUG_68))[1:]) < 1000  # the mean face has it


@BOTH
def test_faces_of_two_halves_that_share_points_are_joined(landmarks: LandmarkSet) -> None:
    points, labelled = faces(20, seed=11), np.zeros((20, 68), dtype=bool)
    labelled[::2, :8], labelled[1::2, 9:17] = True, True
    labelled[:, [8, 27, 28, 29, 30, 33, 51, 57]] = True
    whole = face_boxes(points, np.ones_like(labelled), landmarks)
    boxes = face_boxes(points, labelled, landmarks)
    assert np.abs(sides(boxes) / sides(whole) - 1).max() < 0.15


def test_a_profile_with_half_of_its_points_is_framed_as_other_faces() -> None:
    """All profiles of a set join to no face; the mean face says where the other half would be."""
    points, labelled = faces(10, seed=13), np.ones((10, 68), dtype=bool)
    right = MEAN_FACE[:, 0] < 0.001
    for row in range(10):  # the visible half is half as wide again as from the front
        labelled[row] = right if row % 2 else right[IBUG_68.mirror]
        middle = points[row, 27:31].mean(axis=0)
        points[row, :, 0] = middle[0] + 1.4 * (points[row, :, 0] - middle[0])
    boxes = face_boxes(points, labelled, IBUG_68)
    heights = [affine.bounding_box(p, known)[3] for p, known in zip(points, labelled, strict=True)]
    assert (sides(boxes) / heights).max() < 1.5  # 2.0 by the halves joined


@BOTH
def test_a_single_label_is_framed_by_the_box_of_the_file_or_refused(landmarks: LandmarkSet) -> None:
    points, labelled = faces(4, seed=17), np.zeros((4, 68), dtype=bool)
    labelled[:, 30] = True
    with pytest.raises(DataError, match="label two points or more"):
        face_boxes(points, labelled, landmarks)
    in_file = np.full((4, 4), np.nan)
    with pytest.raises(DataError, match="label two points or more"):
        face_boxes(points, labelled, landmarks, in_file)
    in_file[0], in_file[1] = (10, 20, 90, 100), (5, 6, 0, 0)
    boxes = face_boxes(points, labelled, landmarks, in_file)
    assert boxes[0] == (10, 20, 90, 100)
    assert sides(boxes).tolist() == [100] * 4
    np.testing.assert_allclose(centers(boxes)[1:], points[1:, 30], atol=1e-3)
    labelled[2] = True  # the labels of a whole face count, not its box
    in_file[2] = 0, 0, 9999, 9999
    assert face_boxes(points, labelled, landmarks, in_file)[2] == affine.bounding_box(points[2])
