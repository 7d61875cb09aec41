"""Framing: a head fitted to some points gives the others."""

from __future__ import annotations

import numpy as np
import pytest
from framing import fit_heads_to, full_points
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import MEAN_HEAD

RIGHT = np.array(["left" not in name for name in IBUG_68.names])


def turned(yaw: float, size: float, roll: float, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean head (68, 2) in pixels, turned by degrees."""
    a, b = np.deg2rad(yaw), np.deg2rad(roll)
    x = np.cos(a) * MEAN_HEAD[:, 0] + np.sin(a) * MEAN_HEAD[:, 2]
    y = MEAN_HEAD[:, 1]
    return (
        size * np.stack([np.cos(b) * x - np.sin(b) * y, np.sin(b) * x + np.cos(b) * y], -1) + shift
    )


@settings(max_examples=20, deadline=None)
@given(
    steps=st.integers(-12, 12), size=st.floats(20, 300), roll=st.floats(-60, 60),
    x=st.floats(-500, 500),
)  # fmt: skip
def test_a_mean_head_is_found_from_a_few_points_of_both_halves(steps, size, roll, x) -> None:
    yaw = 7.5 * steps
    points = turned(yaw, size, roll, np.array([x, 40.0]))
    seen = np.zeros((1, 68), dtype=bool)
    seen[0, ::4] = True
    projected, found = fit_heads_to(np.where(seen[..., None], points, 0), seen)
    assert found[0] == pytest.approx(yaw)
    np.testing.assert_allclose(projected[0], points, atol=1e-6 * size + 1e-6)


@pytest.mark.parametrize("yaw", [-82.5, -60.0, 52.5, 75.0])
def test_the_hidden_half_of_a_profile_is_placed_from_the_other(yaw: float) -> None:
    points = turned(yaw, 100.0, 20.0, np.array([7.0, 40.0]))
    seen = (RIGHT if yaw > 0 else RIGHT[IBUG_68.mirror])[None]
    projected, found = fit_heads_to(np.where(seen[..., None], points, 0), seen)
    assert found[0] == pytest.approx(yaw, abs=15)
    assert np.abs(projected[0] - points).max() < 20  # a fifth of the distance of the eyes


def test_labels_are_kept_and_a_face_with_too_few_is_not_guessed() -> None:
    points = np.stack([turned(30, 100, 0, np.zeros(2))] * 2) + 3
    points[0, 5] += 4
    labelled = np.zeros((2, 68), dtype=bool)
    labelled[0, ::2] = labelled[0, 5] = True
    labelled[1, :4] = True
    full = full_points(points, labelled)
    np.testing.assert_array_equal(full[0][labelled[0]], points[0][labelled[0]])
    assert np.isfinite(full[0]).all()
    assert np.isnan(full[1][4:]).all()
