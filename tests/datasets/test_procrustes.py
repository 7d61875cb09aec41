"""Faces aligned to their mean shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepoints.datasets import procrustes, synthetic
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet


def turned_photos(count: int = 6) -> Photos:
    """Rendered faces, each rotated in a larger image."""
    faces = synthetic.render(count, seed=3, size=96)
    images, points = [], []
    for row, angle in enumerate(np.linspace(-150, 70, count)):
        matrix = affine.compose(
            affine.rotation_matrix(angle, (47.5, 47.5)), np.array([[1.0, 0, 60], [0, 1, 40]])
        )
        images.append(affine.warp(faces.images[row], matrix, 220, 180))
        points.append(affine.apply(matrix, faces.points[row]))
    return Photos(
        read_images=lambda: iter(images),
        points=np.array(points, np.float32),
        labelled=faces.labelled,
        landmarks=faces.landmarks,
        group=faces.group,
        names=faces.names,
        scheme=faces.scheme,
        schemes=faces.schemes,
    )


def test_a_mean_shape_is_upright_and_symmetric_with_longer_side_1():
    photos = turned_photos()
    shape = procrustes.mean_shape(photos.points, photos.labelled, photos.landmarks)
    x, y, width, height = affine.bounding_box(shape)
    assert max(width, height) == pytest.approx(1)
    assert (x + width / 2, y + height / 2) == pytest.approx((0, 0), abs=1e-6)
    mirrored = shape[photos.landmarks.mirror] * (-1, 1)
    np.testing.assert_allclose(shape, mirrored, atol=1e-6)
    chin, bridge = photos.landmarks.columns(["chin", "nose_bridge_1"])
    assert shape[chin, 1] > shape[bridge, 1] + 0.3


def test_rotated_faces_are_upright_in_the_crops():
    photos = turned_photos()
    shape = procrustes.mean_shape(photos.points, photos.labelled, photos.landmarks)
    crops = procrustes.align_crops(photos, shape, 80, 50)
    target = procrustes.canonical_points(shape, 80, 50)
    assert crops.images.shape == (6, 80, 80)
    gap = np.linalg.norm(crops.points - target, axis=-1)
    assert gap.mean() < 5
    right, left = crops.landmarks.eye_columns
    across = crops.points[:, left] - crops.points[:, right]
    assert np.degrees(np.abs(np.arctan2(across[:, 1], across[:, 0]))).max() < 12


def test_a_crop_shows_the_image_at_the_place_of_its_points():
    """A photo that is the mean shape at 2 px per px of the crop, 10 px right and 30 px down."""
    shape = np.array([[0.5, -0.5], [-0.5, -0.5], [0.0, 0.5]])
    image = np.zeros((200, 200), np.uint8)
    points = np.array([[[150.0, 70], [50, 70], [100, 170]]], np.float32)
    for x, y in points[0].astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    photos = Photos(
        read_images=lambda: iter([image]),
        points=points,
        labelled=np.ones((1, 3), bool),
        landmarks=LandmarkSet(("left", "right", "chin")),
        group=np.array(["a"]),
        names=np.array(["a"]),
        scheme=np.zeros(1, np.int16),
        schemes={"one": ("left", "right", "chin")},
    )
    crops = procrustes.align_crops(photos, shape, 81, 50)
    np.testing.assert_allclose(crops.points[0], [[65, 15], [15, 15], [40, 65]], atol=1e-3)
    for x, y in ((65, 15), (15, 15), (40, 65)):
        assert crops.images[0, y, x] == 255
    assert 9 < (crops.images[0] > 127).sum() < 60  # three dots of about 3 x 3 px, no more
    assert list(crops.names) == ["a"]


def test_faces_with_one_label_are_left_out_and_no_face_is_an_error():
    photos = turned_photos(3)
    shape = procrustes.mean_shape(photos.points, photos.labelled, photos.landmarks)
    few = photos.labelled.copy()
    few[1, 1:] = False
    assert len(procrustes.align_crops(replace(photos, labelled=few), shape, 64, 40)) == 2
    few[:, 1:] = False
    with pytest.raises(DataError, match="two labeled points"):
        procrustes.align_crops(replace(photos, labelled=few), shape, 64, 40)
    with pytest.raises(DataError, match="every point"):
        procrustes.mean_shape(photos.points, few, photos.landmarks)
