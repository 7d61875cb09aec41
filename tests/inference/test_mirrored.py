"""Test-time mirroring: the points and measures of an image and of its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import MeanModel
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

import facepoints
from facepoints.api import FaceModel
from facepoints.detection import Detection, FullImageDetector
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.inference.mirrored import mean_faces, mirror_face, mirror_image
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement import measure

WIDTH = 300
HEAD = MEAN_HEAD[:, :2] * 80


def face_at(x: float, y: float, score: float = 0.9, seed: int = 0) -> Face:
    rng = np.random.default_rng(seed)
    points = (HEAD + np.array([x, y]) + rng.normal(size=(68, 2))).astype(np.float32)
    radius = rng.uniform(1, 3, 68).astype(np.float32)
    visible = rng.uniform(0, 1, 68).astype(np.float32)
    closure = EyeClosure(0.2, None, "", "hidden")
    box = affine.bounding_box(points)
    return Face(box, score, points, radius, IBUG_68, visible=visible, eye_closure=closure)


def no_face(image: object, detections: object) -> list[Face]:
    return []


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(20, 4000))
def test_mirroring_twice_gives_the_face_back(seed: int, width: int) -> None:
    face = face_at(100, 90, seed=seed)
    twice = mirror_face(mirror_face(face, width), width)
    np.testing.assert_allclose(twice.points, face.points, atol=1e-3)
    np.testing.assert_array_equal(twice.radius, face.radius)
    np.testing.assert_allclose(twice.box, face.box, atol=1e-3)
    assert twice.eye_closure == face.eye_closure
    once = mirror_face(face, width)
    np.testing.assert_allclose(
        once["left_eye_outer_corner"],
        (width - 1, 0) + face["right_eye_outer_corner"] * (-1, 1),
        atol=1e-3,
    )
    assert once.eye_closure == EyeClosure(None, 0.2, "hidden", "")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99))
def test_the_mean_of_both_images_is_mirrored_with_them(seed: int) -> None:
    """Two people; both predictions of each differ, and the order of the faces, too."""
    image = np.zeros((240, WIDTH, 3), np.uint8)
    here = [face_at(90, 90, 0.9, seed), face_at(210, 150, 0.8, seed + 1)]
    there = [
        mirror_face(face_at(212, 151, 0.95, seed + 2), WIDTH),
        mirror_face(face_at(91, 88, 0.7, seed + 3), WIDTH),
    ]
    one = mean_faces(image, here, there, no_face, HEAD)
    other = mean_faces(mirror_image(image), there, here, no_face, HEAD)
    assert [face.score for face in one] == pytest.approx([0.875, 0.8])
    for a, b in zip(one, other, strict=True):
        back = mirror_face(b, WIDTH)
        np.testing.assert_allclose(back.points, a.points, atol=1e-3)
        np.testing.assert_allclose(back.radius, a.radius, rtol=1e-6)
        assert back.visible is not None
        assert a.visible is not None
        np.testing.assert_allclose(back.visible, a.visible, rtol=1e-6)
    middle = (here[0].points.astype(float) + face_at(91, 88, seed=seed + 3).points) / 2
    np.testing.assert_allclose(one[1].points, middle, atol=1e-3)


def test_a_face_of_one_image_is_looked_for_in_the_other() -> None:
    image = np.zeros((240, WIDTH), np.uint8)
    face, partner = face_at(90, 90), mirror_face(face_at(94, 90), WIDTH)
    places: list[Detection] = []

    def predict(seen: object, detections: Sequence[Detection]) -> list[Face]:
        places.extend(detections)
        return [partner]

    (found,) = mean_faces(image, [face], [], predict, HEAD)
    (place,) = places
    np.testing.assert_allclose(place.box, mirror_face(face, WIDTH).box, atol=3)
    assert found.points[:, 0].mean() == pytest.approx(face.points[:, 0].mean() + 2, abs=0.1)
    (alone,) = mean_faces(image, [face], [], no_face, HEAD)
    assert alone == face


def test_a_photo_and_its_mirror_image_have_mirrored_measures() -> None:
    model = facepoints.load(symmetric=True, eye_closure=True)
    image = data.astronaut()[:300, 60:420]
    (face,), (other,) = model(image), model(mirror_image(image))
    here, there = measure(face), measure(other)
    assert list(here) == list(there)
    for name, measured in here.items():
        swapped = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        sign = -1 if name in ("yaw", "roll") else 1
        assert there[swapped].value == pytest.approx(sign * measured.value, rel=1e-3, abs=2e-3)
        assert there[swapped].radius == pytest.approx(measured.radius, rel=1e-3)
    one, two = face.eye_closure, other.eye_closure
    assert one is not None
    assert two is not None
    assert (one.right, one.left) == pytest.approx((two.left, two.right), abs=2e-4)
    plain = facepoints.load()(image)[0]
    assert np.abs(plain.points - face.points).max() < 3
    assert not np.allclose(plain.points, face.points, atol=1e-3)


def test_points_without_sides_and_videos_are_refused() -> None:
    class Plain(MeanModel):
        @property
        def landmarks(self) -> LandmarkSet:
            return replace(super().landmarks, mirrorable=False)

    with pytest.raises(SettingsError, match="left and right in their names"):
        FaceModel(Plain(), FullImageDetector(), symmetric=True)
    with pytest.raises(SettingsError, match="are for images"):
        FaceModel(MeanModel(), FullImageDetector(), symmetric=True).track("clip.mp4")
