"""The comparison of guesses for `facepoints label`: who is tested, and what the figures say."""

from __future__ import annotations

from pathlib import Path

import label_guesses as recipe
import numpy as np
import pytest

from facepoints.datasets.people import read_people
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

DATA = Path(__file__).parents[2].parent / "shared" / "data"
NAMES = ("mole", "chin")
MOVED = np.array([3.0, 4.0])


def faces(count: int, seed: int) -> recipe.Faces:
    """Bent faces with a point that the model does not have, in the middle of two that it has, and
    the chin, which the labels put 5 pixels off."""
    random = np.random.default_rng(seed)
    x, y = MEAN_FACE.T
    modes = np.stack([x * x, x * y, y * y, x**3, y**3], axis=1)
    bends = np.einsum("kf,nfd->nkd", modes, random.normal(0, 0.15, (count, 5, 2)))
    seen = np.zeros((count, 70, 2))
    seen[:, :68] = 200 * (MEAN_FACE + bends)
    points = np.stack([seen[:, [30, 33]].mean(axis=1), seen[:, 8] + MOVED], axis=1)
    eyes = np.full(count, 100.0)
    group = np.array([f"person {row}" for row in range(count)])
    return recipe.Faces(LandmarkSet.of_names(NAMES), points, eyes, seen, group)


def test_errors_are_those_of_faces_that_are_not_finished() -> None:
    some = faces(12, seed=0)

    def knows_the_finished(finished: recipe.Faces, tested: recipe.Faces) -> np.ndarray:
        assert not set(finished.group) & set(tested.group)
        assert len(finished.points) == 4
        return tested.points + MOVED

    which = np.array([True, True])
    off = recipe.errors([knows_the_finished, recipe.alone], some, some, 4, which)
    assert off.shape == (12, 2)
    np.testing.assert_allclose(off[:, 0], 5.0)  # 5 pixels of 100
    off = recipe.errors([recipe.alone], some, some, 4, some.given)
    np.testing.assert_allclose(off, 5.0)  # the chin as the model gives it
    everyone = recipe.errors([recipe.alone], some, some, 12, some.given)
    assert np.isnan(everyone).all()


def test_interpolation_and_the_kind_of_correction_are_what_is_compared() -> None:
    some = faces(40, seed=1)
    np.testing.assert_array_equal(some.given, [False, True])
    ways = [recipe.guesser(False), recipe.guesser()]
    without, interpolated = recipe.errors(ways, some, some, 2, ~some.given).mean(axis=0)
    assert interpolated < 0.7 * without
    bent = some.points.copy()
    bent[:, 1] += 0.5 * (some.seen[:, 0] - some.seen[:, 8])
    habit = recipe.Faces(some.landmarks, bent, some.eyes, some.seen, some.group)
    ways = [recipe.guesser(), recipe.guesser(constant_below=3)]
    constant, regression = recipe.errors(ways, habit, habit, 20, habit.given).mean(axis=0)
    assert regression < 0.7 * constant


def test_a_row_says_the_difference_of_the_last_two_and_how_sure_it_is() -> None:
    off = np.array([[9.0, 3.0, 2.0], [9.0, 3.0, 2.0], [9.0, 5.0, 3.0], [np.nan] * 3])
    row = recipe.row_of("SET", "validation", 20, off)
    assert row == ["SET", "20 validation", "3", "9.00", "3.67", "2.33", "-1.33 ± 0.33"]


@pytest.mark.skipif(not (DATA / "held-out.txt").is_file(), reason="needs the data sets")
def test_nobody_of_the_test_set_is_read() -> None:
    photos, validation = recipe.labels_of(DATA, "inthewild21")
    assert not set(photos.group) & set(read_people(DATA / "held-out.txt"))
    assert not set(photos.group[validation]) & set(photos.group[~validation])
    assert 0.05 < validation.mean() < 0.2
