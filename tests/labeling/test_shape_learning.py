"""Shape models of any point set: converted, smooth, and learned from finished faces."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray

from facepoints import weights
from facepoints.errors import DataError
from facepoints.labeling.covariance import FOLLOWS, SMOOTH, VARIANCE, converted, learned
from facepoints.labeling.face_state import FaceState
from facepoints.labeling.shape_learning import (
    MOST_POINTS,
    builtin_errors,
    shape_model_for,
    upright_errors,
)
from facepoints.labeling.shape_model import ShapeModel, face_frame
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet

Array = NDArray[np.float64]


def nothing(landmarks: LandmarkSet) -> ShapeModel | None:
    """The model before any face is finished."""
    k = len(landmarks)
    none = np.zeros((0, k))
    return shape_model_for(
        landmarks, np.zeros((0, k, 2)), np.zeros((0, k, 2)), none.astype(bool), none
    )


def some(landmarks: LandmarkSet) -> ShapeModel:
    model = nothing(landmarks)
    assert model is not None
    return model


def faces(count: int, k: int, seed: int = 0) -> tuple[Array, Array]:
    """Shapes (count, k, 2) in pixels of faces of k points, and their mean shape."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(k, 2))
    angle, scale = rng.uniform(-0.5, 0.5, count), rng.uniform(50, 200, count)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.einsum("ijn,kj->nki", turn * scale, mean) + 300, mean


def test_the_built_in_errors_are_a_covariance_and_are_symmetric() -> None:
    own = builtin_errors()
    assert own.model.names == OPENPOSE_70.names
    assert np.linalg.eigvalsh(own.model.covariance).min() > -1e-4
    flip = np.kron(np.eye(70)[OPENPOSE_70.mirror], np.diag([-1.0, 1.0]))
    covariance = own.model.covariance
    np.testing.assert_allclose(flip @ covariance @ flip.T, covariance, atol=2e-5)
    assert weights.LABEL_COVARIANCE.stat().st_size < 200_000
    # about 90 % of the errors are within their radii
    assert 0.05 < np.diagonal(covariance).mean() < 0.4


def test_neighbors_follow_and_far_points_do_not() -> None:
    model = some(IBUG_68)
    points = model.mean_shape * 100 + 200
    state = FaceState(model, points, np.full(68, 4.0))
    jaw = 3
    moved = state.drag(jaw, points[jaw] + (6, 0)) - points
    assert moved[2, 0] > 2
    assert moved[4, 0] > 2
    assert abs(moved[45]).max() < 1  # the other eye


def test_points_in_both_sets_have_the_built_in_covariance() -> None:
    full, part = some(OPENPOSE_70), some(IBUG_68)
    np.testing.assert_allclose(part.covariance, full.covariance[:136, :136])


def test_means_of_points_are_converted() -> None:
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(6, 6))
    covariance, radius = factor @ factor.T, np.array([1.0, 2.0, 4.0])
    mix = np.array([[0.5, 0.5, 0], [0, 0, 1]])
    here = converted(covariance, radius, mix, np.ones(2, bool), np.eye(2))
    wide = np.sqrt(mix @ radius**2)
    errors = rng.multivariate_normal(np.zeros(6), covariance, 60_000).reshape(-1, 3, 2)
    means = np.einsum("km,nmd->nkd", mix, errors * radius[:, None]) / wide[:, None]
    moments = means.reshape(-1, 4).T @ means.reshape(-1, 4) / len(means)
    np.testing.assert_allclose(here, moments, atol=0.05 * abs(moments).max())
    assert len(some(KAGGLE_15)) == 15


def test_new_points_follow_their_neighbors_on_the_mean_face() -> None:
    landmarks = LandmarkSet((*IBUG_68.names, "wart"), mirrorable=False)
    shape = some(IBUG_68).mean_shape
    at = shape[36] + (0.01, 0.0)  # beside the corner of the right eye
    labeled = np.concatenate([shape, [at]])[None] * 100 + 50
    known = np.ones((1, 69), bool)
    seen = some(OPENPOSE_70).mean_shape[None] * 100 + 50
    radius = np.full((1, 69), 3.0)
    model = shape_model_for(landmarks, labeled, labeled, known, radius, seen)
    assert model is not None
    np.testing.assert_allclose(model.mean_shape[68], at, atol=1e-5)
    np.testing.assert_allclose(model.covariance[:136, :136], some(IBUG_68).covariance)
    state = FaceState(model, labeled[0], radius[0])
    toward = state.drag(36, labeled[0, 36] + (4, 0))[68] - labeled[0, 68]
    away = state.drag(12, labeled[0, 12] + (4, 0))[68] - labeled[0, 68]
    assert toward[0] > 0.5 > abs(away).max()
    assert np.linalg.eigvalsh(model.covariance).min() > -1e-4


def test_new_points_of_which_the_model_says_nothing_share_with_their_neighbors() -> None:
    shape = np.array([[0.0, 0], [1, 0], [0.1, 0]])
    whole = converted(np.eye(4), np.ones(2), np.zeros((3, 2)), np.zeros(3, bool), shape)
    np.testing.assert_allclose(np.diagonal(whole), VARIANCE)
    assert whole[0, 4] == pytest.approx(VARIANCE * (SMOOTH + FOLLOWS) * np.exp(-0.5))
    assert abs(whole[0, 2]) < 1e-9
    assert whole[0, 1] == 0


