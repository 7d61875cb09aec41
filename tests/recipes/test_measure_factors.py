"""The recipe that fits the radii of measures, and the one of the scale of irises."""

from __future__ import annotations

from pathlib import Path

import iris_scale as iris_recipe
import measure_factors as recipe
import numpy as np
import pytest
from recipe_sets import read_sets_once

from facepoints.measurement import DEFINITIONS, MEASURES
from facepoints.measurement.radius_factors import RADIUS_FACTORS, SYSTEMATIC


def test_the_quantile_is_corrected_for_the_number_of_faces() -> None:
    assert recipe.quantile(np.arange(1.0, 10.0)) == 9
    assert recipe.quantile(np.arange(1.0, 100.0)) == 90
    assert recipe.quantile(np.arange(1.0, 1001.0)) == 901


def test_the_fitted_radius_holds_90_percent() -> None:
    rng = np.random.default_rng(0)
    radius = rng.uniform(0.5, 2, 800)
    errors = recipe.Errors(np.abs(rng.normal(size=800)) * radius, radius, np.full(800, 30.0))
    factor, part = recipe.fit(errors)
    held = errors.error <= np.hypot(factor * radius, part * 30)
    assert held.mean() == pytest.approx(0.9, abs=0.01)
    assert factor == pytest.approx(1.645, abs=0.25)
    assert part * 30 < 1


def test_what_the_points_do_not_explain_is_systematic() -> None:
    """Two sets whose annotators differ by 8 % of the value, and points that are almost sure."""
    rng = np.random.default_rng(0)
    unit = rng.uniform(20, 60, 600)
    radius = rng.uniform(0.1, 0.5, 600)
    errors = recipe.Errors(np.abs(0.08 * unit + rng.normal(size=600) * radius / 2), radius, unit)
    factor, part = recipe.fit(errors)
    assert part == pytest.approx(0.08, abs=0.015)
    assert np.mean(errors.error <= np.hypot(factor * radius, part * unit)) > 0.89
    assert recipe.fit(errors, systematic=False)[1] == 0


def test_left_and_right_share_numbers() -> None:
    assert recipe.both_sides("palpebral_fissure_right_px") == [
        "palpebral_fissure_left_px",
        "palpebral_fissure_right_px",
    ]
    assert recipe.both_sides("yaw") == ["yaw"]


def test_installed_numbers_replace_those_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "radius_factors.py"
    file.write_bytes(recipe.INSTALLED.read_bytes())
    recipe.install(RADIUS_FACTORS, SYSTEMATIC, file)
    assert file.read_bytes() == recipe.INSTALLED.read_bytes()
    recipe.install(dict.fromkeys(MEASURES, 2.5), dict.fromkeys(DEFINITIONS, 0.125), file)
    changed = {"__name__": "changed"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), changed)
    assert changed["RADIUS_FACTORS"] == dict.fromkeys(MEASURES, 2.5)
    assert changed["SYSTEMATIC"] == dict.fromkeys(DEFINITIONS, 0.125)


def test_the_iris_recipe_recovers_factor_and_spread(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mm = 1.05 * rng.normal(63.36, 3.83, 20000) * np.exp(rng.normal(0, 0.06, 20000))
    width, edge = iris_recipe.fit(mm)
    assert width == pytest.approx(1.05, rel=0.01)
    assert edge == pytest.approx(np.sqrt(0.06**2 - 0.0359**2), abs=0.006)
    file = tmp_path / "iris_factors.py"
    file.write_bytes(iris_recipe.INSTALLED.read_bytes())
    iris_recipe.install(1.25, 0.5, file)
    assert "\nWIDTH = 1.250\n" in file.read_text()
    assert "\nEDGE_STD = 0.500\n" in file.read_text()


@pytest.mark.slow
def test_the_numbers_in_the_package_fit_its_model(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked on HELEN's part of the people that they were fitted on."""
    monkeypatch.setattr(recipe, "read_sets", read_sets_once)
    (photos,) = recipe.photos_of(shared, held_out=False)["helen"]
    faces = list(recipe.predictions(photos, "helen"))
    assert len(faces) == len(photos)
    held = {
        name: np.mean(
            errors.error
            <= np.hypot(RADIUS_FACTORS[name] * errors.radius, SYSTEMATIC.get(name, 0) * errors.unit)
        )
        for name, errors in recipe.errors_of(faces).items()
    }
    assert list(held) == list(MEASURES)
    assert np.mean(list(held.values())) == pytest.approx(0.9, abs=0.06)
    assert min(held.values()) > 0.7
