"""Synthetic faces: exact points, seeds, groups, and Kaggle's two marking schemes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15


@pytest.fixture(scope="module")
def faces() -> Samples:
    return synthetic.render(240, seed=5)


def _tone(image: np.ndarray, point: np.ndarray) -> float:
    """Gray level at a sub-pixel position."""
    x, y = float(point[0]), float(point[1])
    return float(affine.warp(image, np.array([[1.0, 0, -x], [0, 1.0, -y]]), 1, 1)[0, 0])


def _pupil_offset(image: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Distance of the dark center of an eye from the mean of its six points, in pixels.

    None for an eye that is too narrow, or covered, to show a pupil.
    """
    middle = points.mean(axis=0)
    opening = np.linalg.norm(points[[1, 2]].mean(axis=0) - points[[4, 5]].mean(axis=0))
    if opening < 4.5:
        return None
    place = np.array([[8.0, 0, 24 - 8 * middle[0]], [0, 8.0, 24 - 8 * middle[1]]])
    window = affine.warp(image, place, 49, 49).astype(float)  # 3 px each way, 8 per px
    if window.max() - window.min() < 50:
        return None
    dark = np.clip(np.percentile(window, 25) - window, 0, None)
    yy, xx = np.mgrid[-24:25, -24:25] / 8
    return np.array([(dark * xx).sum(), (dark * yy).sum()]) / dark.sum()


def test_rendered_samples_have_68_points_and_four_rows_per_person(faces: Samples) -> None:
    assert faces.images.shape == (240, 96, 96)
    assert faces.images.dtype == np.uint8
    assert faces.points.dtype == np.float32
    assert faces.landmarks == IBUG_68
    assert faces.labelled.all()
    assert faces.names[123] == "synthetic-000123"
    assert faces.schemes == {"synthetic": IBUG_68.names}
    groups, sizes = np.unique(faces.group, return_counts=True)
    assert len(groups) == 60
    assert set(sizes) == {synthetic.ROWS_PER_PERSON}


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 6),
    size=st.sampled_from([24, 48, 96, 131]),
)
def test_a_row_depends_on_seed_and_size_only(seed: int, count: int, size: int) -> None:
    more = synthetic.render(count + 2, seed=seed, size=size)
    some = synthetic.render(count, seed=seed, size=size)
    assert some.images.shape == (count, size, size)
    np.testing.assert_array_equal(some.images, more.images[:count])
    np.testing.assert_array_equal(some.points, more.points[:count])
    assert (more.points >= -1e-4).all()
    assert (more.points <= size - 1 + 1e-4).all()
    other = synthetic.render(1, seed=seed + 1, size=size)
    assert not np.array_equal(other.images, some.images[:1])


def test_size_scales_the_points_by_the_half_pixel_rule() -> None:
    small, large = synthetic.render(6, seed=2, size=48), synthetic.render(6, seed=2, size=192)
    moved = affine.apply(affine.resize_matrix(4, 4), small.points)
    np.testing.assert_allclose(moved, large.points, atol=1e-3)


def test_faces_are_framed_like_those_of_kaggle(faces: Samples) -> None:
    points = faces.as_landmarks(KAGGLE_15).points
    mean = dict(zip(KAGGLE_15.names, points.mean(axis=0), strict=True))
    assert 62 < mean["left_eye_center"][0] < 70
    assert 26 < mean["right_eye_center"][0] < 34
    assert 33 < mean["left_eye_center"][1] < 40
    mouth = (mean["mouth_center_top_lip"][1] + mean["mouth_center_bottom_lip"][1]) / 2
    assert 70 < mouth < 80


def test_left_is_the_subjects_left(faces: Samples) -> None:
    x = faces.points[..., 0]
    for name in ("brow_3", "eye_outer_corner", "eye_inner_corner", "jaw_4", "nostril_outer"):
        left, right = faces.landmarks.columns([f"left_{name}", f"right_{name}"])
        assert (x[:, left] > x[:, right]).all(), name


