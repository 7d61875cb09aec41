"""Bars of a report, in groups, that the page draws beside their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facepoints.reports.chart import COLORS
from facepoints.reports.table import significant

__all__ = ["Bar", "DrawnBar", "bars"]

_CUT = 4.0  # times the median: where longer bars are cut


@dataclass(frozen=True)
class Bar:
    """A bar: its group and series, and the value; None: there is none, and `note` says why."""

    group: str
    series: str
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class DrawnBar:
    """A bar with the text beside it, its length in percent, and its color."""

    series: str
    text: str
    percent: float
    color: int
    best: bool
    note: str


def bars(values: Sequence[Bar], digits: int = 3) -> list[tuple[str, list[DrawnBar]]]:
    """Groups of horizontal bars that start at 0. The lowest value is the best.

    Bars of values far above the others are cut at four times the median.

    Returns:
        Each group with its bars, in order.
    """
    known = [one.value for one in values if one.value is not None and math.isfinite(one.value)]
    best = min(known, default=None)
    limit = min(max(known), _CUT * float(np.median(known))) if known else 1.0
    series = list(dict.fromkeys(one.series for one in values))
    groups: dict[str, list[DrawnBar]] = {}
    for one in values:
        usable = one.value is not None and math.isfinite(one.value)
        value = float(one.value) if one.value is not None and usable else 0.0
        groups.setdefault(one.group, []).append(
            DrawnBar(
                one.series,
                significant(value, digits) if usable else "–",
                100 * min(value / (limit or 1.0), 1.0),
                series.index(one.series) % COLORS,
                usable and value == best,
                one.note,
            )
        )
    return list(groups.items())