def test_places_on_the_face_come_from_the_built_in_points() -> None:
    """Points with names of their own at places of the 68 go together as these do."""
    names = tuple(f"own_{n}" for n in range(30))
    base = some(OPENPOSE_70).mean_shape
    seen = np.stack([base * scale + 20 for scale in (80.0, 120.0)])
    labeled = seen[:, :30] + (0.001, 0)
    known, radius = np.ones((2, 30), bool), np.full((2, 30), 3.0)
    own = shape_model_for(
        LandmarkSet(names, mirrorable=False),
        labeled[:1],
        labeled[:1],
        known[:1],
        radius[:1],
        seen[:1],
    )
    assert own is not None
    np.testing.assert_allclose(own.mean_shape, base[:30], atol=1e-4)

    def correlations(covariance: Array) -> Array:
        deviations = np.sqrt(np.diagonal(covariance))
        return (covariance / deviations[:, None] / deviations)[np.triu_indices(60, 1)]

    theirs = correlations(some(OPENPOSE_70).covariance[:60, :60])
    assert np.corrcoef(correlations(own.covariance), theirs)[0, 1] > 0.6
    blind = np.full_like(seen, np.nan)
    other = shape_model_for(
        LandmarkSet(names, mirrorable=False), labeled, labeled, known, radius, blind
    )
    assert other is not None
    assert np.isfinite(other.covariance).all()


@pytest.mark.parametrize("count", [3, 20, 2000])
def test_learned_moments_go_from_the_prior_to_the_truth(count: int) -> None:
    rng = np.random.default_rng(2)
    factor = rng.normal(size=(10, 3))
    truth = factor @ factor.T + 0.1 * np.eye(10)
    prior = np.eye(10) * np.trace(truth) / 10
    errors = rng.multivariate_normal(np.zeros(10), truth, count)
    blend = learned(errors, np.ones(errors.shape, bool), prior)
    gap, before = np.linalg.norm(blend - truth), np.linalg.norm(prior - truth)
    raw = np.linalg.norm(errors.T @ errors / count - truth)
    assert gap < max(before, raw)
    if count == 2000:
        assert gap < 0.2 * before
    assert np.linalg.eigvalsh(blend).min() >= -1e-9


def test_learning_takes_gaps_and_one_wild_face() -> None:
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(40, 8))
    seen = rng.random((40, 8)) < 0.7
    prior = np.eye(8)
    calm = learned(np.where(seen, errors, 0), seen, prior)
    errors[0] *= 1000
    wild = learned(np.where(seen, errors, 0), seen, prior)
    assert np.linalg.eigvalsh(wild).min() >= -1e-9
    assert np.diagonal(wild).mean() < 1.5 * np.diagonal(calm).mean()
    np.testing.assert_array_equal(learned(errors[:1], seen[:1], prior), prior)


def test_finished_faces_teach_how_new_points_go_together() -> None:
    """Two points far apart that always err alike, which no neighborhood says."""
    landmarks = LandmarkSet(tuple("abcdef"), mirrorable=False)
    predicted, _ = faces(60, 6)
    rng = np.random.default_rng(4)
    errors = rng.normal(size=(60, 6, 2))
    far = int(np.linalg.norm(predicted[0] - predicted[0, 0], axis=1).argmax())
    errors[:, far] = errors[:, 0]
    sizes = np.ptp(predicted, axis=1).max(axis=1)
    radius = np.repeat(0.05 * sizes[:, None], 6, axis=1)
    labeled = predicted + errors * radius[..., None] / 2
    known = np.ones((60, 6), bool)
    model = shape_model_for(landmarks, predicted, labeled, known, radius)
    assert model is not None
    state = FaceState(model, predicted[0], radius[0])
    shift = radius[0, 0] * np.array([1.0, 0])
    follows = state.drag(0, predicted[0, 0] + shift)[far] - predicted[0, far]
    assert follows[0] > 0.6 * shift[0]


def test_points_of_which_nothing_is_known_have_no_model() -> None:
    assert nothing(LandmarkSet(("a", "b"), mirrorable=False)) is None
    many = LandmarkSet(tuple(f"p{i}" for i in range(MOST_POINTS + 1)), mirrorable=False)
    assert nothing(many) is None
    with pytest.raises(DataError, match="expected N faces of 68 points"):
        shape_model_for(
            IBUG_68,
            np.zeros((1, 3, 2)),
            np.zeros((1, 3, 2)),
            np.ones((1, 3), bool),
            np.ones((1, 3)),
        )


def test_two_thousand_faces_are_learned_fast() -> None:
    rng = np.random.default_rng(5)
    points = some(IBUG_68).mean_shape * 100 + 200
    predicted = np.repeat(points[None], 2000, axis=0)
    labeled = predicted + rng.normal(size=predicted.shape)
    known, radius = np.ones((2000, 68), bool), np.full((2000, 68), 3.0)
    shape_model_for(IBUG_68, predicted[:5], labeled[:5], known[:5], radius[:5])
    begin = process_time()
    shape_model_for(IBUG_68, predicted, labeled, known, radius)
    assert process_time() - begin < 3  # 0.3 s of one processor on an idle machine


def test_errors_are_measured_upright_as_faces_are_labeled() -> None:
    """The frame of learning is the frame of `FaceState`."""
    model = some(IBUG_68)
    predicted = model.mean_shape @ np.array([[0.0, 2], [-2, 0]]) * 50 + 300
    predicted += np.random.default_rng(6).normal(size=predicted.shape)
    radius = np.full(68, 4.0)
    labeled = predicted.copy()
    labeled[30] += (3, -2)
    known = np.ones(68, bool)
    known[5] = False
    errors, seen = upright_errors(
        model.mean_shape, predicted[None], labeled[None], known[None], radius[None]
    )
    turn, _ = face_frame(predicted, model.mean_shape, np.ones(68, bool))
    expected = np.zeros((68, 2))
    expected[30] = np.array([3, -2]) @ turn / 4
    np.testing.assert_allclose(errors[0].reshape(68, 2), expected, atol=1e-9)
    assert seen[0].sum() == 2 * 67
