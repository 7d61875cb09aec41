"""Fit the radii of the measures, so that 90 % of hand-labelled values lie within them.

    python recipes/measure_factors.py --data DATA               # two minutes on one core
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
right share both numbers.

The people whom `points.py` holds out for calibration are few: 150 to 330 faces tell a measure's
90 % quantile within 2 % of the faces. So training people of each set are added. The network errs
less on them: their errors are multiplied by the ratio of the 90 % quantiles of error over radius of
both kinds of people, the geometric mean over all measures. In each set, they count as much
together as the held-out ones. `measure_forms.py` compares weights: without training people the
interval score on new people is 0.7 % worse; weights of 1 to 4 are alike.

Angles of the head and the asymmetry have factors only. Theirs are measured on faces with all 68
points. The radius of the asymmetry is a noise floor: the asymmetry that point errors make of a
symmetric face, measured with the errors of each face on the mean head, turned like the face.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import tyro
from numpy.typing import NDArray
from points_data import SETS, LabeledSet, in_columns, read_sets

import facepoints
from facepoints._util.angles import wrap_degrees
from facepoints.datasets import readers
from facepoints.datasets.samples import Photos
from facepoints.datasets.splits import spread_rows
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70
from facepoints.measurement import DEFINITIONS, MEASURES, head_pose, measure, radius_factors
from facepoints.measurement.pose import ANGLES, head_points
from facepoints.measurement.symmetry import asymmetry
from facepoints.measurement.uncertainty import measure_points

Array = NDArray[np.floating]
Part = Literal["held-out", "training"]
"""People who are not the test set: held out from the training, or trained on."""

BATCH = 16
"""Images per prediction."""
MAX_ERROR = 0.2
"""Maximum mean error of the labelled face's prediction, as a fraction of the face's side."""
HAND_LABELLED = ("lfpw", "helen", "afw", "scut", "inthewild21")
"""The sets whose points people set, of `points_data.SETS`; CFP shows half faces."""
TRAINING = 160
"""Photos of training people of each set."""
STEPS = 40
"""Systematic parts that are tried, from 0 to the 90 % quantile of the errors."""

INSTALLED = Path(radius_factors.__file__)
"""File of the package that `install` changes."""


class Errors(NamedTuple):
    """Errors of one measure on several faces.

    Attributes:
        error: (N,) absolute difference of the measure to that of the labels.
        radius: (N,) propagated from the radii of the points.
        unit: (N,) what the systematic part is a fraction of: the value, or 1.
        weight: (N,) how much each face counts; a face of a person who was held out: 1.
        face: (N,) number of the face in its set.
    """

    error: Array
    radius: Array
    unit: Array
    weight: Array
    face: Array


@dataclass(frozen=True)
class Recipe:
    """Fit the radii of the measures."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    install: bool = False
    """Write the result to the package (src/facepoints/measurement/radius_factors.py)."""


def photos_of(data: Path, known: Mapping[str, LabeledSet], part: Part) -> dict[str, Photos]:
    """Photos of people who are not the test set, by data set: all whom `points.py` holds out for
    calibration, or some whom it trains on.

    Args:
        known: of `read_sets`.
    """
    sets: dict[str, Photos] = {}
    for name in HAND_LABELLED:
        folder, split, _, _ = SETS[name]
        photos = readers.read(data / folder, split=split)
        if not isinstance(photos, Photos):
            raise DataError(f"{data / folder} should hold photos with points")
        people = known[name].part(held=part == "held-out").photos.group
        photos = photos.take(np.isin(photos.group, np.unique(people)))
        if part == "training":
            chosen = spread_rows(len(photos), TRAINING)
            photos = photos.take(np.isin(np.arange(len(photos)), chosen))
        sets[name] = photos
    return sets


Labeled = tuple[Face, Array, NDArray[np.bool_], int]
"""A face, its true points (70, 2), which of them are labelled, and the row of its photo."""


def predictions(photos: Photos, name: str) -> Iterator[Labeled]:
    """Each face that is found, with its labels.

    Args:
        name: of the set, in `points_data.SETS`.
    """
    points, labelled = in_columns(photos, SETS[name][2])
    model = facepoints.load()
    images = list(photos.read_images())
    for start in range(0, len(images), BATCH):
        found = model(images[start : start + BATCH])
        for row, detected in enumerate(found, start=start):
            truth, known = points[row], labelled[row]
            side = np.ptp(truth[known], axis=0).max()
            off = [np.linalg.norm(f.points[known] - truth[known], axis=1).mean() for f in detected]
            if off and min(off) < MAX_ERROR * side:
                yield detected[int(np.argmin(off))], truth, known, row


