"""Angles wrapped into one turn around zero."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints._util import angles
from facepoints._util.angles import wrap_degrees, wrap_radians


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [(0, 0), (179, 179), (180, -180), (-180, -180), (181, -179), (-181, 179), (725, 5)],
)
def test_degrees_wrap_at_half_a_turn(angle: float, wrapped: float) -> None:
    assert wrap_degrees(float(angle)) == wrapped
    assert wrap_radians(math.radians(angle)) == pytest.approx(math.radians(wrapped))


@given(st.floats(-1e4, 1e4))
def test_a_wrapped_angle_points_the_same_way(angle: float) -> None:
    for wrapped, turn in ((wrap_degrees(angle), 360.0), (wrap_radians(angle), 2 * math.pi)):
        assert -turn / 2 <= wrapped <= turn / 2
        turns = (angle - wrapped) / turn
        assert turns == pytest.approx(round(turns), abs=1e-6)


def test_arrays_are_wrapped_value_by_value() -> None:
    values = np.array([-181.0, 0.0, 180.0])
    np.testing.assert_array_equal(wrap_degrees(values), [wrap_degrees(v) for v in values.tolist()])
    np.testing.assert_array_equal(wrap_radians(values), [wrap_radians(v) for v in values.tolist()])


def test_the_examples_run() -> None:
    assert doctest.testmod(angles).failed == 0
