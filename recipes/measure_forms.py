"""Which form of the radii of measures holds 90 % on new people? Compared by cross-validation.

    python recipes/measure_forms.py --data DATA                # four minutes on one core

DATA contains the sets of `points_data.SETS` and `held-out.txt`. All people who are not the test set
are divided into five parts. The numbers of `measure_factors` are fitted on four parts and checked
on the fifth. The forms:

- faces alike: every face counts alike, so large sets count more.
- sets alike: each set counts alike. This is what `measure_factors.py` fits.
- conventions, one radius: without the bias of each set, and one radius for all sets.
- conventions, own radius: the same, with a radius of each set. `measure_factors.py` fits it, with
  biases as they are on new people.

For each form, and for measures of each set:

- mean: the mean coverage over all measures and sets, percent.
- off: root of the mean square of how far the coverage of a measure is from 90 %; for conventions,
  of a measure in one set; else of a measure in all sets, which count alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from convention_fit import bias_of, without
from measure_factors import alike, fit, grow, growth, of_set
from measured_errors import BySet, Errors, both_sides, joined, measured
from numpy.typing import NDArray
from points_data import read_sets

from facepoints.errors import FacepointsError
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.measurement import DEFINITIONS

FOLDS = 5

Sets = Mapping[str, Errors]
"""The errors of one measure, by set."""
Held = dict[str, NDArray[np.bool_]]
"""Which values of one measure lie within the radius, by set."""


@dataclass(frozen=True)
class Recipe:
    """Compare forms of the radii of measures."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""


def part(errors: Errors, chosen: NDArray[np.bool_]) -> Errors:
    """Some of the errors."""
    return Errors(*(column[chosen] for column in errors))


def split(sets: Sets, fold: int) -> tuple[Sets, Sets]:
    """The errors of the people of four parts, and of the fifth."""
    tested = {key: errors.person % FOLDS == fold for key, errors in sets.items()}
    rest = {key: part(errors, ~tested[key]) for key, errors in sets.items()}
    return rest, {key: part(errors, tested[key]) for key, errors in sets.items()}


def within(errors: Errors, factor: float, systematic: float) -> NDArray[np.bool_]:
    """True for the errors that lie within the radius."""
    return np.abs(errors.error) <= np.hypot(factor * errors.radius, systematic * errors.unit)


def faces_alike(four: Sets, fifth: Sets, relative: bool) -> Held:
    """One radius; every face counts alike."""
    del relative
    fitted = fit(joined(list(four.values())))
    return {key: within(errors, *fitted) for key, errors in fifth.items()}


def sets_alike(four: Sets, fifth: Sets, relative: bool) -> Held:
    """One radius; each set counts alike."""
    del relative
    fitted = fit(alike(list(four.values())))
    return {key: within(errors, *fitted) for key, errors in fifth.items()}


def one_radius(four: Sets, fifth: Sets, relative: bool) -> Held:
    """Without the bias of each set; one radius."""
    biases = {key: bias_of(errors, relative) for key, errors in four.items()}
    left = {key: without(errors, biases[key], relative) for key, errors in four.items()}
    rest = {key: without(errors, biases[key], relative) for key, errors in fifth.items()}
    return sets_alike(left, rest, relative)


def own_radius(four: Sets, fifth: Sets, relative: bool) -> Held:
    """Without the bias of each set; a radius of each set."""
    held = {}
    for key, errors in four.items():
        held |= one_radius({key: errors}, {key: fifth[key]}, relative)
    return held


FORMS: dict[str, Callable[[Sets, Sets, bool], Held]] = {
    "faces alike": faces_alike,
    "sets alike": sets_alike,
    "conventions, one radius": one_radius,
    "conventions, own radius": own_radius,
}


def coverages(sets: Sets, form: Callable[[Sets, Sets, bool], Held], relative: bool) -> list[float]:
    """The coverage of one measure in each set, on people who were left out."""
    held: dict[str, list[NDArray[np.bool_]]] = {key: [] for key in sets}
    for fold in range(FOLDS):
        for key, some in form(*split(sets, fold), relative).items():
            held[key].append(some)
    return [float(np.concatenate(some).mean()) for some in held.values()]


def compare(held_out: BySet, training: BySet) -> dict[str, tuple[float, float]]:
    """Mean coverage and deviation, in percent, of each form."""
    grown = growth(held_out, training)
    found: dict[str, list[list[float]]] = {form: [] for form in FORMS}
    for name in (name for name in DEFINITIONS if both_sides(name)[0] == name):
        every = {key: grow(*of_set(held_out, training, key, name), grown) for key in held_out}
        sets = {key: errors for key, errors in every.items() if len(errors.error)}
        for form, function in FORMS.items():
            found[form].append(coverages(sets, function, DEFINITIONS[name].relative))
    result = {}
    for form, rows in found.items():
        single = form.startswith("conventions")
        some = np.concatenate(rows) if single else np.array([np.mean(row) for row in rows])
        off = float(np.sqrt(np.mean((some - COVERAGE) ** 2)))
        result[form] = (100 * float(np.mean(some)), 100 * off)
    return result


def main(recipe: Recipe) -> None:
    known = read_sets(recipe.data, 0)
    held_out, training = (measured(recipe.data, known, part) for part in ("held-out", "training"))
    for form, (mean, off) in compare(held_out, training).items():
        print(f"{form:25} mean {mean:.1f} %, off {off:.2f} %")


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
