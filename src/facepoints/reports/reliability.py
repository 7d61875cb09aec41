"""Radius reliability: what the predicted radii promise, and what they held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facepoints.evaluation.matching import Matched
from facepoints.reports.chart import Chart, Line, line_chart
from facepoints.reports.table import Column, Table, count, number, percent, share, text

__all__ = ["Reliability", "reliability"]

_PARTS = 10
_FEWEST = 20  # labels in a part


@dataclass(frozen=True)
class Reliability:
    """The radii in parts of about as many points each, from the smallest to the largest."""

    chart: Chart
    table: Table


def reliability(matched: Matched, coverage: float) -> Reliability | None:
    """Compare promised and held radii.

    Args:
        matched: labels and predictions.
        coverage: share of the true points that a radius should hold.

    Returns:
        None for fewer than 40 labels, which tell nothing.
    """
    chosen = matched.truth.labelled
    error = np.linalg.norm(matched.predicted[chosen] - matched.truth.points[chosen], axis=-1)
    radius = matched.radius[chosen].astype(np.float64)
    parts = min(_PARTS, len(radius) // _FEWEST)
    if parts < 2:
        return None
    groups = np.array_split(np.argsort(radius, kind="stable"), parts)
    promised = np.array([radius[g].mean() for g in groups])
    held = np.array([np.quantile(error[g], coverage) for g in groups])
    top = 1.08 * float(max(promised.max(), held.max()))
    ends = np.array([0.0, top])
    chart = line_chart(
        [
            Line(f"right: {percent(coverage, 0)} of the true points inside", ends, ends, color=6),
            Line("measured", promised, held, dots=True, color=0),
        ],
        title="Promised radius against the one that was needed",
        x_label="mean predicted radius of the points, px",
        y_label=f"radius that held {percent(coverage, 0)} of them, px",
        x_range=(0, top),
        y_range=(0, top),
    )
    columns = (
        Column("points by radius", numeric=False),
        Column("predicted radius", "mean of these points"),
        Column("radius needed", f"that holds {percent(coverage, 0)} of these points"),
        Column("promised"),
        Column("held", "share of the labels within the predicted radius"),
        Column("labels"),
    )
    rows = [
        (
            text(_words(k, parts)),
            number(float(promised[k]), unit=" px"),
            number(float(held[k]), unit=" px"),
            share(coverage, 0),
            share(float((error[group] <= radius[group]).mean())),
            count(len(group)),
        )
        for k, group in enumerate(groups)
    ]
    return Reliability(chart, Table(columns, rows, "Radii from small to large", sortable=False))


def _words(part: int, parts: int) -> str:
    if part == 0:
        return f"smallest of {parts} parts"
    return f"largest of {parts} parts" if part == parts - 1 else f"part {part + 1}"
