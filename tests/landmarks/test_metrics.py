"""Metrics: known values, masked values, and relations that hold for any faces."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.errors import DataError
from facepoints.landmarks import metrics
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

Faces = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def faces(draw: st.DrawFn) -> Faces:
    """Predicted and true points and a mask with at least one label; junk where unlabeled."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labelled = rng.random((n, k)) < draw(st.floats(0, 1))
    labelled[rng.integers(n), rng.integers(k)] = True
    truth = rng.uniform(0, 95, (n, k, 2))
    predicted = truth + rng.normal(0, 4, truth.shape)
    truth[~labelled] = np.nan
    predicted[~labelled] = 1e30
    return predicted, truth, labelled


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


@given(faces())
@settings(max_examples=80, deadline=None)
def test_values_at_unlabelled_points_are_ignored(drawn: Faces) -> None:
    predicted, truth, labelled = drawn
    clean = [np.where(labelled[..., None], values, 0) for values in (predicted, truth)]
    whole = metrics.rmse(clean[0], clean[1], labelled)
    assert metrics.rmse(*drawn) == pytest.approx(whole)
    box = metrics.box_side(truth, labelled)
    for values in (
        metrics.point_rmse(*drawn)[0],
        box,
        metrics.eye_distance(truth, labelled, _set(labelled.shape[1])),
        metrics.nme(*drawn, box),
    ):
        assert np.isfinite(values).all()
        assert (values >= 0).all()


def _set(k: int) -> LandmarkSet:
    names = tuple(f"point-{i}" for i in range(k))
    return LandmarkSet(names, eyes=(names[0], names[-1]), mirrorable=False)


@given(faces())
@settings(max_examples=80, deadline=None)
def test_rmse_of_all_points_follows_from_the_rmse_of_each(drawn: Faces) -> None:
    errors, counts = metrics.point_rmse(*drawn)
    assert counts.sum() == drawn[2].sum()
    pooled = np.sqrt((errors**2 * counts).sum() / counts.sum())
    assert metrics.rmse(*drawn) == pytest.approx(pooled)
    assert (errors[counts == 0] == 0).all()


@given(faces())
@settings(max_examples=80, deadline=None)
def test_mean_distance_is_between_zero_and_root_two_rmse(drawn: Faces) -> None:
    assert 0 <= metrics.mean_distance(*drawn) <= np.sqrt(2) * metrics.rmse(*drawn) + 1e-9


@given(faces(), st.floats(0.5, 8))
@settings(max_examples=60, deadline=None)
def test_nme_does_not_depend_on_the_image_size_and_rmse_follows_it(
    drawn: Faces, scale: float
) -> None:
    predicted, truth, labelled = drawn
    zoomed = (predicted * scale, truth * scale, labelled)
    first = metrics.nme(*drawn, metrics.box_side(truth, labelled))
    second = metrics.nme(*zoomed, metrics.box_side(truth * scale, labelled))
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert metrics.rmse(*zoomed) == pytest.approx(scale * metrics.rmse(*drawn))


def test_rmse_counts_coordinates_over_all_faces_at_once() -> None:
    truth = np.zeros((2, 2, 2))
    predicted = np.array([[[1.0, 1], [1, 1]], [[5, 5], [0, 0]]])
    labelled = np.array([[True, True], [True, False]])
    assert metrics.rmse(predicted, truth, labelled) == pytest.approx(np.sqrt(54 / 6))


def test_no_labelled_point_is_an_error() -> None:
    nothing = (np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), np.zeros((2, 3), bool))
    with pytest.raises(DataError, match="labeled"):
        metrics.rmse(*nothing)
    with pytest.raises(DataError, match="labeled"):
        metrics.mean_distance(*nothing)
    assert metrics.point_rmse(*nothing)[0].tolist() == [0, 0, 0]
    assert len(metrics.nme(*nothing, np.ones(2))) == 0


def test_faces_without_a_normalizer_are_left_out() -> None:
    truth = np.zeros((3, 15, 2))
    truth[:, 0] = [60, 30]
    truth[:, 1] = [20, 0]
    labelled = np.ones((3, 15), bool)
    labelled[1, 1] = False
    labelled[2] = False
    eyes = metrics.eye_distance(truth, labelled, KAGGLE_15)
    assert eyes.tolist() == [50, 0, 0]
    assert metrics.measurable(labelled, eyes).tolist() == [True, False, False]
    errors = metrics.nme(truth + np.array([3, 4]), truth, labelled, eyes)
    np.testing.assert_allclose(errors, [0.1])


def test_unknown_normalizers_are_zero() -> None:
    plain = LandmarkSet(("0", "1"), mirrorable=False)
    truth = np.array([[[1.0, 1], [5, 1]], [[1, 1], [5, 9]]])
    assert metrics.eye_distance(truth, np.ones((2, 2), bool), plain).tolist() == [0, 0]
    labelled = np.array([[True, True], [True, False]])
    assert metrics.box_side(truth, labelled).tolist() == [0, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.02, 0.08, 0.5]))
@settings(max_examples=80, deadline=None)
def test_auc_is_the_area_under_the_ced(errors: list[float], threshold: float) -> None:
    values, share = metrics.ced(np.array(errors))
    # the curve is a step function: integrate it step by step
    inside = values[values < threshold]
    widths = np.diff([*inside, threshold])
    area = (share[: len(inside)] * widths).sum() / threshold
    assert metrics.auc(np.array(errors), threshold) == pytest.approx(area, abs=1e-9)
    assert share[-1] == 1
    assert (np.diff(values) >= 0).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_failure_rate_is_the_share_above_the_ced_at_the_threshold(errors: list[float]) -> None:
    values, share = metrics.ced(np.array(errors))
    below = share[values <= metrics.FAILURE]
    reached = below[-1] if len(below) else 0
    assert metrics.failure_rate(np.array(errors)) == pytest.approx(1 - reached)


def test_metrics_of_no_faces_are_zero() -> None:
    nothing = np.zeros(0)
    assert metrics.failure_rate(nothing) == 0
    assert metrics.auc(nothing) == 0
    assert [len(part) for part in metrics.ced(nothing)] == [0, 0]
