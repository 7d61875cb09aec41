"""Forms of the gaze's error radius: fitted, and compared on people they were not fitted on.

A radius has two parts, `hypot(factor * points, fraction * turn)`: one from the errors of irises and
corners, and one that a form of `gaze.turns_of` names. Both numbers of a form minimize the quantile
loss of the absolute errors (Koenker & Bassett 1978, Econometrica 46: 33-50), so that the radius
holds 90 % of the errors, and is wide only where errors are large. Every set of errors weighs the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.measurement.gaze import TURN_FORMS

__all__ = [
    "BANDS",
    "HELD",
    "Errors",
    "Fold",
    "FormScore",
    "choose",
    "compare",
    "fit_radii",
    "radius_of",
    "table_of",
]

Array = NDArray[np.floating]

HELD = 0.9
"""Share of the gazes that the radius should hold."""
BANDS = ((0.0, 10.0), (10.0, 20.0), (20.0, 35.0), (35.0, 90.0))
"""Degrees between the true gaze and the camera."""
FEWEST = 10
"""Errors of a kind in a band, below which they are not compared."""
ALIKE = 0.01
"""Forms whose shares are off by this much more than the best one's count as equally good."""
_MOST = 4.0, 2.0  # largest factor of the errors of points, and fraction of a turn
_CONSTANT = 15.0  # degrees; for the constant form, the largest number is this many times larger


class Errors(NamedTuple):
    """Errors of gazes in known directions.

    Attributes:
        off: (n, 2) errors of yaw and pitch in degrees.
        points: (n, 2) first part of the radius in degrees, before its factor.
        turns: {form: (n, 2)} second part, before its factor, as `gaze.turns_of` returns it.
        angle: (n,) degrees between the true gaze and the camera.
    """

    off: Array
    points: Array
    turns: Mapping[str, Array]
    angle: Array


class Fold(NamedTuple):
    """Errors to fit on, and errors of other people by kind."""

    fitted: Sequence[Errors]
    checked: Mapping[str, Errors]


@dataclass(frozen=True)
class FormScore:
    """How a form does on people it was not fitted on.

    Attributes:
        form: see `gaze.turns_of`.
        held: {(kind, band): (2,)} shares of yaws and pitches that the radius holds.
        off: mean of how far these shares are from `HELD`.
        width: (2,) mean radius of yaw and pitch in degrees, each kind and band weighing the same.
    """

    form: str
    held: dict[tuple[str, str], Array]
    off: float
    width: Array


def radius_of(errors: Errors, form: str, factors: Array, turns: Array) -> Array:
    """Radius (n, 2) in degrees, from the factors (2,) of its first and second part."""
    return np.hypot(errors.points * factors, errors.turns[form] * turns)


def fit_radii(sets: Sequence[Errors], form: str) -> tuple[Array, Array]:
    """Factors (2,) of the first part of the radius, and (2,) of the second part."""
    fitted = [_fit_angle(sets, form, column) for column in range(2)]
    return np.array([one[0] for one in fitted]), np.array([one[1] for one in fitted])


def _fit_angle(sets: Sequence[Errors], form: str, column: int) -> Array:
    """Both factors (2,) of one angle, by a search on grids that become finer."""
    off = np.concatenate([np.abs(one.off[:, column]) for one in sets])
    weight = np.concatenate([np.full(len(one.off), 1 / len(one.off)) for one in sets])
    points = np.concatenate([one.points[:, column] for one in sets])
    turn = np.concatenate([one.turns[form][:, column] for one in sets])
    most = np.array(_MOST) * (1, _CONSTANT if form == "constant" else 1)
    low, high = np.zeros(2), most if turn.any() else most * (1, 0)
    best = low
    for _ in range(6):
        axes = np.linspace(low, high, 25).T
        pairs = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
        radius = np.hypot(pairs[:, :1] * points, pairs[:, 1:] * turn)
        left = off - radius
        loss = np.maximum(HELD * left, (HELD - 1) * left) @ weight
        best = pairs[np.argmin(loss)]
        step = (high - low) / 8
        low, high = np.maximum(best - step, 0), best + step
    return best


def compare(folds: Sequence[Fold]) -> list[FormScore]:
    """Every form, fitted on one part of each fold, and checked on the other."""
    scores = []
    for form in TURN_FORMS:
        inside: dict[tuple[str, str], list[Array]] = {}
        wide: dict[tuple[str, str], list[Array]] = {}
        for fold in folds:
            fitted = fit_radii(fold.fitted, form)
            for kind, errors in fold.checked.items():
                radius = radius_of(errors, form, *fitted)
                for low, high in BANDS:
                    rows = (errors.angle >= low) & (errors.angle < high)
                    cell = kind, f"{low:.0f}-{high:.0f}°"
                    inside.setdefault(cell, []).extend(np.abs(errors.off[rows]) <= radius[rows])
                    wide.setdefault(cell, []).extend(radius[rows])
        held = {k: np.mean(all_, axis=0) for k, all_ in inside.items() if len(all_) >= FEWEST}
        off = float(np.mean([np.abs(share - HELD) for share in held.values()]))
        width = np.mean([np.mean(wide[cell], axis=0) for cell in held], axis=0)
        scores.append(FormScore(form, held, off, width))
    return scores


def choose(scores: Sequence[FormScore]) -> FormScore:
    """The form whose shares are closest to `HELD`; of those that are alike, the narrowest."""
    least = min(score.off for score in scores)
    good = [score for score in scores if score.off <= least + ALIKE]
    return min(good, key=lambda score: float(score.width.mean()))


def table_of(scores: Sequence[FormScore]) -> str:
    """The comparison as a Markdown table: shares of yaws / pitches held, in percent."""
    cells = list(scores[0].held)
    rows = [["form", *(f"{kind} {band}" for kind, band in cells), "off by", "mean radius"]]
    rows.append(["---"] + ["---:"] * (len(rows[0]) - 1))
    for one in scores:
        shares = [" / ".join(f"{100 * s:.0f}" for s in one.held[cell]) for cell in cells]
        width = " / ".join(f"{w:.1f}" for w in one.width)
        rows.append([one.form, *shares, f"{100 * one.off:.1f}", width])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
