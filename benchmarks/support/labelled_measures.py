"""Measures of faces against those of hand labels: bias, coverage, and how much of it is chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.inference.face import Face
from facepoints.measurement import DEFINITIONS, Convention, measure

from . import tables
from .faces import FaceSet
from .sets import COLUMNS, SETS

__all__ = [
    "Rows",
    "against_labels",
    "chance",
    "convention_table",
    "figures",
    "label_table",
    "pooled",
]

Array = NDArray[np.float64]
Rows = dict[str, Array]
"""By measure, (N, 4): value, radius, true value, number of the person."""

FEWEST = 20
"""Faces that a figure needs."""
DRAWS = 2000
"""Of people, for an interval (Efron 1979, doi:10.1214/aos/1176344552)."""
INTERVAL = (5, 95)
"""Percentiles of the draws between which 90 % of them lie."""


def against_labels(
    faces: FaceSet, found: Sequence[tuple[Face, int]], convention: Convention | None = None
) -> Rows:
    """The measures of the faces of a set that have true ones.

    Args:
        faces: with labels.
        found: each face that was found, with its row.
        convention: as for `measure`.
    """
    rows: dict[str, list[tuple[float, ...]]] = {}
    people = np.unique(faces.people, return_inverse=True)[1]
    for face, row in found:
        here = measure(face, convention)
        for name, definition in DEFINITIONS.items():
            columns = [COLUMNS.index(point) for point in definition.points]
            if name in here and faces.labelled[row, columns].all():
                truth = float(definition.function(faces.points[row, columns]))
                one = (here[name].value, here[name].radius, truth, float(people[row]))
                rows.setdefault(name, []).append(one)
    return {name: np.array(some) for name, some in rows.items() if len(some) >= FEWEST}


def figures(name: str, rows: Array) -> dict[str, Any]:
    """Figures of the rows (N, 4) of a measure."""
    value, radius, truth, _ = rows.T
    off = value - truth
    relative = DEFINITIONS[name].relative
    scale = 1.0 if DEFINITIONS[name].unit == "degrees" else 100.0
    bias = 100 * off.mean() / truth.mean() if relative else scale * off.mean()
    error = (
        100 * off.std() / truth.mean() / np.sqrt(len(off))
        if relative
        else (scale * off.std() / np.sqrt(len(off)))
    )
    middle = np.median(radius / value) * 100 if relative else scale * np.median(radius)
    return {
        "faces": len(rows),
        "bias": round(float(bias), 2),
        "bias_error": round(float(error), 2),
        "within": int((np.abs(off) <= radius).sum()),
        "coverage": round(float((np.abs(off) <= radius).mean()) * 100, 1),
        "radius": round(float(middle), 2),
    }


def pooled(sets: Sequence[Rows]) -> dict[str, dict[str, Any]]:
    """Coverage of each measure over several sets, all faces alike, with its interval: 90 % of draws
    of as many people lie within it."""
    result = {}
    for name in DEFINITIONS:
        people = [_of_people(rows[name]) for rows in sets if name in rows]
        if people:
            faces, within = np.concatenate(people).T
            drawn = _drawn(faces, within)
            low, high = np.percentile(drawn, INTERVAL)
            result[name] = {
                "faces": int(faces.sum()),
                "people": len(faces),
                "coverage": round(100 * float(within.sum() / faces.sum()), 1),
                "interval": [round(float(low), 1), round(float(high), 1)],
                "std": round(float(drawn.std()), 2),
            }
    return result


def _of_people(rows: Array) -> Array:
    """The number of faces of each person, and of those within the radius, (P, 2)."""
    value, radius, truth, person = rows.T
    held = np.abs(value - truth) <= radius
    _, number = np.unique(person, return_inverse=True)
    return np.stack([np.bincount(number), np.bincount(number, held)], axis=1).astype(np.float64)


def _drawn(faces: Array, within: Array) -> Array:
    """Coverage in percent of each draw of as many people, with replacement."""
    chosen = np.random.default_rng(0).integers(len(faces), size=(DRAWS, len(faces)))
    return 100 * within[chosen].sum(axis=1) / faces[chosen].sum(axis=1)


def chance(coverage: Mapping[str, Mapping[str, Any]], level: float = 90) -> dict[str, Any]:
    """Distance of coverages from what they should be, and from it by chance alone.

    Args:
        coverage: of `pooled`.
        level: percent.
    """
    off = np.array([one["coverage"] - level for one in coverage.values()])
    std = np.array([one["std"] for one in coverage.values()])
    holds = [one["interval"][0] <= level <= one["interval"][1] for one in coverage.values()]
    return {
        "mean": round(float(level + off.mean()), 1),
        "off": round(float(np.sqrt((off**2).mean())), 1),
        "off_by_chance": round(float(np.sqrt((std**2).mean())), 1),
        "intervals_that_hold": int(sum(holds)),
        "within_2": int((np.abs(off) <= 2).sum()),
        "measures": len(off),
    }


def unit_of(name: str) -> str:
    """The unit of a bias."""
    if DEFINITIONS[name].unit == "degrees":
        return "°"
    return "%" if DEFINITIONS[name].relative else ""


def label_table(content: Mapping[str, Any]) -> tables.Cells:
    """A row per measure: bias in each set, coverage in each set and in all, median radius."""
    sets = content["labels"]
    heads = ["measure", *(f"bias, {SETS[name].title}" for name in sets)]
    heads += [f"within radius, {SETS[name].title}" for name in sets]
    heads += ["within radius, all", "by chance", "faces", "people"]
    cells = [[*heads, "median radius, SCUT or HELEN"]]
    for name, whole in content["coverage"].items():
        low, high = whole["interval"]
        shown = sets["scut"].get(name) or sets["helen"][name]
        cells.append(
            [
                name,
                *_biases(name, sets),
                *_coverages(name, sets),
                f"{whole['coverage']:.1f}%",
                f"{low:.0f} to {high:.0f}%",
                str(whole["faces"]),
                str(whole["people"]),
                f"{shown['radius']:.1f}{unit_of(name)}",
            ]
        )
    return cells


def convention_table(content: Mapping[str, Any]) -> tables.Cells:
    """A row per measure: bias, coverage and radius in each set, measured in its own convention."""
    sets = content["conventions"]
    heads = ["measure", *(f"bias, {SETS[name].title}" for name in sets)]
    heads += [f"within radius, {SETS[name].title}" for name in sets]
    cells = [[*heads, *(f"median radius, {SETS[name].title}" for name in sets)]]
    for name in content["coverage"]:
        radii = [
            f"{sets[k][name]['radius']:.1f}{unit_of(name)}" if name in sets[k] else "-"
            for k in sets
        ]
        cells.append([name, *_biases(name, sets), *_coverages(name, sets), *radii])
    return cells


def _biases(name: str, sets: Mapping[str, Any]) -> list[str]:
    some = [sets[key].get(name) for key in sets]
    unit = unit_of(name)
    return [f"{o['bias']:+.1f}{unit} ± {o['bias_error']:.1f}" if o else "-" for o in some]


def _coverages(name: str, sets: Mapping[str, Any]) -> list[str]:
    some = [sets[key].get(name) for key in sets]
    return [f"{one['coverage']:.0f}%" if one else "-" for one in some]
