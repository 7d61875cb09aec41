"""Fit the radii of the measures, so that 90 % of hand-labelled values lie within them, and how the
measures differ from the marks of each data set.

    python recipes/measure_factors.py --data DATA               # four minutes on one core
    python recipes/measure_factors.py --data DATA --install     # and write them to the package

DATA contains the sets of `points_data.SETS` and `held-out.txt`. Run it again, with --install,
whenever the built-in model changes. `benchmarks/measures.py` checks the result on the test set.

Faces are detected and measured with the built-in model. The true measures are those of the labels
of five sets that people labelled by hand: LFPW, HELEN, AFW, SCUT and street photos. The radius of a
measure has two parts (`measurement.radius_factors`): a factor on the radius that is propagated from
the points, and a systematic part, because the sets disagree where the points belong. For each of
many systematic parts, the factor is the 90 % quantile of what they leave over (split conformal
prediction, as for the points in `evaluation.calibration`); of these pairs, the one with the
smallest interval score is taken (Gneiting & Raftery 2007, doi:10.1198/016214506000001437). Left and
right share both numbers. Each set counts alike.

The people whom `points.py` holds out for calibration are few: 16 to 91 faces of a set. So training
people are added. The network errs less on them: their errors are multiplied by the ratio of the
90 % quantiles of error over radius of both kinds of people, the geometric mean over all measures.

For each set alone, the bias of each measure is taken off, and factor and second part are fitted to
what is left (`measurement.conventions`). Biases are larger on new people than on training people,
whose set the network partly knows by their look: those of training people are multiplied by the
slope of the former on the latter, over all sets and measures. `measure_forms.py` compares this with
other forms.

Angles of the head and the asymmetry have factors only. Theirs are measured on faces with all 68
points. The radius of the asymmetry is a noise floor: the asymmetry that point errors make of a
symmetric face, measured with the errors of each face on the mean head, turned like the face.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from convention_fit import CONVENTION_OF, Convention, best_bias, bias_growth, bias_of, without
from convention_fit import install as install_conventions
from measured_errors import BySet, Errors, both_sides, joined, measured
from numpy.typing import NDArray
from points_data import read_sets

from facepoints.errors import FacepointsError
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.measurement import DEFINITIONS, MEASURES, radius_factors

Array = NDArray[np.floating]

STEPS = 40
"""Systematic parts that are tried, from 0 to the 90 % quantile of the errors."""

INSTALLED = Path(radius_factors.__file__)
"""File of the package that `install` changes."""


@dataclass(frozen=True)
class Recipe:
    """Fit the radii of the measures."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    install: bool = False
    """Write the result to the package (src/facepoints/measurement/radius_factors.py and
    convention_factors.py)."""


def fit(errors: Errors, systematic: bool = True) -> tuple[float, float]:
    """Factor and systematic part of the radius that holds 90 % of the errors.

    Args:
        systematic: False: without a systematic part.
    """
    error, (_, radius, unit, weight, _) = np.abs(errors.error), errors
    most = quantile(error / unit, weight) if systematic else 0.0
    best = (np.inf, 1.0, 0.0)
    for part in np.linspace(0, most, STEPS) if systematic else [0.0]:
        left = np.sqrt(np.maximum(error**2 - (part * unit) ** 2, 0))
        factor = quantile(left / radius, weight)
        whole = np.hypot(factor * radius, part * unit)
        beyond = np.maximum(error - whole, 0)
        score = np.average((whole + beyond / (1 - COVERAGE)) / unit, weights=weight)
        best = min(best, (float(score), factor, float(part)))
    return best[1], best[2]


def quantile(ratios: Array, weight: Array) -> float:
    """The 90 % quantile of the ratios, corrected for their number as in conformal prediction: a
    further face of weight 1 counts as infinite (Tibshirani et al. 2019, arXiv:1904.06019)."""
    order = np.argsort(ratios)
    below = np.cumsum(weight[order])
    place = int(np.searchsorted(below, COVERAGE * (below[-1] + 1) - 1e-9))
    return float(ratios[order[min(place, len(order) - 1)]])


