"""Radii: they contain 90 % of the true points, for every point."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.evaluation.calibration import (
    calibrate,
    radius_factors,
    radius_report,
    uncalibrated,
)
from facepoints.inference.radius_calibration import COVERAGE, Calibration
from facepoints.landmarks.landmark_set import LandmarkSet

ABC = LandmarkSet(("a", "b", "c"), mirrorable=False)


def rows(points: NDArray, labelled: NDArray | None = None) -> Samples:
    n = len(points)
    return Samples(
        images=np.zeros((n, 8, 8), np.uint8),
        points=points.astype(np.float32),
        labelled=np.ones((n, len(ABC)), bool) if labelled is None else labelled,
        landmarks=ABC,
        group=np.arange(n).astype(str),
        names=np.arange(n).astype(str),
        scheme=np.zeros(n, np.int16),
        schemes={"one": ABC.names},
    )


def drawn(n: int, seed: int, kind: str = "laplace") -> tuple[NDArray, NDArray, NDArray]:
    """Predictions, scales and truth; errors have the density of the loss, times 1, 2 and 3."""
    chance = np.random.default_rng(seed)
    scale = chance.uniform(0.5, 4, (n, 3)).astype(np.float32)
    length = chance.gamma(2, 0.5, (n, 3)) if kind == "laplace" else chance.rayleigh(1, (n, 3))
    angle = chance.uniform(0, 2 * np.pi, (n, 3))
    offset = np.stack([np.cos(angle), np.sin(angle)], -1) * (length * scale)[..., None]
    points = np.full((n, 3, 2), 40, np.float32)
    return points, scale, (points + offset * np.array([1, 2, 3])[:, None]).astype(np.float32)


def test_radii_contain_90_percent_of_the_points_of_new_faces() -> None:
    points, scale, truth = drawn(1500, seed=0)
    calibration = calibrate(points, scale, rows(truth))
    assert calibration is not None
    assert (calibration.rows, calibration.coverage) == (1500, COVERAGE)
    assert calibration.calibrated is True
    points, scale, truth = drawn(4000, seed=1)
    inside = np.linalg.norm(points - truth, axis=-1) <= scale * np.array(calibration.factors)
    np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=0.02)


def test_the_factor_of_a_point_with_few_labels_is_shrunk_to_that_of_all_points() -> None:
    points, scale, truth = drawn(900, seed=2)
    labelled = np.ones((900, 3), bool)
    labelled[:, 1] = False
    labelled[30:, 2] = False
    known = calibrate(points, scale, rows(truth, labelled))
    ratio = np.linalg.norm(points - truth, axis=-1) / scale
    assert known is not None
    pooled = np.quantile(ratio[labelled], COVERAGE)
    own = np.quantile(ratio[:30, 2], COVERAGE)
    assert known.factors[0] == pytest.approx(np.quantile(ratio[:, 0], COVERAGE), rel=0.02)
    assert known.factors[1] == pytest.approx(pooled, rel=0.01)
    assert pooled < known.factors[2] < own
    moved = truth.copy()
    moved[~labelled] = 1e6  # unlabelled points have no influence
    assert calibrate(points, scale, rows(moved, labelled)) == known


def test_fewer_than_nine_labels_take_the_largest_error() -> None:
    """The 90 % quantile of conformal prediction needs nine labels."""
    points = np.zeros((4, 3, 2), np.float32)
    truth = np.zeros((4, 3, 2))
    truth[:, :, 0] = np.array([1, 2, 3, 4])[:, None]
    calibration = calibrate(points, np.ones((4, 3), np.float32), rows(truth))
    assert calibration is not None
    assert calibration.factors == (4, 4, 4)


def test_no_labels_or_no_finite_numbers_give_no_calibration() -> None:
    points, scale, truth = drawn(5, seed=3)
    assert calibrate(points, scale, rows(truth, np.zeros((5, 3), bool))) is None
    assert calibrate(points[:0], scale[:0], rows(truth[:0])) is None
    points[2, 1] = np.nan
    assert calibrate(points, scale, rows(truth)) is None


def test_exact_predictions_give_a_positive_radius() -> None:
    points = np.ones((20, 3, 2), np.float32)
    calibration = calibrate(points, np.ones((20, 3), np.float32), rows(points))
    assert calibration is not None
    assert min(calibration.factors) > 0


def test_mirror_partners_share_a_factor_from_the_labels_of_both() -> None:
    pair = LandmarkSet(("left_eye", "right_eye"))
    ratio = np.array([[1.0, 9.0], [2.0, 8.0]])
    labelled = np.array([[True, True], [True, False]])
    factors = radius_factors(ratio, labelled, pair)
    assert factors == (9, 9)  # the largest of 1, 2 and 9


def test_a_prior_counts_as_25_faces() -> None:
    """25 faces with a ratio of 3 and a prior of 1 meet at 2; a point's own 25 labels at 2.5."""
    factors = radius_factors(np.full((25, 3), 3.0), np.ones((25, 3), bool), ABC, prior=1.0)
    assert factors == (2.5, 2.5, 2.5)
    one = radius_factors(np.full((1, 3), 27.0), np.ones((1, 3), bool), ABC, prior=1.0)
    assert one == pytest.approx([(27 + 25 * 2) / 26] * 3, abs=1e-4)  # (27 + 25) / 26 is 2