@pytest.mark.parametrize("eye", ["left", "right"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pupils_are_dark_at_the_points_of_the_eyes(
    faces: Samples, eye: str, mirrored: bool
) -> None:
    images, points = faces.images, faces.points
    if mirrored:
        images = images[:, :, ::-1]
        moved = affine.apply(affine.mirror_matrix(96), points)
        points = moved[:, IBUG_68.mirror]
    index = [i for i, n in enumerate(IBUG_68.names) if n.startswith(f"{eye}_eye_")]
    measured = [_pupil_offset(i, p[index]) for i, p in zip(images, points, strict=True)]
    offsets = np.array([f for f in measured if f is not None])
    assert len(offsets) > 20
    middle = np.median(offsets, axis=0)
    assert abs(middle[0]) < 0.25
    assert abs(middle[1]) < 0.5  # the lid's dark line pulls a little upwards
    assert np.median(np.linalg.norm(offsets, axis=1)) < 1


def test_features_are_drawn_at_their_points(faces: Samples) -> None:
    """Brows, lids, nostrils and mouth corners are darker than the skin next to them."""
    columns = faces.landmarks.columns
    up = np.array([0.0, -4.5])
    for names, away in (
        (["left_brow_3", "right_brow_3"], up),
        (["left_eye_upper_inner", "right_eye_upper_inner"], up * 0.8),
        (["mouth_right_corner"], np.array([-4.5, 0])),
        (["left_nostril_inner", "right_nostril_inner"], up * 1.2),
    ):
        darker = [
            _tone(image, p) < _tone(image, p + away)
            for image, points in zip(faces.images, faces.points, strict=True)
            for p in points[columns(names)]
        ]
        assert np.mean(darker) > 0.8, names


def test_the_mean_face_is_a_bad_prediction(faces: Samples) -> None:
    """The mean face is several pixels off, and faces of one person differ, too."""
    points = faces.as_landmarks(KAGGLE_15).points
    off = points[80:] - points[:80].mean(axis=0)
    assert np.sqrt((off**2).mean()) > 2.5
    people = points.reshape(-1, synthetic.ROWS_PER_PERSON, 15, 2)
    assert people.std(axis=1).mean() > 1
    assert faces.images.mean(axis=(1, 2)).std() > 15


@pytest.mark.slow
def test_points_can_be_predicted_from_the_pixels() -> None:
    """A linear map of the pixels beats the mean face on other people."""
    faces = synthetic.render(400, seed=1, size=24)
    x = faces.images.reshape(len(faces), -1).astype(np.float64)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    y = faces.points.reshape(len(faces), -1).astype(np.float64)
    train, held = slice(0, 320), slice(320, None)
    middle = y[train].mean(axis=0)
    kernel = x[train] @ x[train].T
    weights = np.linalg.solve(kernel + 300 * np.eye(320), y[train] - middle)
    guess = x[held] @ x[train].T @ weights + middle
    error = np.sqrt(((guess - y[held]) ** 2).mean())
    assert error < 0.8 * np.sqrt(((middle - y[held]) ** 2).mean())


@pytest.mark.parametrize(("count", "seed", "size"), [(-1, 0, 96), (1, -1, 96), (1, 0, 8)])
def test_arguments_out_of_range_raise_an_error(count: int, seed: int, size: int) -> None:
    with pytest.raises(SettingsError, match="count >= 0"):
        synthetic.render(count, seed=seed, size=size)


def test_zero_faces_are_empty_samples() -> None:
    assert len(synthetic.render(0)) == 0
    assert len(synthetic.kaggle_like(0)) == 0


def test_kaggle_like_has_the_two_schemes_of_the_competition() -> None:
    count = 90
    marked = synthetic.kaggle_like(count, seed=3)
    truth = synthetic.render(count, seed=3).as_landmarks(KAGGLE_15)
    np.testing.assert_array_equal(marked.images, truth.images)
    np.testing.assert_array_equal(marked.group, truth.group)
    assert marked.landmarks == KAGGLE_15
    assert marked.schemes == {"15-point": KAGGLE_15.names, "4-point": synthetic.NARROW_POINTS}
    narrow = marked.scheme == 1
    assert narrow.sum() == 60
    assert not narrow[:30].any()
    core = KAGGLE_15.columns(synthetic.NARROW_POINTS)
    rest = [i for i in range(15) if i not in core]
    assert not marked.labelled[np.ix_(narrow, rest)].any()
    assert marked.labelled[~narrow].mean() > 0.95
    assert marked.labelled[:, core].mean() > 0.95
    assert not marked.labelled[:, core].all()
    off = marked.points - truth.points
    assert np.all(marked.points[~marked.labelled] == 0)
    wide = (~narrow)[:, None] & marked.labelled
    np.testing.assert_allclose(off[wide], 0, atol=1e-4)
    for name, down in (("nose_tip", 7), ("mouth_center_bottom_lip", -5), ("left_eye_center", 0)):
        column = KAGGLE_15.columns([name])[0]
        rows = narrow & marked.labelled[:, column]
        np.testing.assert_allclose(off[rows, column], [[0, down]] * rows.sum(), atol=1e-4)


def test_the_shift_of_the_second_scheme_scales_with_the_size() -> None:
    marked = synthetic.kaggle_like(12, seed=4, size=48)
    truth = synthetic.render(12, seed=4, size=48).as_landmarks(KAGGLE_15)
    tip = KAGGLE_15.columns(["nose_tip"])[0]
    np.testing.assert_allclose((marked.points - truth.points)[4:, tip, 1], 3.5, atol=1e-4)