def errors_of(
    faces: list[Labeled],
) -> dict[str, Errors]:
    """The errors of each measure, on the faces whose labels give it."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in MEASURES}
    for number, (face, truth, known, _) in enumerate(faces):
        here = measure(face)
        for name, definition in DEFINITIONS.items():
            columns = OPENPOSE_70.columns(definition.points)
            if name not in here or not known[columns].all():
                continue
            points = face.points[columns].astype(np.float64)
            radius = face.radius[columns].astype(np.float64)
            value = float(definition.function(truth[columns]))
            measured = measure_points(definition.function, points, radius)
            unit = abs(measured.value) if definition.relative else 1.0
            rows[name].append((abs(measured.value - value), measured.radius, unit, 1.0, number))
        if known[:68].all():
            for name, error, radius in head_errors(face, truth):
                rows[name].append((error, radius, 1.0, 1.0, number))
    return {
        name: Errors(*np.array(some).reshape(-1, 5).astype(np.float64).T)
        for name, some in rows.items()
    }


def head_errors(face: Face, truth: Array) -> Iterator[tuple[str, float, float]]:
    """Error and radius without factor of the angles of the head and of the asymmetry."""
    face = face.as_landmarks(IBUG_68)
    factors = radius_factors.RADIUS_FACTORS
    points = truth[:68].astype(np.float32)
    labels = replace(face, points=points, radius=np.zeros_like(face.radius))
    here, there = head_pose(face), head_pose(labels)
    for name, radius in zip(ANGLES, here.point_radius, strict=True):
        error = abs(float(wrap_degrees(getattr(here, name) - getattr(there, name))))
        yield name, error, radius / factors.get(name, 1.0)
    if "asymmetry" in measure(face):
        shape = head_points(face.landmarks)[0]
        head = (shape @ here.turn.T)[:, :2] * here.scale + here.shift
        moved = replace(face, points=(head + face.points - truth[:68]).astype(np.float32))
        distance = asymmetry(moved, here)
        yield "asymmetry", distance.value, distance.radius / factors.get("asymmetry", 1.0)


def fit(errors: Errors, systematic: bool = True) -> tuple[float, float]:
    """Factor and systematic part of the radius that holds 90 % of the errors.

    Args:
        systematic: False: without a systematic part.
    """
    error, radius, unit, weight, _ = errors
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


BySet = Mapping[str, Mapping[str, Errors]]
"""The errors of each measure, by set."""


def growth(held_out: BySet, training: BySet) -> float:
    """How many times larger errors are on people whom the network was not trained on."""
    logs = []
    for name in MEASURES:
        pairs = [(held_out[key][name], training[key][name]) for key in held_out]
        ratios = [
            quantile(errors.error / errors.radius, errors.weight)
            for errors in (joined([h for h, _ in pairs]), joined([as_many(t, h) for h, t in pairs]))
        ]
        logs.append(np.log(ratios[0] / ratios[1]))
    return float(np.exp(np.mean(logs)))


def as_many(training: Errors, held_out: Errors) -> Errors:
    """The errors of training people, who together weigh as much as the held-out ones."""
    share = len(held_out.error) / max(len(training.error), 1)
    return training._replace(weight=np.full(len(training.error), share))


def both_sides(name: str) -> list[str]:
    """A measure and its mirror image, each once."""
    left = name.replace("_right", "_left")
    return (
        [left]
        if left == left.replace("_left", "_right")
        else [left, left.replace("_left", "_right")]
    )


def joined(parts: list[Errors]) -> Errors:
    """The errors of several sets or sides."""
    return Errors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


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


def together(
    held_out: BySet, training: BySet, name: str, grown: float, share: float = 1.0
) -> Errors:
    """The errors of a measure, on both sides of all faces.

    Args:
        grown: factor of the errors of training people.
        share: weight of all training people of a set; all held-out ones of the set have 1.
    """
    parts = []
    for key, side in ((key, side) for key in held_out for side in both_sides(name)):
        less = as_many(training[key][side], held_out[key][side])
        less = less._replace(error=less.error * grown, weight=less.weight * share)
        parts += [held_out[key][side], less]
    return joined(parts)


def measured(data: Path, known: Mapping[str, LabeledSet], part: Part) -> BySet:
    """The errors of all faces that are found."""
    by_set = {}
    for name, photos in photos_of(data, known, part).items():
        faces = list(predictions(photos, name))
        by_set[name] = errors_of(faces)
        print(f"# {name}, {part}: {len(faces)} of {len(photos)} faces found")
    return by_set


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
    if recipe.install:
        install(factors, systematic)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
