"""Results do not depend on threads, nor on other rows of a batch, where that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepoints import weights
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.runtime.repeatable import (
    has_own_thread,
    is_repeatable,
    repeatable,
)
from facepoints.runtime.shared_session import SharedSession

OUTPUTS = ("points", "radius", "score")


@pytest.fixture(scope="module")
def sessions() -> dict[int, SharedSession]:
    path = Path(weights.POINTS)
    return {n: SharedSession(path.read_bytes(), path, threads=n) for n in (1, 2, 3, 8)}


@pytest.mark.parametrize("count", [1, 2, 3, 9, 23])
def test_no_digit_depends_on_the_number_of_threads(
    sessions: dict[int, SharedSession], count: int
) -> None:
    rows = np.random.default_rng(count).integers(0, 256, (count, 96, 96), dtype=np.uint8)
    with repeatable():
        first, *others = (each.run(OUTPUTS, "crops", rows) for each in sessions.values())
        again = sessions[3].run(OUTPUTS, "crops", np.concatenate([rows, rows])[:count])
    with repeatable(own_thread=True):
        alone = sessions[8].run(OUTPUTS, "crops", rows)
    for other in (*others, again, alone):
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)
    usual = sessions[1].run(OUTPUTS, "crops", rows)
    np.testing.assert_allclose(first[0], usual[0], atol=0.01)


def test_no_digit_of_a_crop_depends_on_other_crops() -> None:
    model = LandmarkModel.load(threads=2)
    crops = np.random.default_rng(0).integers(0, 256, (7, 96, 96), dtype=np.uint8)
    with repeatable():
        together = model(crops)
        for rows in ([0], [4], [6], [5, 1], [3, 2, 6], [0, 1, 2, 5, 3], [6, 5, 4, 0, 1]):
            some = model(crops[rows])
            for one, every in zip(some, together, strict=True):
                if one is not None and every is not None:
                    np.testing.assert_array_equal(one, every[rows])


def test_the_context_ends() -> None:
    assert not is_repeatable()
    with repeatable():
        assert is_repeatable()
        with repeatable(own_thread=True):
            assert has_own_thread()
        assert is_repeatable()
        assert not has_own_thread()
    assert not is_repeatable()
