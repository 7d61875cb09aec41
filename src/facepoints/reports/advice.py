"""Advice after a training: rules on its curves, its labels and its errors on held-out faces.

A rule speaks only if the figures carry it. If none does, that is said. The figures of one training
have noise: another seed gives other figures, so a rule is a suggestion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.reports.table import percent, significant

__all__ = ["Advice", "advise"]

_FALLING = 0.02  # of the error: it fell by more than this from the fifth before to the last one
_WORSE = 0.03  # of the lowest error: the last one is higher by more than this
_FEW_LABELS = 50  # of a point
_FEW_FACES = 200
_FEW_HELD = 50
_SHORT = 5  # epochs that tell nothing about a trend
_SCHEME = 1.3  # times the RMSE of all faces


@dataclass(frozen=True)
class Advice:
    """A suggestion: what to do, and the figures it rests on."""

    what: str
    why: str


def advise(
    history: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    labels: Mapping[str, int],
    rows: int,
    report: Mapping[str, Any] | None,
) -> list[Advice]:
    """List what to try next, the most promising first.

    Args:
        history: a row per epoch and member, as in ``metrics.jsonl``.
        settings: fields of `TrainSettings`.
        labels: number of labels of each point in the training rows.
        rows: number of training rows.
        report: the evaluation on the held-out rows; None: none were held out.

    Returns:
        Empty if the figures suggest nothing.
    """
    found: list[Advice] = []
    if report is None:
        found.append(
            Advice(
                "Hold rows out: --validation 0.15",
                "No row was held out, so nothing here says how the model does on new faces, and "
                "its radii are a guess.",
            )
        )
    found += _about_curves(history, settings)
    found += _about_labels(labels, rows, settings)
    if report is not None:
        found += _about_errors(report)
    return found


def _about_curves(
    history: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[Advice]:
    """Rules on the curves of the first member that say something."""
    for member in dict.fromkeys(row.get("member", 0) for row in history):
        rows = [row for row in history if row.get("member", 0) == member]
        error = np.array([row.get("validation_rmse", math.nan) for row in rows], dtype=float)
        loss = np.array([row["train_loss"] for row in rows], dtype=float)
        if len(rows) < _SHORT:
            length = f"{len(rows)} epoch" + ("s" if len(rows) != 1 else "")
            return [
                Advice(
                    "Train longer: --epochs 60",
                    f"The training had {length}. That is too short to see a trend, and most "
                    "networks still learn then.",
                )
            ]
        found = _trend(error, loss, settings) if np.isfinite(error).all() else []
        if found:
            return found
    return []


def _trend(
    error: NDArray[np.float64], loss: NDArray[np.float64], settings: Mapping[str, Any]
) -> list[Advice]:
    """Overfitting, a curve that still falls, or a curve that jumps."""
    best, count = int(error.argmin()), len(error)
    rise = error[-1] / error[best] - 1
    if best < 0.7 * count and rise > _WORSE and loss[-1] < loss[best]:
        stronger = {"none": "light", "light": "default"}.get(settings["augment"], "strong")
        change = f"--augment {stronger}" if settings["augment"] != "strong" else "more faces"
        return [
            Advice(
                f"Against overfitting: {change}, or a smaller network",
                f"The validation error was lowest in epoch {best + 1} of {count} and is "
                f"{percent(rise)} higher at the end, while the training loss kept falling. "
                + (
                    "The weights of the best epoch were kept."
                    if settings.get("keep") == "best"
                    else "The weights of the last epoch were kept; --keep best keeps the best ones."
                ),
            )
        ]
    tail = max(2, count // 5)
    before, after = float(error[-2 * tail : -tail].mean()), float(error[-tail:].mean())
    fall = 1 - after / before
    if fall > _FALLING and best >= 0.9 * count - 1:
        budget = "--minutes" if settings.get("minutes") is not None else "--epochs"
        return [
            Advice(
                f"Train longer, into a new folder: twice the {budget}",
                f"The validation error still fell by {percent(fall)} over the last {tail} epochs. "
                "The learning rate ends near zero, so resuming would change little; a "
                "longer run from the start keeps it high for longer.",
            )
        ]
    late = error[count // 2 :]
    rises = np.clip(np.diff(late), 0, None)  # a steep but steady fall is no jump
    jumps = 2 * float(rises.mean() / late.mean()) if len(late) > 2 else 0.0
    if jumps > _WORSE:
        return [
            Advice(
                "A steadier curve: half the --learning-rate, or more held-out rows",
                f"The validation error changes by {percent(jumps)} from epoch to epoch in the "
                "second half, so the best epoch is partly luck.",
            )
        ]
    return []


def _about_labels(
    labels: Mapping[str, int], rows: int, settings: Mapping[str, Any]
) -> list[Advice]:
    found = []
    few = sorted((n, name) for name, n in labels.items() if n < _FEW_LABELS)
    if few and rows >= _FEW_LABELS:
        shown = ", ".join(f"{name} ({n})" for n, name in few[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        found.append(
            Advice(
                "Label more faces with the rare points",
                f"These points have fewer than {_FEW_LABELS} labels: {shown}{more}. Their errors "
                "and radii are uncertain.",
            )
        )
    if rows < _FEW_FACES:
        found.append(
            Advice(
                "With so few faces, try facepoints adapt, or start from the built-in weights",
                f"The training had {rows} faces. Fitting the built-in model to your labels takes "
                "seconds and can be more exact than a network trained on so few.",
            )
        )
    elif settings.get("network") == "heatnet" and settings.get("init") == "random":
        found.append(
            Advice(
                "Start from the built-in weights: --init builtin",
                "This training began with random weights. Points of faces that the built-in model "
                "knows, or can compute, then start where it left off.",
            )
        )
    return found


def _about_errors(report: Mapping[str, Any]) -> list[Advice]:
    found = []
    schemes = report["schemes"]
    worse = [
        (name, each["rmse"])
        for name, each in schemes.items()
        if len(schemes) > 1 and each["rmse"] > _SCHEME * report["rmse"]
    ]
    for name, rmse in worse[:1]:
        found.append(
            Advice(
                f"Look at the labels of the marking scheme {name}",
                f"Its RMSE is {significant(rmse)} pixels, {significant(report['rmse'])} over all "
                "faces. It may mark other places under the same names, or have wrong labels: "
                "facepoints show draws them.",
            )
        )
    distances = [face["mean_distance"] for face in report["worst"]]
    if distances and distances[0] > 8 * report["mean_distance"]:
        found.append(
            Advice(
                f"Look at the worst faces, first {report['worst'][0]['name']}",
                f"Its points are off by {significant(distances[0])} pixels, "
                f"{significant(report['mean_distance'])} on average. So large an error is often a "
                "wrong label, or a crop of no face.",
            )
        )
    if report["faces"] < _FEW_HELD:
        found.append(
            Advice(
                "Do not read much into small differences",
                f"Only {report['faces']} faces were held out, so the errors and radii here are "
                "rough.",
            )
        )
    return found
