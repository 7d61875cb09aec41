"""How much should training people count in the radii of measures? Compared by cross-validation.

    python recipes/measure_forms.py --data DATA                # three minutes on one core

DATA contains the sets of `points_data.SETS` and `held-out.txt`. The people whom `points.py` holds
out for calibration are divided into five parts. The numbers of `measure_factors` are fitted on four
parts and on training people of several weights, and checked on the fifth. For each weight:

- score: interval score (Gneiting & Raftery 2007, doi:10.1198/016214506000001437) over the value,
  the geometric mean over all measures, relative to that without training people; less is better.
- off: how far the coverage of a measure in a part is from 90 %, root of the mean square. With 60
  faces in a part, chance alone makes 3.9 %.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from measure_factors import BySet, Errors, both_sides, fit, growth, joined, measured, together
from numpy.typing import NDArray
from points_data import read_sets

from facepoints.errors import FacepointsError
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.measurement import DEFINITIONS

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
FOLDS, SEED = 5, 0


@dataclass(frozen=True)
class Recipe:
    """Compare how much training people should count in the radii of measures."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""


def folds_of(by_set: BySet) -> dict[str, NDArray[np.int64]]:
    """The part of each face of a set."""
    rng = np.random.default_rng(SEED)
    most = {
        key: 1 + max(int(one.face.max(initial=0)) for one in some.values())
        for key, some in by_set.items()
    }
    return {key: rng.permutation(count) % FOLDS for key, count in most.items()}


def split(by_set: BySet) -> Iterator[tuple[BySet, BySet]]:
    """The errors of four parts of the faces, and of the fifth, in turn."""
    folds = folds_of(by_set)
    for fold in range(FOLDS):
        yield (
            {k: {n: _some(e, folds[k] != fold) for n, e in s.items()} for k, s in by_set.items()},
            {k: {n: _some(e, folds[k] == fold) for n, e in s.items()} for k, s in by_set.items()},
        )


def _some(errors: Errors, chosen: NDArray[np.bool_]) -> Errors:
    keep = chosen[errors.face.astype(int)]
    return Errors(*(column[keep] for column in errors))


def compare(held_out: BySet, training: BySet) -> dict[float, tuple[float, float]]:
    """Score and deviation of the coverage, in percent, for each weight."""
    names = [name for name in DEFINITIONS if both_sides(name)[0] == name]
    scores = {weight: np.zeros((len(names), 2)) for weight in WEIGHTS}
    off: dict[float, list[float]] = {weight: [] for weight in WEIGHTS}
    for four, fifth in split(held_out):
        grown = growth(four, training)
        for row, name in enumerate(names):
            checked = joined([some[side] for some in fifth.values() for side in both_sides(name)])
            for weight in WEIGHTS:
                factor, part = fit(together(four, training, name, grown, weight))
                radius = np.hypot(factor * checked.radius, part * checked.unit)
                beyond = np.maximum(checked.error - radius, 0)
                score = (radius + beyond / (1 - COVERAGE)) / checked.unit
                scores[weight][row] += score.sum(), len(score)
                off[weight].append(float((beyond == 0).mean()) - COVERAGE)
    means = {weight: np.log(sums[:, 0] / sums[:, 1]).mean() for weight, sums in scores.items()}
    return {
        weight: (
            100 * float(np.expm1(means[weight] - means[WEIGHTS[0]])),
            100 * float(np.sqrt(np.mean(np.square(off[weight])))),
        )
        for weight in WEIGHTS
    }


def main(recipe: Recipe) -> None:
    known = read_sets(recipe.data, 0)
    held_out, training = (measured(recipe.data, known, part) for part in ("held-out", "training"))
    for weight, (score, off) in compare(held_out, training).items():
        print(f"weight {weight:3.1f}: score {score:+.2f} %, off {off:.2f} %")


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
