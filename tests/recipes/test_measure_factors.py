"""The recipe that calibrates the radii of measures."""

from __future__ import annotations

from pathlib import Path

import measure_factors as recipe
import numpy as np
import pytest

from facepoints.measurement import MEASURES
from facepoints.measurement.radius_factors import RADIUS_FACTORS


def test_the_factor_makes_the_radius_hold_90_percent() -> None:
    ratio = np.random.default_rng(0).exponential(size=500)
    assert np.mean(ratio <= recipe.factor([ratio])) == pytest.approx(0.9)


def test_data_sets_have_equal_weight() -> None:
    few, many = np.linspace(0, 1, 20), np.linspace(2, 3, 2000)
    assert recipe.factor([few, many]) == pytest.approx(2.8, abs=0.01)
    assert recipe.factor([few, np.zeros(0)]) == recipe.factor([few])


def test_left_and_right_share_a_factor() -> None:
    assert recipe.both_sides("palpebral_fissure_left_px") == {
        "palpebral_fissure_left_px",
        "palpebral_fissure_right_px",
    }
    assert recipe.both_sides("eye_opening_right") == {"eye_opening_left", "eye_opening_right"}
    assert recipe.both_sides("yaw") == {"yaw"}


@pytest.mark.slow
def test_the_factors_in_the_package_fit_its_model(shared: Path) -> None:
    """Checked on the photos of the measurement, but frames count fully, not half as there."""
    (photos,) = recipe.photos_of(shared, held_out=False)["helen"]
    faces = list(recipe.predictions(photos))
    assert len(faces) == len(photos)
    held = {name: np.mean(ratio <= 1) for name, ratio in recipe.ratios(faces).items()}
    assert list(held) == list(MEASURES)
    assert np.mean(list(held.values())) == pytest.approx(0.9, abs=0.04)
    assert min(held.values()) > 0.75


def test_installed_factors_replace_those_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "radius_factors.py"
    file.write_bytes(recipe.INSTALLED.read_bytes())
    recipe.install(RADIUS_FACTORS, file)
    assert file.read_bytes() == recipe.INSTALLED.read_bytes()
    recipe.install(dict.fromkeys(RADIUS_FACTORS, 2.5), file)
    text = file.read_text(encoding="utf-8")
    assert text.count(": 2.50,\n") == len(RADIUS_FACTORS)
    changed = {"__name__": "changed"}
    exec(compile(text, str(file), "exec"), changed)
    assert set(changed["RADIUS_FACTORS"].values()) == {2.5}  # type: ignore[attr-defined]
