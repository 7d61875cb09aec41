"""Faces cut out upright: positions of their points, and the files."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.datasets import synthetic
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.alignment import (
    ARCFACE,
    SIZES,
    TEMPLATES,
    Template,
    align,
    align_matrix,
    crops,
)
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, KAGGLE_NARROW, KAGGLE_SCHEMES
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import mean_points
from facepoints.landmarks.mean_head import MEAN_HEAD

TEMPLATE_NAMES: tuple[Template, ...] = get_args(Template)


def face_of(points: np.ndarray, landmarks: LandmarkSet = IBUG_68) -> Face:
    flat = points.astype(np.float32)
    radius = np.ones(len(flat), np.float32)
    return Face(affine.bounding_box(flat), 1.0, flat, radius, landmarks)


def points_at(face: Face, names: tuple[str, ...]) -> np.ndarray:
    return face.as_landmarks(KAGGLE_15.subset(names)).points


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TEMPLATE_NAMES),
    st.integers(32, 300),
    st.floats(-180, 180),
    st.floats(0.3, 4),
    st.floats(-50, 400),
)
def test_points_that_fit_the_template_are_mapped_onto_it(
    template: Template, size: int, degrees: float, scale: float, shift: float
) -> None:
    target = TEMPLATES[template](size)
    names = tuple(target)
    wanted = np.array(list(target.values()))
    move = affine.rotation_matrix(degrees, (10.0, 20.0))
    move[:, :2] *= scale
    move[:, 2] += shift
    face = face_of(affine.apply(move, wanted), KAGGLE_15.subset(names))
    matrix = align_matrix(face, template, size)
    np.testing.assert_allclose(affine.apply(matrix, face.points), wanted, atol=2e-3)
    back = affine.compose(move, matrix)
    np.testing.assert_allclose(back, np.eye(3)[:2], atol=3e-3)


def test_eyes_are_level_and_in_their_positions() -> None:
    face = face_of((MEAN_HEAD[:, :2] @ [[0.9, 0.3], [-0.3, 0.9]]) * 80 + (300, 200))
    moved = replace(face, points=affine.apply(align_matrix(face, "eyes", 200), face.points))
    right, left = points_at(moved, ("right_eye_center", "left_eye_center"))
    np.testing.assert_allclose(right, (0.35 * 200 - 0.5, 0.4 * 200 - 0.5), atol=1e-3)
    np.testing.assert_allclose(left, (0.65 * 200 - 0.5, 0.4 * 200 - 0.5), atol=1e-3)
    assert moved.points.min() > 0
    assert moved.points.max() < 200


def test_the_arcface_template_equals_insightface() -> None:
    assert list(ARCFACE.values()) == [
        (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
        (41.5493, 92.3655), (70.7299, 92.2041),
    ]  # fmt: skip
    np.testing.assert_allclose(
        list(TEMPLATES["arcface-112"](112).values()), list(ARCFACE.values()), atol=1e-9
    )
    # the subject's right eye is on the image's left, as in InsightFace's order
    assert next(iter(ARCFACE)) == "right_eye_center"
    head = face_of(MEAN_HEAD[:, :2] * 50 + 100)
    moved = affine.apply(align_matrix(head, "arcface-112"), points_at(head, tuple(ARCFACE)))
    assert np.abs(moved - np.array(list(ARCFACE.values()))).max() < 4


@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_pixels_move_with_the_points(template: Template) -> None:
    """Bright dots at the points of an image: their centers of mass lie on the aligned points,
    without half a pixel between them."""
    names = tuple(TEMPLATES[template](SIZES[template]))
    head = MEAN_HEAD[:, :2] @ [[0.95, -0.2], [0.2, 0.95]] * 120 + (260.3, 150.6)
    face = face_of(head)
    places = points_at(face, names)
    ys, xs = np.mgrid[:420, :560]
    image = np.zeros((420, 560), np.uint8)
    for x, y in places:
        blob = 250 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 3.0**2))
        image = np.maximum(image, blob.astype(np.uint8))
    crop = align(image, face, template).astype(float)
    moved = affine.apply(align_matrix(face, template), places)
    ys, xs = np.mgrid[: len(crop), : len(crop)]
    for x, y in moved:
        near = crop * (np.hypot(xs - x, ys - y) < 8)
        center = np.array([(near * xs).sum(), (near * ys).sum()]) / near.sum()
        np.testing.assert_allclose(center, (x, y), atol=0.12)


def test_colors_of_a_synthetic_face_are_kept() -> None:
    data = synthetic.render(1, seed=4, size=200)
    gray, face = data.images[0], face_of(data.points[0])
    color = np.stack([gray, gray // 2, gray // 4], axis=-1)
    crop = align(color, face, "eyes", 96)
    assert crop.shape == (96, 96, 3)
    assert crop.dtype == np.uint8
    np.testing.assert_allclose(crop[..., 0], align(gray, face, "eyes", 96), atol=1)
    assert (crop[..., 0].astype(int) >= crop[..., 2]).all()
    assert align(gray, face).shape == (256, 256)
    assert align(gray, face, "arcface-112").shape == (112, 112)


def test_pixels_outside_the_image_are_black() -> None:
    image = np.full((40, 40), 200, np.uint8)
    face = face_of(MEAN_HEAD[:, :2] * 40 + (0, 10))
    crop = align(image, face)
    assert crop[:, 0].max() == 0
    assert crop[128, 200] == 200


def test_wrong_templates_sizes_and_faces_are_refused() -> None:
    image, face = np.zeros((40, 40), np.uint8), face_of(MEAN_HEAD[:, :2] * 20 + 20)
    with pytest.raises(SettingsError, match="8 to 4096"):
        align(image, face, size=4)
    with pytest.raises(SettingsError, match="arcface-112"):
        align(image, face, "dlib")  # type: ignore[arg-type]
    few = LandmarkSet.of_names(KAGGLE_SCHEMES[KAGGLE_NARROW])
    with pytest.raises(DataError, match="mouth_right_corner"):
        align(image, face_of(np.arange(8).reshape(4, 2), few), "arcface-112")
    with pytest.raises(DataError, match="different places"):
        align(image, face_of(np.full((68, 2), 9.0)))


def test_a_hidden_point_hardly_moves_the_aligned_image() -> None:
    names = tuple(ARCFACE)
    target = np.array(list(ARCFACE.values()))
    astray = target.copy()
    astray[3] += (30, 10)  # the right corner of the mouth
    face = face_of(astray, KAGGLE_15.subset(names))
    others = [0, 1, 2, 4]

    def error(visible: list[float] | None) -> float:
        seen = None if visible is None else np.array(visible, np.float32)
        matrix = align_matrix(replace(face, visible=seen), "arcface-112")
        return float(np.abs(affine.apply(matrix, astray[others]) - target[others]).max())

    assert error(None) > 5
    assert error([1, 1, 1, 1, 1]) == pytest.approx(error(None))
    assert error([1, 1, 1, 0, 1]) < 0.3


def test_crops_map_points_to_the_crop_and_back() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    rotated = np.array([[0.0, -1.0], [1.0, 0.0]])
    faces = []
    for shift, turn in ((0.0, np.eye(2)), (10.0, rotated)):
        faces.append(face_of(mean_points(IBUG_68)[0] @ turn * 40 + (60 + shift, 45)))
    cut = crops(image, faces, size=64)
    assert len(cut) == 2
    for crop, face in zip(cut, faces, strict=True):
        assert crop.face is face
        assert np.array_equal(crop.image, align(image, face, size=64))
        inside = crop.to_crop(face.points)
        np.testing.assert_allclose(crop.to_image(inside), face.points, atol=1e-4)
        # the eyes are where the template puts them: 35 % and 65 % of the width, 40 % of the height
        eyes = [crop.to_crop(face[f"{side}_eye_center"]) for side in ("right", "left")]
        want = [(0.35 * 64 - 0.5, 0.4 * 64 - 0.5), (0.65 * 64 - 0.5, 0.4 * 64 - 0.5)]
        np.testing.assert_allclose(eyes, want, atol=1e-3)
    assert len(crops(image, faces[0])) == 1
    assert crops(image, []) == []


def test_what_is_no_face_or_no_image_is_not_aligned() -> None:
    image = np.zeros((20, 20), np.uint8)
    with pytest.raises(DataError, match="align takes one Face, got list; crops takes"):
        align(image, [])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected a Face or a list of them, got int"):
        crops(image, [3])  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"no image .*none\.png"):
        crops("none.png", [])