def growth(held_out: BySet, training: BySet) -> float:
    """Ratio of the errors on people whom the network was not trained on to those on others."""
    logs = []
    for name in MEASURES:
        ratios = [
            quantile(np.abs(errors.error) / errors.radius, errors.weight)
            for errors in (
                alike([some[name] for some in kind.values()]) for kind in (held_out, training)
            )
        ]
        logs.append(np.log(ratios[0] / ratios[1]))
    return float(np.exp(np.mean(logs)))


def alike(parts: list[Errors]) -> Errors:
    """The errors of several sets, each of which counts alike."""
    parts = [part for part in parts if len(part.error)]
    mean = sum(len(part.error) for part in parts) / len(parts)
    return joined([p._replace(weight=np.full(len(p.error), mean / len(p.error))) for p in parts])


def install(
    factors: dict[str, float], systematic: dict[str, float], path: Path = INSTALLED
) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for title, numbers, digits in (
        ("RADIUS_FACTORS", factors, 2),
        ("SYSTEMATIC", systematic, 4),
    ):
        before, _, rest = text.partition(f"{title}: dict")
        lines = "".join(f'    "{name}": {value:.{digits}f},\n' for name, value in numbers.items())
        text = f"{before}{title}: dict[str, float] = {{\n{lines}}}{rest.partition('}')[2]}"
    path.write_text(text, encoding="utf-8")


def of_set(held_out: BySet, training: BySet, key: str, name: str) -> tuple[Errors, Errors]:
    """The errors of a measure in a set, on both sides: of people held out, and of the others."""
    sides = both_sides(name)
    return joined([held_out[key][s] for s in sides]), joined([training[key][s] for s in sides])


def grow(held_out: Errors, training: Errors, grown: float) -> Errors:
    """Both together, where errors of training people count `grown` times."""
    return joined([held_out, training._replace(error=training.error * grown)])


def together(held_out: BySet, training: BySet, name: str, grown: float) -> Errors:
    """The errors of a measure, on both sides of all faces; each set counts alike."""
    return alike([grow(*of_set(held_out, training, key, name), grown) for key in held_out])


def growth_of_biases(held_out: BySet, training: BySet) -> float:
    """Ratio of the biases on people whom the network was not trained on to those on others."""
    pairs = [
        (*of_set(held_out, training, key, name), definition.relative)
        for key in held_out
        for name, definition in DEFINITIONS.items()
        if both_sides(name)[0] == name
    ]
    return bias_growth(pair for pair in pairs if len(pair[0].error) and len(pair[1].error))


def convention_of(
    held_out: BySet, training: BySet, key: str, grown: float, bias_grown: float
) -> Convention:
    """Fit what turns measures into those of one set, for the measures that it gives.

    Args:
        held_out: errors of people who were held out.
        training: errors of training people.
        key: of the set.
        grown: factor of the errors of training people.
        bias_grown: factor of the bias of training people.
    """
    found = Convention({}, {}, {})
    for name, definition in DEFINITIONS.items():
        (here, there), relative = of_set(held_out, training, key, name), definition.relative
        if len(here.error) and len(there.error):
            bias = best_bias(here, there, relative, bias_grown)
            left = without(here, bias, relative), without(there, bias_of(there, relative), relative)
            found.bias[name] = bias
            found.factors[name], found.scatter[name] = fit(grow(*left, grown))
    return found


def main(recipe: Recipe) -> None:
    known = read_sets(recipe.data, 0)
    held_out, training = (measured(recipe.data, known, part) for part in ("held-out", "training"))
    grown = growth(held_out, training)
    print(f"# errors of training people count {grown:.3f} times")
    factors, systematic = {}, {}
    for name in MEASURES:
        errors = together(held_out, training, name, grown)
        factor, part = fit(errors, systematic=name in DEFINITIONS)
        factors[name] = factor
        if name in DEFINITIONS:
            systematic[name] = part
        print(f"{name:30} n={len(errors.error):4d} factor {factor:5.2f} systematic {part:.4f}")
    conventions = {}
    bias_grown = growth_of_biases(held_out, training)
    print(f"# biases of training people count {bias_grown:.3f} times")
    for key, convention in CONVENTION_OF.items():
        found = conventions[convention] = convention_of(held_out, training, key, grown, bias_grown)
        print(f"# bias against {convention}")
        for name, bias in found.bias.items():
            print(f"{name:30} {bias:+.4f}")
    if recipe.install:
        install(factors, systematic)
        install_conventions(conventions)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
