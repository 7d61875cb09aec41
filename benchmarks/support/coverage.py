"""How many points lie within their radius: of all faces, of a set, of a band of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sets import COLUMNS

__all__ = ["BLUR", "SIZE", "YAW", "Errors", "bands", "figures", "joined", "reliability"]

YAW = ((0, 30), (30, 60), (60, 90))
"""Bands of the head's turn, degrees to either side."""
SIZE = ((0, 50), (50, 100), (100, 200), (200, np.inf))
"""Bands of the face's size: side of the frame of its 68 points, pixels."""
BLUR = ("sharpest third", "middle third", "most blurred third")
BINS = 10  # of the reliability table


@dataclass(frozen=True)
class Errors:
    """M detected faces with their radii.

    Attributes:
        error: (M, 70) distance of prediction and label in pixels.
        radius: (M, 70) pixels.
        labelled: (M, 70), points that have a label and a radius, and are not turned away.
        away: (M, 70), labelled points of the half that is turned away: guesses of the annotators.
        side: (M,) sqrt(width * height) of the labelled points' box in pixels.
        yaw: (M,) degrees, from the labels.
        size: (M,) side of the face's frame in pixels.
        sharpness: (M,), see `heads.sharpness_of`.
    """

    error: NDArray[np.float64]
    radius: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    away: NDArray[np.bool_]
    side: NDArray[np.float64]
    yaw: NDArray[np.float64]
    size: NDArray[np.float64]
    sharpness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.side)

    def take(self, rows: NDArray[np.bool_]) -> Errors:
        """These faces only."""
        return Errors(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def within(self) -> NDArray[np.bool_]:
        """(M, 70), whether the label lies within the radius."""
        return self.error <= self.radius


def joined(parts: Sequence[Errors]) -> Errors:
    """Join the faces of several sets."""
    names = [field.name for field in fields(Errors)]
    return Errors(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def figures(e: Errors, fewest: int = 20) -> dict[str, Any]:
    """Coverage in percent, and the ratio of errors when points are sorted by radius.

    Args:
        fewest: faces that a point needs, to be named as the least or the most covered.
    """
    counts = e.labelled.sum(axis=0)
    each = (e.within & e.labelled).sum(axis=0) / np.maximum(counts, 1) * 100
    known = np.flatnonzero(counts >= min(fewest, counts.max(initial=0)))
    side = np.broadcast_to(e.side[:, None], e.error.shape)[e.labelled]
    radius, error = e.radius[e.labelled] / side, e.error[e.labelled] / side
    order = np.argsort(radius)
    tenth = max(len(order) // 10, 1)
    least, most = error[order[:tenth]].mean(), error[order[-tenth:]].mean()
    low, high = known[each[known].argmin()], known[each[known].argmax()]
    return {
        "faces": len(e),
        "coverage": _share(e.within[e.labelled]),
        "least_of_a_point": [round(float(each[low]), 2), COLUMNS[low]],
        "most_of_a_point": [round(float(each[high]), 2), COLUMNS[high]],
        "each_point": {COLUMNS[k]: round(float(each[k]), 2) for k in known},
        "sorting": round(float(most / least), 2),
        "median_radius": round(float(np.median(radius)) * 100, 2),
    }


def bands(e: Errors) -> list[dict[str, Any]]:
    """Coverage by the head's turn, the face's size and its blur; last, of hidden points."""
    rows = [_band("yaw", f"{low} to {high}°", e, _between(np.abs(e.yaw), low, high + 1e-9))
            for low, high in YAW]  # fmt: skip
    for low, high in SIZE:
        name = f"{low:.0f} px or more" if np.isinf(high) else f"{low:.0f} to {high:.0f} px"
        rows.append(_band("size", name, e, _between(e.size, low, high)))
    edges = np.quantile(e.sharpness, [1, 2 / 3, 1 / 3, 0])
    for name, high, low in zip(BLUR, edges[:-1], edges[1:], strict=True):
        last = high == edges[0]
        rows.append(_band("blur", name, e, _between(e.sharpness, low, np.inf if last else high)))
    turned = np.asarray(e.away.any(axis=1))
    row = _band("hidden", "labels of the half turned away (guesses)", e, turned, e.away)
    return [*rows, row]


def _between(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    return (values >= low) & (values < high)


def _band(
    kind: str, name: str, e: Errors, rows: NDArray[np.bool_], mask: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    part = (e.labelled if mask is None else mask) & rows[:, None]
    side = np.broadcast_to(e.side[:, None], e.error.shape)[part]
    return {
        "kind": kind,
        "band": name,
        "faces": int(part.any(axis=1).sum()),
        "points": int(part.sum()),
        "coverage": _share(e.within[part]),
        "median_radius": round(float(np.median(e.radius[part] / side)) * 100, 2)
        if part.any() else None,
    }  # fmt: skip


def _share(values: NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()) * 100, 2) if len(values) else None


def reliability(e: Errors, bins: int = BINS) -> list[dict[str, float]]:
    """Points sorted by radius into bins of equal number. If radii are right, the 90 % quantile of
    the errors of each bin is its radius. In percent of the face's box."""
    side = np.broadcast_to(e.side[:, None], e.error.shape)[e.labelled]
    radius, error = e.radius[e.labelled] / side * 100, e.error[e.labelled] / side * 100
    rows = []
    for part in np.array_split(np.argsort(radius), bins):
        row = {
            "radius": round(float(np.median(radius[part])), 3),
            "error_90": round(float(np.quantile(error[part], 0.9)), 3),
            "coverage": round(float((error[part] <= radius[part]).mean()) * 100, 2),
        }
        rows.append(row)
    return rows
