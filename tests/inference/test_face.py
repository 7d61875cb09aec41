"""A face and its points under other names."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
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


def test_a_face_that_has_the_wanted_points_stays_as_it_is() -> None:
    face = seen()
    same = face.as_landmarks(LandmarkSet.from_dict(face.landmarks.to_dict()))
    assert same is face


def test_means_are_computed_from_a_larger_set() -> None:
    more = IBUG_68.union(LandmarkSet(("left_ear", "right_ear")))
    face = a_face(more)
    center = face.as_landmarks(LandmarkSet(("left_eye_center", "right_eye_center")))
    eye = [k for k, name in enumerate(more.names) if name.startswith("left_eye_")]
    np.testing.assert_allclose(center.points[0], face.points[eye].mean(axis=0), rtol=1e-5)


def test_points_that_cannot_be_computed_are_named() -> None:
    with pytest.raises(DataError, match="chin"):
        a_face(KAGGLE_15).as_landmarks(IBUG_68.subset(["chin"]))


def test_the_number_of_points_must_fit_the_names() -> None:
    with pytest.raises(DataError, match=r"radius must have shape \(15,\), has \(14,\)"):
        Face((0, 0, 1, 1), 1.0, np.zeros((15, 2), np.float32), np.zeros(14, np.float32), KAGGLE_15)


def test_a_face_has_a_short_repr() -> None:
    text = "Face(box=(10.0, 20.0, 30.0, 40.0), score=0.750, 68 points, track_id=3)"
    assert repr(a_face()) == text


def test_a_point_is_read_by_its_name() -> None:
    face = a_face(KAGGLE_15)
    np.testing.assert_array_equal(face["nose_tip"], face.points[KAGGLE_15.names.index("nose_tip")])
    assert "nose_tip" in face
    assert "chin" not in face


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nose", "no point 'nose'; choose one of: .*nose_tip"),
        ("left_eye_centre", "no point 'left_eye_centre'; choose one of: left_eye_center"),
        (3, "no point '3'; choose one of: left_eye_center, .*, [.]{3}$"),
    ],
)
def test_an_unknown_point_suggests_similar_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        a_face(KAGGLE_15)[name]


def test_a_region_holds_its_points_in_the_order_of_the_set() -> None:
    face = a_face()
    np.testing.assert_array_equal(face.region("left_eye"), face.points[42:48])
    np.testing.assert_array_equal(face.region("jaw"), face.points[:17])
    assert a_face(KAGGLE_15).region("left_eyebrow").shape == (2, 2)
    with pytest.raises(DataError, match="no region 'left_eyes'; choose one of: left_eye"):
        face.region("left_eyes")
    with pytest.raises(DataError, match=r"no region 'jaw'; choose one of: right_eyebrow, .*mouth$"):
        a_face(KAGGLE_15).region("jaw")


def test_faces_are_equal_by_their_values() -> None:
    face, same = a_face(), a_face()
    assert face == same
    assert face != replace(face, track_id=4)
    assert face != replace(face, points=face.points + np.float32(1))
    assert face != a_face(KAGGLE_15)
    assert face != "face"
    assert [face].index(same) == 0
    with pytest.raises(TypeError, match="unhashable"):
        hash(face)


def test_the_dictionary_of_a_face_restores_its_numbers() -> None:
    face = replace(a_face(KAGGLE_15), box=(0.1, 0.2, 10 / 3, 4.0), score=0.1)
    data = json.loads(json.dumps(face.to_dict()))
    assert list(data) == ["box", "score", "track", "points", "radius"]
    assert data["box"] == [0.1, 0.2, 3.3333333, 4.0]
    assert (data["score"], data["track"]) == (0.1, 3)
    np.testing.assert_array_equal(np.array(data["points"], np.float32), face.points)
    np.testing.assert_array_equal(np.array(data["radius"], np.float32), face.radius)


def test_points_of_other_known_sets_are_computed() -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    face = Face((0.0, 0.0, 9.0, 9.0), 0.9, points, np.ones(68, np.float32), IBUG_68)
    np.testing.assert_array_equal(face["nose_tip"], points[30])
    np.testing.assert_allclose(face["left_eye_center"], points[42:48].mean(axis=0))
    assert "nose_tip" in face
    assert "left_ear" not in face
    with pytest.raises(DataError, match="choose one of: nose_tip"):
        face["nose_tipp"]


def seen(landmarks: LandmarkSet = OPENPOSE_70) -> Face:
    """A face with a known visibility."""
    visible = np.random.default_rng(1).uniform(0, 1, len(landmarks)).astype(np.float32)
    return replace(a_face(landmarks), visible=visible)


def test_the_visibility_must_fit_the_names() -> None:
    with pytest.raises(DataError, match=r"visible must have shape \(70,\), has \(68,\)"):
        replace(a_face(OPENPOSE_70), visible=np.ones(68, np.float32))


def test_visibility_is_a_value_of_a_face() -> None:
    face = seen()
    assert face.visible is not None
    assert face == seen()
    assert face != a_face(OPENPOSE_70)
    assert a_face(OPENPOSE_70) != face
    assert face != replace(face, visible=1 - face.visible)
    exact = replace(face, visible=np.round(face.visible, 2))
    assert face == exact, "files keep two decimals"
    for same in (pickle.loads(pickle.dumps(face)), copy.deepcopy(face)):
        assert same == face
        np.testing.assert_array_equal(same.visible, face.visible)


def test_the_dictionary_has_the_visibility_if_it_is_known() -> None:
    face = replace(seen(KAGGLE_15), visible=np.linspace(0, 1, 15, dtype=np.float32))
    data = json.loads(json.dumps(face.to_dict()))
    assert list(data) == ["box", "score", "track", "points", "radius", "visible"]
    assert data["visible"][:3] == [0.0, 0.07, 0.14]
    assert data["visible"][-1] == 1.0
    assert "visible" not in a_face().to_dict()


def test_a_point_is_as_visible_as_its_least_visible_part() -> None:
    face = seen()
    assert face.visible is not None
    less = face.as_landmarks(KAGGLE_15)
    assert less.visible is not None
    assert less.visible.dtype == np.float32
    center = KAGGLE_15.names.index("left_eye_center")
    assert less.visible[center] == face.visible[42:48].min()
    tip = KAGGLE_15.names.index("nose_tip")
    assert less.visible[tip] == face.visible[30]
    same = face.as_landmarks(IBUG_68)
    np.testing.assert_array_equal(same.visible, face.visible[:68])
    np.testing.assert_array_equal(same.points, face.points[:68])
    assert a_face(OPENPOSE_70).as_landmarks(KAGGLE_15).visible is None


def test_regions_of_70_points_are_those_of_68() -> None:
    face = a_face(OPENPOSE_70)
    np.testing.assert_array_equal(face.region("right_eye"), face.points[36:42])
    np.testing.assert_array_equal(face.region("pupils"), face.points[68:])
    np.testing.assert_array_equal(face["left_pupil"], face.points[69])
    np.testing.assert_allclose(face["left_eye_center"], face.points[42:48].mean(axis=0), rtol=1e-5)
