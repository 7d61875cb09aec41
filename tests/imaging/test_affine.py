"""The coordinate rule: the center of the top-left pixel is (0, 0), and affines keep it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints.errors import DataError
from facepoints.imaging import affine

NUMBERS = st.floats(-200, 200, width=32)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8).map(np.array)
FACTORS = st.floats(0.2, 5)


def dot(x: float, y: float, width: int = 64, height: int = 48) -> np.ndarray:
    """An image with a soft bright dot at (x, y)."""
    ys, xs = np.mgrid[:height, :width]
    return (255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18)).astype(np.uint8)


def centroid(image: np.ndarray) -> tuple[float, float]:
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.astype(float) / image.sum()
    return float((xs * weight).sum()), float((ys * weight).sum())


@given(POINTS, st.integers(1, 500))
def test_mirroring_maps_x_to_w_minus_1_minus_x_and_twice_is_nothing(points, width):
    matrix = affine.mirror_matrix(width)
    moved = affine.apply(matrix, points)
    np.testing.assert_allclose(moved[:, 0], width - 1 - points[:, 0], atol=1e-3)
    np.testing.assert_allclose(moved[:, 1], points[:, 1], atol=1e-3)
    np.testing.assert_allclose(affine.apply(matrix, moved), points, atol=1e-3)


@given(POINTS, FACTORS, FACTORS)
def test_resizing_maps_x_to_x_plus_half_times_k_minus_half(points, kx, ky):
    moved = affine.apply(affine.resize_matrix(kx, ky), points)
    np.testing.assert_allclose(moved, (points + 0.5) * [kx, ky] - 0.5, rtol=1e-4, atol=1e-3)


@given(POINTS, st.floats(-180, 180), FACTORS, NUMBERS, NUMBERS)
def test_the_inverse_undoes_a_composition_which_applies_from_first_to_last(points, angle, k, x, y):
    turn, scale = affine.rotation_matrix(angle, (x, y)), affine.resize_matrix(k, k)
    both = affine.compose(turn, scale)
    stepwise = affine.apply(scale, affine.apply(turn, points))
    np.testing.assert_allclose(affine.apply(both, points), stepwise, atol=0.02)
    back = affine.apply(affine.invert(both), affine.apply(both, points))
    np.testing.assert_allclose(back, points, atol=0.02)


def test_a_positive_rotation_takes_x_towards_y_and_keeps_its_center():
    matrix = affine.rotation_matrix(90, (10, 20))
    moved = affine.apply(matrix, np.array([[10, 20], [11, 20]]))
    np.testing.assert_allclose(moved, [[10, 20], [10, 21]], atol=1e-5)


@given(st.floats(-179, 179), FACTORS)
def test_the_rotation_of_a_similarity_is_its_angle(angle, k):
    matrix = affine.compose(affine.rotation_matrix(angle, (3, 4)), affine.resize_matrix(k, k))
    assert affine.rotation_of(matrix) == pytest.approx(angle, abs=1e-9)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(5, 80), st.floats(5, 80), FACTORS)
def test_a_crop_has_the_box_at_its_center_with_the_margin_around(x, y, width, height, margin):
    matrix = affine.crop_matrix((x, y, width, height), 96, margin)
    middle = affine.apply(matrix, np.array([x + width / 2, y + height / 2]))
    np.testing.assert_allclose(middle, [47.5, 47.5], atol=1e-3)
    low, high = affine.apply(matrix, np.array([[x, y], [x + width, y + height]]))
    np.testing.assert_allclose((high - low).max(), 96 / (1 + margin), rtol=1e-4)


@pytest.mark.parametrize("scale", [0.3, 0.5, 0.8, 1.7])
def test_a_warp_moves_pixels_and_points_equally(scale):
    matrix = affine.compose(
        affine.rotation_matrix(10, (32, 24)), affine.resize_matrix(scale, scale)
    )
    x, y = 33.3, 22.6
    warped = affine.warp(dot(x, y), matrix, round(64 * scale), round(48 * scale))
    expected = affine.apply(matrix, np.array([x, y]))
    np.testing.assert_allclose(centroid(warped), expected, atol=0.1)


@pytest.mark.parametrize(("width", "height"), [(32, 24), (128, 96), (50, 31)])
def test_resizing_moves_pixels_and_points_equally(width, height):
    resized = affine.resize(dot(30.4, 20.7), width, height)
    assert resized.shape == (height, width)
    matrix = affine.resize_matrix(width / 64, height / 48)
    expected = affine.apply(matrix, np.array([30.4, 20.7]))
    np.testing.assert_allclose(centroid(resized), expected, atol=0.1)


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_shrinking_moves_pixels_and_points_equally(factor):
    small = affine.shrink(dot(30.4, 20.7), factor)
    assert small.shape == (48 // factor, 64 // factor)
    matrix = affine.resize_matrix(1 / factor, 1 / factor)
    expected = affine.apply(matrix, np.array([30.4, 20.7]))
    np.testing.assert_allclose(centroid(small), expected, atol=0.1)


def test_a_side_shorter_than_the_factor_becomes_one_pixel():
    strip = np.zeros((2, 600), np.uint8)
    strip[:, 300:308] = 240
    small = affine.shrink(strip, 8)
    assert small.shape == (1, 75)
    matrix = affine.resize_matrix(1 / 8, 1 / 2)
    expected = affine.apply(matrix, np.array([303.5, 0.5]))
    np.testing.assert_allclose(centroid(small), expected, atol=0.1)


@pytest.mark.parametrize("shape", [(1, 4000), (1, 40_000), (40_000, 1)])
def test_a_strip_is_averaged_along_its_length_too(shape):
    """Every other pixel is white: picked pixels would give stripes, averaged ones give gray."""
    strip = np.zeros(shape, np.uint8)
    strip.reshape(-1)[::2] = 200
    scale = 96 / max(shape)
    warped = affine.warp(strip, affine.resize_matrix(scale, scale), 96, 96)
    assert abs(warped.astype(int) - 100).max() <= 6


@pytest.mark.parametrize("border", ["repeat", "black"])
@pytest.mark.parametrize("scale", [0.1, 0.9])
@pytest.mark.parametrize("x", [20.0, 39_980.0])
def test_images_larger_than_opencv_accepts_are_warped_like_small_ones(x, scale, border):
    wide = np.zeros((80, 40_000), np.uint8)
    first = int(x) - 20
    wide[20:60, first : first + 40] = dot(20.2, 20.3)[:40, :40]
    matrix = affine.compose(
        affine.rotation_matrix(10, (x, 40)),
        np.array([[scale, 0, 30 - scale * x], [0, scale, 30 - scale * 40]]),
    )
    near = slice(max(0, first - 4000), first + 4040)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, 0] * near.start
    expected = affine.warp(wide[:, near], moved, 60, 60, border)
    got = affine.warp(wide, matrix, 60, 60, border)
    assert got.any()
    assert np.abs(got.astype(int) - expected).max() <= 8


def test_a_mirrored_image_follows_the_mirror_matrix():
    flipped = np.asarray(cv2.flip(dot(20.2, 30.1), 1))
    expected = affine.apply(affine.mirror_matrix(64), np.array([20.2, 30.1]))
    np.testing.assert_allclose(centroid(flipped), expected, atol=0.05)


def test_a_box_needs_a_labelled_point():
    points = np.array([[1.0, 2.0], [5.0, 9.0], [100.0, 100.0]])
    assert affine.bounding_box(points, np.array([True, True, False])) == (1, 2, 4, 7)
    with pytest.raises(DataError, match="at least one labeled"):
        affine.bounding_box(points, np.zeros(3, dtype=bool))


@given(st.floats(-180, 180), FACTORS, st.tuples(NUMBERS, NUMBERS), st.integers(0, 2**32 - 1))
def test_a_similarity_is_recovered_and_points_of_weight_0_are_ignored(angle, k, shift, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-50, 50, (6, 2))
    scaled = np.array([[k, 0, shift[0]], [0, k, shift[1]]])
    matrix = affine.compose(affine.rotation_matrix(angle, (3, 4)), scaled)
    target = affine.apply(matrix, points).astype(np.float64)
    target[-1] += 1000
    weights = np.array([1, 2, 1, 0.5, 1, 0])
    fitted = affine.fit_similarity(points, target, weights)
    np.testing.assert_allclose(fitted[:, :2], matrix[:, :2], atol=1e-4)
    np.testing.assert_allclose(affine.apply(fitted, points)[:-1], target[:-1], atol=1e-2)


def test_a_similarity_of_one_place_is_refused():
    with pytest.raises(DataError, match="two points"):
        affine.fit_similarity(np.ones((3, 2)), np.ones((3, 2)))
