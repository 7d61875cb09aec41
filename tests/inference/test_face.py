"""A face and its points under other names."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet


def a_face(landmarks: LandmarkSet = IBUG_68) -> Face:
    k = len(landmarks)
    rng = np.random.default_rng(0)
    return Face(
        box=(10.0, 20.0, 30.0, 40.0),
        score=0.75,
        points=rng.uniform(0, 100, (k, 2)).astype(np.float32),
        radius=rng.uniform(1, 5, k).astype(np.float32),
        landmarks=landmarks,
        track_id=3,
    )


def test_points_of_another_set_are_copies_and_means() -> None:
    face = a_face()
    less = face.as_landmarks(KAGGLE_15)
    eye = [k for k, name in enumerate(IBUG_68.names) if name.startswith("left_eye_")]
    column = KAGGLE_15.names.index("left_eye_center")
    np.testing.assert_allclose(less.points[column], face.points[eye].mean(axis=0), rtol=1e-5)
    assert face.radius[eye].mean() < less.radius[column] < face.radius[eye].max()
    np.testing.assert_allclose(less.radius[column] ** 2, (face.radius[eye] ** 2).mean(), rtol=1e-5)
    tip, same = KAGGLE_15.names.index("nose_tip"), IBUG_68.names.index("nose_bridge_4")
    assert (less.points[tip] == face.points[same]).all()
    np.testing.assert_allclose(less.radius[tip], face.radius[same], rtol=1e-6)
    assert (less.box, less.score, less.track_id) == (face.box, face.score, face.track_id)
    assert less.points.dtype == less.radius.dtype == np.float32


def test_means_are_known_from_a_set_that_holds_more() -> None:
    more = IBUG_68.union(LandmarkSet(("left_ear", "right_ear")))
    face = a_face(more)
    center = face.as_landmarks(LandmarkSet(("left_eye_center", "right_eye_center")))
    eye = [k for k, name in enumerate(more.names) if name.startswith("left_eye_")]
    np.testing.assert_allclose(center.points[0], face.points[eye].mean(axis=0), rtol=1e-5)


def test_points_that_cannot_be_had_are_named() -> None:
    with pytest.raises(DataError, match="chin"):
        a_face(KAGGLE_15).as_landmarks(IBUG_68.subset(["chin"]))


def test_points_must_fit_their_names() -> None:
    with pytest.raises(DataError, match=r"radius must have shape \(15,\), has \(14,\)"):
        Face((0, 0, 1, 1), 1.0, np.zeros((15, 2), np.float32), np.zeros(14, np.float32), KAGGLE_15)


def test_a_face_prints_short() -> None:
    said = "Face(box=(10.0, 20.0, 30.0, 40.0), score=0.750, 68 points, track=3)"
    assert repr(a_face()) == said
