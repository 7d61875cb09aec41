"""The confidence of faults."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facepoints.audit import Cause
from facepoints.audit.confidence import FAMILIES, confidence

CAUSES = [cause for causes in FAMILIES.values() for cause in causes]


@given(st.sampled_from(CAUSES), st.floats(0, 1e4), st.floats(1, 10), st.integers(1, 500))
def test_more_strength_is_more_confidence(
    cause: Cause, strength: float, times: float, points: int
) -> None:
    less, more = confidence(cause, strength, points), confidence(cause, times * strength, points)
    assert 0 <= less <= more <= 1
