"""Measures of faces of which a part is hidden, and of faces of 70 points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement import MEASURES, head_pose, measure, unavailable
from facepoints.measurement.head_fit import angles

HIDDEN = MEAN_HEAD[:, 0] < -0.15  # the subject's right side


def turned(yaw: float, wrong: float = 0.0) -> NDArray[np.float64]:
    """The 68 points of the mean head turned to its left, in pixels.

    Args:
        yaw: degrees.
        wrong: error of the points of the right side, in distances of the outer eye corners.
    """
    angle = np.deg2rad(yaw)
    x, y, z = MEAN_HEAD.T
    flat = np.stack([np.cos(angle) * x + np.sin(angle) * z, y], axis=1) * 100 + 200
    random = np.random.default_rng(0)
    return flat + np.where(HIDDEN[:, None], random.normal(0, 100 * wrong, (68, 2)), 0)


def face_of(points: NDArray, visible: NDArray | None = None) -> Face:
    """A face of 70 points. The pupils are at the middle of the lids."""
    pupils = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    flat = np.concatenate([points, pupils]).astype(np.float32)
    seen = None if visible is None else visible.astype(np.float32)
    return Face((0, 0, 1, 1), 1.0, flat, np.ones(70, np.float32), OPENPOSE_70, visible=seen)


def test_70_points_give_all_measures_of_68() -> None:
    assert unavailable(OPENPOSE_70) == []
    face = face_of(turned(10))
    assert tuple(measure(face)) == MEASURES
    less = face.as_landmarks(OPENPOSE_70.subset(OPENPOSE_70.names[:68]))
    assert measure(less) == measure(face)


@pytest.mark.parametrize("yaw", [0.0, 30.0, 60.0])
def test_hidden_points_hardly_move_the_head_pose(yaw: float) -> None:
    hidden = np.append(HIDDEN, [True, False])
    spoiled = face_of(turned(yaw, wrong=0.3))
    seen = replace(spoiled, visible=np.where(hidden, 0, 1).astype(np.float32))
    all_seen = replace(spoiled, visible=np.ones(70, np.float32))

    def error(face: Face) -> float:
        pose = head_pose(face)
        return float(np.abs(angles(pose.turn) - (yaw, 0, 0)).max())

    assert error(face_of(turned(yaw))) < 0.5
    assert error(seen) < 3.0
    assert error(spoiled) > 2 * error(seen)
    assert head_pose(all_seen).yaw == pytest.approx(head_pose(spoiled).yaw)


def test_a_half_hidden_face_has_a_less_certain_pose() -> None:
    points = turned(40)
    hidden = np.append(HIDDEN, [True, False])
    whole, half = face_of(points), face_of(points, np.where(hidden, 0.0, 1.0))
    assert head_pose(half).point_radius[0] > 1.1 * head_pose(whole).point_radius[0]
    assert head_pose(half).radius[0] > head_pose(whole).radius[0]
    assert measure(half)["yaw"].radius == head_pose(half).radius[0]