@pytest.mark.parametrize("loss", ["laplace", "gaussian"])
def test_uncalibrated_factors_follow_the_density_of_the_loss(loss: str) -> None:
    points, scale, truth = drawn(40_000, seed=4, kind=loss)
    assumed = uncalibrated(loss, ABC)
    assert assumed.calibrated is False
    error = np.linalg.norm(points - truth, axis=-1)[:, 0]
    assert (error <= scale[:, 0] * assumed.factors[0]).mean() == pytest.approx(0.9, abs=0.01)


@given(st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=9), st.integers(0, 10**6), st.booleans())
def test_a_calibration_survives_a_round_trip_through_json(
    factors: list[float], count: int, calibrated: bool
) -> None:
    before = Calibration(tuple(factors), count, calibrated)
    text = json.dumps(before.to_dict())
    assert Calibration.from_dict(json.loads(text), len(factors)) == before


@pytest.mark.parametrize(
    "damage",
    [
        {"factors": [1.0, 2.0]},
        {"factors": [1.0, 2.0, 0.0]},
        {"factors": [1.0, 2.0, math.nan]},
        {"factors": None},
        {"rows": "many"},
    ],
)
def test_a_damaged_calibration_is_an_error_of_one_line(damage: dict) -> None:
    good = uncalibrated("laplace", ABC).to_dict()
    with pytest.raises(DataError, match="calibration") as error:
        Calibration.from_dict({**good, **damage}, 3)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError):
        Calibration.from_dict({"coverage": 0.9}, 3)


def test_the_report_on_radii_has_known_figures() -> None:
    truth = np.zeros((20, 1, 2))
    predicted = truth.copy()
    predicted[:, 0, 0] = np.arange(1, 21)
    radius = np.full((20, 1), 5.0)
    radius[:, 0] += np.arange(20) * 0.1
    labelled = np.ones((20, 1), bool)
    report = radius_report(predicted, radius, truth, labelled)
    assert report["within"] == pytest.approx(5 / 20)
    assert report["mean"] == pytest.approx(5.95)
    assert report["ratio"] == pytest.approx(19.5 / 1.5)
    assert radius_report(predicted[:9], radius[:9], truth[:9], labelled[:9])["ratio"] is None
    assert radius_report(truth, radius, truth, labelled)["ratio"] is None


def test_pixels_for_hidden_points_survive_the_file_and_are_checked() -> None:
    calibration = Calibration((1.0, 2.0, 3.0), 5, True, hidden=(0.5, 0.0, 2.0))
    assert Calibration.from_dict(calibration.to_dict(), 3) == calibration
    assert "hidden" not in Calibration((1.0,)).to_dict()
    for wrong in ([1.0], [1.0, -2.0, 3.0], [1.0, math.inf, 2.0]):
        with pytest.raises(DataError, match="hidden"):
            Calibration.from_dict({**calibration.to_dict(), "hidden": wrong}, 3)
