"""First guesses of any point set, regressed from the points of a model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.labeling.regression import PointRegressor
from facepoints.landmarks.mean_face import MEAN_FACE


def faces(count: int, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Model points (N, 68, 2) of faces at several places, sizes and turns, and three further points
    that are linear in their shape."""
    random = np.random.default_rng(seed)
    modes = np.random.default_rng(9).normal(0, 0.02, (4, 68, 2))
    given, wanted = [], []
    for _ in range(count):
        shape = MEAN_FACE + np.tensordot(random.normal(size=4), modes, 1)
        more = np.array([shape[[0, 8]].mean(axis=0), shape[30] * 0.5 + shape[8] * 0.5, shape[36]])
        matrix = affine.rotation_matrix(random.uniform(-40, 40), (0, 0)) * random.uniform(80, 300)
        matrix[:, 2] = random.uniform(0, 500, 2)
        given.append(affine.apply(matrix, shape))
        wanted.append(affine.apply(matrix, more + np.array([0.1, -0.05])))
    return np.array(given), np.array(wanted)


def size_of(given: NDArray) -> NDArray:
    return np.ptp(given, axis=1).max(axis=-1)


@pytest.mark.parametrize(("count", "limit"), [(1, 0.06), (5, 0.04), (20, 0.004)])
def test_more_labeled_faces_give_better_guesses(count: int, limit: float) -> None:
    given, wanted = faces(count)
    regressor = PointRegressor.fit(given, wanted, np.ones((count, 3), bool))
    others, truth = faces(50, seed=1)
    points, radius = regressor.predict(others)
    error = np.linalg.norm(points - truth, axis=-1) / size_of(others)[:, None]
    assert error.mean() < limit
    assert (error <= radius / size_of(others)[:, None]).mean() > 0.85


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-1000, 1000))
@settings(max_examples=25, deadline=None)
def test_a_guess_turns_and_scales_with_its_face(degrees: float, scale: float, shift: float) -> None:
    given, wanted = faces(12)
    regressor = PointRegressor.fit(given, wanted, np.ones((12, 3), bool))
    face = faces(1, seed=2)[0]
    matrix = affine.rotation_matrix(degrees, (50, 20)) * scale + np.array(
        [[0, 0, shift], [0, 0, 1]]
    )
    points, radius = regressor.predict(face)
    moved, wider = regressor.predict(affine.apply(matrix, face))
    np.testing.assert_allclose(moved, affine.apply(matrix, points), atol=0.02 * scale + 0.01)
    np.testing.assert_allclose(wider, radius * scale, rtol=1e-3)


def test_a_point_that_nobody_labeled_has_no_place() -> None:
    given, wanted = faces(5)
    known = np.ones((5, 3), bool)
    known[:, 1] = False
    known[0, 2] = False
    points, radius = PointRegressor.fit(given, wanted, known).predict(given)
    assert np.isnan(points[:, 1]).all()
    assert np.isnan(radius[:, 1]).all()
    assert np.isfinite(points[:, [0, 2]]).all()
    assert (radius[:, [0, 2]] > 0).all()


def test_where_the_model_gives_the_point_only_a_difference_that_is_sure_is_added() -> None:
    random = np.random.default_rng(3)
    given, _ = faces(120)
    size = size_of(given)[:, None, None]
    direct = np.stack([given[:, 36], given[:, 36], given[:, 8]], axis=1)
    labels = direct + random.normal(0, 0.01, direct.shape) * size
    upright = PointRegressor.fit(given, labels, np.ones((120, 3), bool), direct)
    points, _ = upright.predict(given, direct)
    away = np.linalg.norm(points - direct, axis=-1) / size[..., 0]
    assert away.mean() < 0.004  # noise of 0.01 moves nothing
    shifted = direct.astype(np.float64)
    shifted[:, 0] += 0.3 * (given[:, 8] - given[:, 36])
    sure = PointRegressor.fit(given, shifted, np.ones((120, 3), bool), direct)
    points, _ = sure.predict(given, direct)
    assert (np.linalg.norm(points - shifted, axis=-1) / size[..., 0]).mean() < 0.01


def test_faces_that_define_no_frame_are_refused() -> None:
    with pytest.raises(DataError, match="different, finite places"):
        PointRegressor.fit(np.zeros((1, 4, 2)), np.zeros((1, 1, 2)), np.ones((1, 1), bool))
    with pytest.raises(DataError, match="one face or more"):
        PointRegressor.fit(np.zeros((0, 4, 2)), np.zeros((0, 1, 2)), np.ones((0, 1), bool))


def bent(count: int, seed: int) -> tuple[NDArray, NDArray]:
    """Mean faces (N, 68, 2) that are bent smoothly, and three points between theirs."""
    random = np.random.default_rng(seed)
    places = np.concatenate([MEAN_FACE, MEAN_FACE[[36, 30, 50]] + np.array([0.03, 0.04])])
    x, y = places.T
    modes = np.stack([x * x, x * y, y * y, x**3, y**3], axis=1)
    shapes = places + np.einsum("kf,nfd->nkd", modes, random.normal(0, 0.15, (count, 5, 2)))
    return 200 * shapes[:, :68], 200 * shapes[:, 68:]


def test_a_new_point_follows_its_surroundings_from_the_first_face_on() -> None:
    given, wanted = bent(1, seed=4)
    points, _ = PointRegressor.fit(given, wanted, np.ones((1, 3), bool)).predict(bent(50, 5)[0])
    others, truth = bent(50, seed=5)
    frames = [affine.fit_similarity(given[0], face) for face in others]
    stiff = np.array([affine.apply(frame, wanted[0]) for frame in frames])
    followed, alone = (np.linalg.norm(p - truth, axis=-1).mean() for p in (points, stiff))
    assert followed < 0.6 * alone


def test_left_out_predictions_have_not_learned_from_their_own_label() -> None:
    given, wanted = bent(15, seed=6)
    known = np.ones((15, 3), bool)
    known[3, 1] = False
    whole = PointRegressor.fit(given, wanted, known)
    assert np.isnan(whole.left_out[3, 1]).all()
    wanted[7] += 300  # a label that slipped
    other = PointRegressor.fit(given, wanted, known)
    size = np.linalg.norm(given[7, 45] - given[7, 36])
    assert np.linalg.norm(other.left_out[7] - wanted[7], axis=-1).min() > 150
    away = np.linalg.norm(whole.left_out - whole.predict(given)[0], axis=-1)
    assert 0 < np.nanmean(away) < 0.1 * size
    one = PointRegressor.fit(given[:1], wanted[:1], known[:1])
    assert np.isnan(one.left_out).all()
