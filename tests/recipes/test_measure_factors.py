"""The recipe that fits the radii of measures, and the one of the scale of irises."""

from __future__ import annotations

from pathlib import Path

import convention_fit as conventions
import iris_scale as iris_recipe
import measure_factors as recipe
import measure_forms as forms
import numpy as np
import pytest
from measured_errors import Errors, both_sides, errors_of, photos_of, predictions
from numpy.typing import NDArray
from recipe_sets import read_sets_once

from facepoints.measurement import CONVENTIONS, DEFINITIONS, MEASURES, convention_factors
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

    def drawn(count: int, size: float) -> dict[str, Errors]:
        error = rng.normal(size=(len(MEASURES), count)) * size
        return {name: errors(e, np.ones(count)) for name, e in zip(MEASURES, error, strict=True)}

    held_out, training = {"a": drawn(150, 1.3)}, {"a": drawn(500, 1.0)}
    assert recipe.growth(held_out, training) == pytest.approx(1.3, abs=0.06)


def errors(error: Array, radius: Array, unit: Array | None = None) -> Errors:
    """Errors of faces that count alike."""
    ones = np.ones(len(error))
    unit = ones if unit is None else unit
    return Errors(error, radius, unit, ones, np.arange(len(error), dtype=float))


def test_each_set_counts_alike_and_each_face_in_it() -> None:
    some = {key: {name: errors(np.full(n, 2.0), np.ones(n)) for name in MEASURES}
            for key, n in (("a", 30), ("b", 10))}  # fmt: skip
    less = {key: {name: errors(np.full(n, -1.0), np.ones(n)) for name in MEASURES}
            for key, n in (("a", 90), ("b", 0))}  # fmt: skip
    name = "palpebral_fissure_left_px"
    found = recipe.together(some, less, name, 1.5)
    assert found.weight.sum() == pytest.approx(2 * (30 + 10 + 90))
    assert set(found.error) == {2.0, -1.5}
    assert set(found.weight[:240]) == {130 / 240}
    assert set(found.weight[240:]) == {130 / 20}


def test_the_bias_of_a_set_is_found_and_taken_off() -> None:
    """Annotators whose distances are 4 % shorter, and whose openings are 0.03 larger."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 60, 400)
    value = 1.04 * truth + rng.normal(size=400) / 5
    far = errors(value - truth, np.ones(400), value)
    assert conventions.bias_of(far, True) == pytest.approx(0.04, abs=1e-3)
    left = conventions.without(far, conventions.bias_of(far, True), True)
    np.testing.assert_allclose(left.unit - left.error, truth)
    assert np.abs(left.error).max() < 1
    wide = errors(np.full(9, -0.03), np.ones(9))
    assert conventions.without(wide, conventions.bias_of(wide, False), False).error.max() < 1e-9


def test_biases_are_larger_on_people_who_were_held_out() -> None:
    """1.4 times as large, in 60 measures; what is known better counts more."""
    rng = np.random.default_rng(4)

    def drawn(bias: float, count: int) -> Errors:
        return errors(bias + rng.normal(size=count) * 0.1, np.ones(count))

    pairs = [(drawn(1.4 * b, 60), drawn(b, 400), False) for b in rng.normal(size=60) * 0.03]
    grown = conventions.bias_growth(pairs)
    assert grown == pytest.approx(1.4, abs=0.12)
    exact, rough = (
        errors(np.tile([0.99, 1.01], 50), np.ones(100)),
        errors(np.array([0, 4.0]), np.ones(2)),
    )
    assert conventions.best_bias(exact, rough, False, 2.0) == pytest.approx(1.0, abs=0.01)
    assert conventions.best_bias(rough, exact, False, 2.0) == pytest.approx(2.0, abs=0.01)


def test_people_are_whole_and_each_is_left_out_once() -> None:
    person = np.repeat(np.arange(11.0), 2)
    sets = {"a": errors(np.ones(22), np.ones(22))._replace(person=person)}
    seen = []
    for fold in range(forms.FOLDS):
        four, fifth = forms.split(sets, fold)
        assert not set(four["a"].person) & set(fifth["a"].person)
        seen += list(fifth["a"].person)
    assert sorted(seen) == sorted(person)


def test_forms_hold_90_percent_of_people_who_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets whose annotators differ: with a radius of its own, each is held."""
    rng = np.random.default_rng(2)

    def of_set(bias: float, size: float, count: int) -> dict[str, Errors]:
        error = 10 * bias + rng.normal(size=(len(MEASURES), count)) * size
        unit = np.full(count, 10.0)
        ones = np.ones(count)
        return {
            n: Errors(e, ones, unit, ones, np.arange(count, dtype=float))
            for n, e in zip(MEASURES, error, strict=True)
        }

    some = {name: DEFINITIONS[name] for name in ("inner_canthal_px", "philtrum_px")}
    monkeypatch.setattr(forms, "DEFINITIONS", some)
    kinds = ({"a": of_set(0.05, 1.0, n), "b": of_set(-0.05, 0.3, n)} for n in (40, 120))
    found = forms.compare(*kinds)
    assert all(mean == pytest.approx(90, abs=3) for mean, _ in found.values())
    assert found["conventions, own radius"][1] < found["conventions, one radius"][1]


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
    assert both_sides("palpebral_fissure_right_px") == [
        "palpebral_fissure_left_px",
        "palpebral_fissure_right_px",
    ]
    assert both_sides("yaw") == ["yaw"]


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


def test_installed_conventions_replace_those_of_the_package(tmp_path: Path) -> None:
    known = (convention_factors.BIAS, convention_factors.FACTORS, convention_factors.SCATTER)
    every = {name: conventions.Convention(*(part[name] for part in known)) for name in CONVENTIONS}
    file = tmp_path / "convention_factors.py"
    file.write_bytes(conventions.INSTALLED.read_bytes())
    conventions.install(every, file)
    assert file.read_bytes() == conventions.INSTALLED.read_bytes()
    one = conventions.Convention({"a": 0.5}, {"a": 2.5}, {"a": 0.25})
    conventions.install({"new": one}, file)
    changed = {"__name__": "changed"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), changed)
    assert [changed[n] for n in ("BIAS", "FACTORS", "SCATTER")] == [{"new": part} for part in one]
    assert set(conventions.CONVENTION_OF.values()) == set(CONVENTIONS)


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
    photos = photos_of(shared, read_sets_once(shared, 0), "held-out")["helen"]
    faces = list(predictions(photos, "helen"))
    assert len(faces) == len(photos)
    held = {
        name: np.mean(
            np.abs(some.error)
            <= np.hypot(RADIUS_FACTORS[name] * some.radius, SYSTEMATIC.get(name, 0) * some.unit)
        )
        for name, some in errors_of(faces).items()
    }
    assert list(held) == list(MEASURES)
    assert np.mean(list(held.values())) == pytest.approx(0.9, abs=0.06)
    assert min(held.values()) > 0.7
