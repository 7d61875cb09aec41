"""Are the eyes open or closed? On the astronaut, whose eyes are open, and with closed lids."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from acting import acted
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints import weights
from facepoints.api import FaceModel
from facepoints.errors import DataError, ModelError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.eye_state import SIDE, EyeStateModel, eye_matrix
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

Image = NDArray[np.uint8]
PHOTO = np.ascontiguousarray(data.astronaut()[20:240, 100:330])


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load(threads=1, eye_closure=True)


@pytest.fixture(scope="module")
def state(model: FaceModel) -> EyeStateModel:
    assert model.eye_state is not None
    return model.eye_state


@pytest.fixture(scope="module")
def face(model: FaceModel) -> Face:
    return model(PHOTO)[0]


def closure_of(face: Face) -> EyeClosure:
    assert face.eye_closure is not None
    return face.eye_closure


def values(closure: EyeClosure) -> list[float]:
    assert closure.right is not None
    assert closure.left is not None
    return [closure.right, closure.left]


def shut(face: Face, closed: float = 1.0) -> Image:
    return acted(PHOTO, face.as_landmarks(IBUG_68).points, closed=closed)


def test_open_eyes_are_open_and_closed_ones_closed(
    model: FaceModel, state: EyeStateModel, face: Face
) -> None:
    assert max(values(closure_of(face))) < 0.3
    assert min(values(state.closures(shut(face), [face])[0])) > 0.7
    assert min(values(closure_of(model(shut(face))[0]))) > 0.7


def test_it_is_predicted_only_when_asked_for(face: Face) -> None:
    plain = facepoints.load(threads=1)(PHOTO)[0]
    assert plain.eye_closure is None
    assert "eye_closure" not in plain.to_dict()
    assert np.array_equal(plain.points, face.points)


@pytest.mark.parametrize("eye", ["right", "left"])
def test_a_wink_closes_the_subjects_own_eye(state: EyeStateModel, face: Face, eye: str) -> None:
    winking = PHOTO.copy()
    x, y = face.region(f"{eye}_eye").mean(axis=0).round().astype(int)
    near = slice(y - 20, y + 20), slice(x - 22, x + 22)
    winking[near] = shut(face)[near]
    closure = state.closures(winking, [face])[0]
    other = "left" if eye == "right" else "right"
    closed, still_open = closure.of(eye)[0], closure.of(other)[0]
    assert closed is not None
    assert still_open is not None
    assert closed > 0.7
    assert still_open < 0.3


def test_a_mirrored_photo_swaps_the_eyes(model: FaceModel, face: Face) -> None:
    mirrored = closure_of(model(PHOTO[:, ::-1])[0])
    assert [mirrored.left, mirrored.right] == pytest.approx(values(closure_of(face)), abs=0.15)


def test_light_turns_and_size_change_little(model: FaceModel, face: Face) -> None:
    dark = (PHOTO * 0.25).astype(np.uint8)
    assert max(values(closure_of(model(dark)[0]))) < 0.4
    assert min(values(closure_of(model((shut(face) * 0.25).astype(np.uint8))[0]))) > 0.6
    half = affine.resize(PHOTO, PHOTO.shape[1] // 2, PHOTO.shape[0] // 2)
    assert max(values(closure_of(model(half)[0]))) < 0.4
    turned = affine.warp(PHOTO, affine.rotation_matrix(25, (115, 110)), 230, 220)
    assert max(values(closure_of(model(turned)[0]))) < 0.4


def test_gray_color_and_batches_agree(model: FaceModel, state: EyeStateModel, face: Face) -> None:
    gray = to_gray(PHOTO)
    assert values(state.closures(gray, [face])[0]) == pytest.approx(
        values(state.closures(PHOTO, [face])[0]), abs=0.03
    )
    first, second = state.closures(PHOTO, [face, replace(face, points=face.points + 0.5)])
    assert values(first) == pytest.approx(values(closure_of(face)), abs=1e-3)
    assert values(second) != values(first)
    assert state.closures(PHOTO, []) == []
    one, other = (closure_of(faces[0]) for faces in model([PHOTO, shut(face)]))
    assert values(one) == pytest.approx(values(closure_of(face)), abs=1e-3)
    assert min(values(other)) > 0.7


def test_a_hidden_eye_has_a_reason_and_no_value(state: EyeStateModel, face: Face) -> None:
    assert face.visible is not None
    visible = face.visible.copy()
    visible[face.landmarks.columns(face.landmarks.regions["left_eye"])] = 0.1
    closure = state.closures(PHOTO, [replace(face, visible=visible)])[0]
    assert (closure.left, closure.left_reason) == (None, "hidden")
    assert closure.right is not None
    assert closure.mean == closure.right


def test_dark_glasses_are_no_eye(state: EyeStateModel, face: Face) -> None:
    covered = PHOTO.copy()
    for eye in ("right", "left"):
        x, y = face.region(f"{eye}_eye").mean(axis=0).round().astype(int)
        cv2.ellipse(covered, (int(x), int(y)), (22, 17), 0, 0, 360, (20, 20, 22), -1, cv2.LINE_AA)
    closure = state.closures(covered, [face])[0]
    assert closure == EyeClosure(None, None, "no eye seen", "no eye seen")
    assert closure.mean is None


def test_an_eye_outside_the_image_or_too_small_has_a_reason(
    state: EyeStateModel, face: Face
) -> None:
    x = int(face.region("left_eye")[:, 0].mean()) - 3
    assert state.closures(PHOTO[:, :x], [face])[0].left_reason == "outside the image"
    tiny = replace(face, points=face.points * 0.15)
    assert state.closures(PHOTO, [tiny])[0] == EyeClosure(None, None, "too small", "too small")


def test_landmark_sets_with_other_points(state: EyeStateModel, face: Face) -> None:
    fifteen = face.as_landmarks(KAGGLE_15)
    assert max(values(state.closures(PHOTO, [fifteen])[0])) < 0.3
    nose = LandmarkSet(("nose_tip",))
    other = Face(face.box, 1.0, face["nose_tip"][None], np.ones(1, np.float32), nose)
    assert state.closures(PHOTO, [other])[0].right_reason == "no eye corners"


def test_the_crop_shows_the_eye_upright_with_its_corners_in_place(face: Face) -> None:
    matrix = eye_matrix(face, "left")
    for part, x in (("inner", 0.15), ("outer", 0.85)):
        corner = matrix[:, :2] @ face[f"left_eye_{part}_corner"] + matrix[:, 2]
        np.testing.assert_allclose(corner, [x * SIDE - 0.5, SIDE / 2 - 0.5], atol=0.7)


def test_json_lines_keep_it(tmp_path: Path, face: Face) -> None:
    hidden = EyeClosure(0.25, None, "", "hidden")
    faces = [face, replace(face, eye_closure=hidden)]
    file = tmp_path / "faces.jsonl"
    facepoints.write_faces([facepoints.FrameResult("a.png", faces, PHOTO.shape[:2])], file)
    (read,) = facepoints.read_faces(file)
    assert read.faces == faces
    assert read.faces[1].eye_closure == hidden
    text = file.read_text(encoding="utf-8").replace('"right": 0.25', '"right": 25')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        list(facepoints.read_faces(file))


def test_a_model_with_eyes_can_be_pickled_and_described(model: FaceModel, face: Face) -> None:
    copied = pickle.loads(pickle.dumps(model))
    assert copied(PHOTO) == [face]
    assert copied.describe() == model.describe()
    assert model.describe() != facepoints.load().describe()


def test_what_is_not_a_crop_or_not_a_model_is_an_error(state: EyeStateModel) -> None:
    with pytest.raises(DataError, match="uint8"):
        state(np.zeros((2, 24, 24), np.uint8))
    with pytest.raises(DataError, match="float32"):
        state(np.zeros((2, SIDE, SIDE), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not an eye state"):
        EyeStateModel.load(weights.DETECTOR)
