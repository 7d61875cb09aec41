"""Local polynomial fits, with and without a weight for each value."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.tracking.local_fit import fit_weights, weighted_fit

TIMES = tuple((np.arange(-12, 9) / 30).tolist())


@pytest.mark.parametrize("degree", [1, 2])
def test_equal_weights_give_the_plain_fit(degree: int) -> None:
    values = np.random.default_rng(0).normal(size=(21, 4, 2))
    plain = np.tensordot(fit_weights(TIMES, 0.3, degree), values, 1)
    for weight in (1.0, 0.01):
        fitted = weighted_fit(TIMES, 0.3, degree, values, np.full((21, 4), weight))
        np.testing.assert_allclose(fitted, plain, atol=1e-9)


def test_values_of_little_weight_hardly_matter() -> None:
    time = np.array(TIMES)
    line = (3 + 2 * time)[:, None, None] * np.ones((1, 2, 2))
    trust = np.ones((21, 2))
    trust[:12, 1] = 0.01
    spoiled = line.copy()
    spoiled[:12] += np.random.default_rng(1).normal(0, 1, (12, 2, 2))
    fitted = weighted_fit(TIMES, 0.5, 1, spoiled, trust)
    assert np.abs(fitted[0] - 3).max() > 0.05
    assert np.abs(fitted[1] - 3).max() < 0.03
    np.testing.assert_allclose(weighted_fit(TIMES, 0.5, 1, line, trust), 3, atol=1e-9)


def test_a_single_value_is_its_own_fit() -> None:
    value = np.array([[[4.0, 5.0]]])
    np.testing.assert_allclose(weighted_fit((0.0,), 0.5, 2, value, np.array([[0.01]])), [[4, 5]])
