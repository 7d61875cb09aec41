"""Faces brought upright onto their mean shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepoints.datasets import procrustes, synthetic
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.imaging import affine


def turned_photos(count: int = 6) -> Photos:
    """Rendered faces, each turned in a larger picture."""
    faces = synthetic.render(count, seed=3, size=96)
    pictures, points = [], []
    for row, angle in enumerate(np.linspace(-150, 70, count)):
        matrix = affine.compose(
            affine.rotation_matrix(angle, (47.5, 47.5)), np.array([[1.0, 0, 60], [0, 1, 40]])
        )
        pictures.append(affine.warp(faces.images[row], matrix, 220, 180))
        points.append(affine.apply(matrix, faces.points[row]))
    return Photos(
        pictures=lambda: iter(pictures),
        points=np.array(points, np.float32),
        labelled=faces.labelled,
        landmarks=faces.landmarks,
        group=faces.group,
        names=faces.names,
        scheme=faces.scheme,
        schemes=faces.schemes,
    )


def test_a_mean_shape_is_upright_symmetric_and_of_longer_side_1():
    photos = turned_photos()
    shape = procrustes.mean_shape(photos.points, photos.labelled, photos.landmarks)
    x, y, width, height = affine.bounding_box(shape)
    assert max(width, height) == pytest.approx(1)
    assert (x + width / 2, y + height / 2) == pytest.approx((0, 0), abs=1e-6)
    mirrored = shape[photos.landmarks.mirror] * (-1, 1)
    np.testing.assert_allclose(shape, mirrored, atol=1e-6)
    chin, bridge = photos.landmarks.columns(["chin", "nose_bridge_1"])
    assert shape[chin, 1] > shape[bridge, 1] + 0.3


def test_turned_faces_come_out_upright_and_points_stay_on_the_picture():
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
    for row, picture in enumerate(photos.pictures()):
        matrix = affine.fit_similarity(photos.points[row], target)
        np.testing.assert_allclose(
            affine.apply(affine.invert(matrix), crops.points[row]),
            photos.points[row],
            atol=1e-2,
        )
        again = affine.warp(picture, matrix, 80, 80)
        np.testing.assert_array_equal(again, crops.images[row])


def test_a_face_with_one_label_is_left_out_and_none_is_an_error():
    photos = turned_photos(3)
    shape = procrustes.mean_shape(photos.points, photos.labelled, photos.landmarks)
    few = photos.labelled.copy()
    few[1, 1:] = False
    assert len(procrustes.align_crops(replace(photos, labelled=few), shape, 64, 40)) == 2
    few[:, 1:] = False
    with pytest.raises(DataError, match="two labelled points"):
        procrustes.align_crops(replace(photos, labelled=few), shape, 64, 40)
    with pytest.raises(DataError, match="every point"):
        procrustes.mean_shape(photos.points, few, photos.landmarks)
