"""The recipe that measures how much the measures' radii must grow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepoints.measurement import MEASURES

pytest.importorskip("torch")
import measure_factors as recipe


def test_nine_in_ten_are_within_the_radius_times_the_factor() -> None:
    ratio = np.random.default_rng(0).exponential(size=500)
    assert np.mean(ratio <= recipe.factor([ratio])) == pytest.approx(0.9)


def test_data_sets_count_the_same_however_many_faces_they_have() -> None:
    few, many = np.linspace(0, 1, 20), np.linspace(2, 3, 2000)
    assert recipe.factor([few, many]) == pytest.approx(2.8, abs=0.01)
    assert recipe.factor([few, np.zeros(0)]) == recipe.factor([few])


def test_left_and_right_count_together() -> None:
    assert recipe.both_sides("palpebral_fissure_left_px") == {
        "palpebral_fissure_left_px",
        "palpebral_fissure_right_px",
    }
    assert recipe.both_sides("eye_opening_right") == {"eye_opening_left", "eye_opening_right"}
    assert recipe.both_sides("yaw") == {"yaw"}


def test_the_factors_in_the_package_are_those_of_its_network(shared: Path) -> None:
    """On the photos that they were measured on; frames count half there, but not here."""
    (photos,) = recipe.photos_of(shared, held_out=False)["lfpw"]
    faces = list(recipe.answered(photos))
    assert len(faces) == len(photos)
    held = {name: np.mean(ratio <= 1) for name, ratio in recipe.ratios(faces).items()}
    assert list(held) == list(MEASURES)
    assert np.mean(list(held.values())) == pytest.approx(0.9, abs=0.04)
    assert min(held.values()) > 0.75
