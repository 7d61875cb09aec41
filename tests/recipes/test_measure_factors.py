"""The recipe that fits the radii of measures, and the one of the scale of irises."""

from __future__ import annotations

from pathlib import Path

import iris_scale as iris_recipe
import measure_factors as recipe
import measure_forms as forms
import numpy as np
import pytest
from numpy.typing import NDArray
from recipe_sets import read_sets_once

from facepoints.measurement import DEFINITIONS, MEASURES
from facepoints.measurement.radius_factors import RADIUS_FACTORS, SYSTEMATIC

Array = NDArray[np.float64]


def test_the_quantile_is_corrected_for_the_number_of_faces() -> None:
    for count, place in ((9, 9), (99, 90), (1000, 901)):
        assert recipe.quantile(np.arange(1.0, count + 1), np.ones(count)) == place


def test_a_face_of_twice_the_weight_counts_as_two() -> None:
    values = np.random.default_rng(0).permutation(200.0 + np.arange(200))
    weight = np.where(values < 300, 2.0, 1.0)
    twice = np.repeat(values, weight.astype(int))
    assert recipe.quantile(values, weight) == recipe.quantile(twice, np.ones(len(twice)))


def test_errors_grow_on_people_who_were_held_out() -> None:
    """Errors of held-out people are 1.3 times as large; there are fewer of them."""
    rng = np.random.default_rng(1)

    def drawn(count: int, size: float) -> dict[str, recipe.Errors]:
        error = np.abs(rng.normal(size=(len(MEASURES), count))) * size
        return {name: errors(e, np.ones(count)) for name, e in zip(MEASURES, error, strict=True)}

    held_out, training = {"a": drawn(150, 1.3)}, {"a": drawn(500, 1.0)}
    assert recipe.growth(held_out, training) == pytest.approx(1.3, abs=0.06)
    alike = recipe.as_many(training["a"]["yaw"], held_out["a"]["yaw"])
    assert alike.weight.sum() == pytest.approx(150)


def errors(error: Array, radius: Array, unit: Array | None = None) -> recipe.Errors:
    """Errors of faces that count alike."""
    ones = np.ones(len(error))
    unit = ones if unit is None else unit
    return recipe.Errors(error, radius, unit, ones, np.arange(len(error), dtype=float))


def test_training_people_count_as_often_as_they_are_told() -> None:
    some = {name: errors(np.full(30, 2.0), np.ones(30)) for name in MEASURES}
    less = {name: errors(np.full(90, 1.0), np.ones(90)) for name in MEASURES}
    name = "palpebral_fissure_left_px"
    found = recipe.together({"a": some}, {"a": less}, name, 1.5, share=2.0)
    assert found.weight.sum() == pytest.approx(2 * (30 + 60))
    assert set(found.error) == {2.0, 1.5}


def test_both_sides_of_a_face_are_in_one_part() -> None:
    by_set = {"a": {name: errors(np.ones(23), np.ones(23)) for name in MEASURES}}
    seen = []
    for four, fifth in forms.split(by_set):
        parts = [set(four["a"][name].face) for name in MEASURES]
        assert all(part == parts[0] for part in parts)
        assert not parts[0] & set(fifth["a"]["yaw"].face)
        seen += list(fifth["a"]["yaw"].face)
    assert sorted(seen) == list(range(23))


def test_the_fitted_radius_holds_90_percent() -> None:
    rng = np.random.default_rng(0)
    radius = rng.uniform(0.5, 2, 800)
    found = errors(np.abs(rng.normal(size=800)) * radius, radius, np.full(800, 30.0))
    factor, part = recipe.fit(found)
    held = found.error <= np.hypot(factor * radius, part * 30)
    assert held.mean() == pytest.approx(0.9, abs=0.01)
    assert factor == pytest.approx(1.645, abs=0.25)
    assert part * 30 < 1


def test_what_the_points_do_not_explain_is_systematic() -> None:
    """Two sets whose annotators differ by 8 % of the value, and points that are almost sure."""
    rng = np.random.default_rng(0)
    unit = rng.uniform(20, 60, 600)
    radius = rng.uniform(0.1, 0.5, 600)
    found = errors(np.abs(0.08 * unit + rng.normal(size=600) * radius / 2), radius, unit)
    factor, part = recipe.fit(found)
    assert part == pytest.approx(0.08, abs=0.015)
    assert np.mean(found.error <= np.hypot(factor * radius, part * unit)) > 0.89
    assert recipe.fit(found, systematic=False)[1] == 0


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
def test_the_numbers_in_the_package_fit_its_model(shared: Path) -> None:
    """Checked on HELEN's part of the people that they were fitted on."""
    photos = recipe.photos_of(shared, read_sets_once(shared, 0), "held-out")["helen"]
    faces = list(recipe.predictions(photos, "helen"))
    assert len(faces) == len(photos)
    held = {
        name: np.mean(
            some.error
            <= np.hypot(RADIUS_FACTORS[name] * some.radius, SYSTEMATIC.get(name, 0) * some.unit)
        )
        for name, some in recipe.errors_of(faces).items()
    }
    assert list(held) == list(MEASURES)
    assert np.mean(list(held.values())) == pytest.approx(0.9, abs=0.06)
    assert min(held.values()) > 0.7
