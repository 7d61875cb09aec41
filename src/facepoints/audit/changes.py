"""Changes of the marking scheme along the rows, and between sets.

Where annotators or rules change, the labels move against their expectation: all noses lie lower
from some row on. The mean residual of every point, and the share of rows that label it, are
followed along the rows. A change is where both sides differ most, by a likelihood ratio of clipped
values that no single wild row rules (binary segmentation, Scott & Knott 1974,
https://doi.org/10.2307/2529204). Rows of one person next to each other count as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints._util.robust import MEDIAN_TO_STD
from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.naming import percent
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples

__all__ = ["SchemeChanges", "scheme_changes"]

_CLIP = 3.0  # standard deviations that a residual counts at most
_FEWEST = 20  # persons, or rows, on either side of a change
_MOVED = 0.03  # least move of a point, eye distances
_SURE = 8.0  # least t of the point that moves most
_SHARE = 0.5  # least change of the share of rows that label a point
_LEAST_DEVIATION = 0.25  # of the share of labeled rows


@dataclass(frozen=True)
class SchemeChanges:
    """Changes of the marking scheme.

    Attributes:
        faults: one for each change.
        segments: (N,) number of the marking scheme that each row has, after the changes.
    """

    faults: list[Fault]
    segments: NDArray[np.int64]


def scheme_changes(faces: Samples, expected: Expectation, sets: NDArray[np.int64]) -> SchemeChanges:
    """Find changes along the rows of each set, and between sets.

    Args:
        expected: expectations that know of no scheme.
        sets: (N,) the set that each row comes from.
    """
    values, known = _values(faces, expected)
    faults: list[Fault] = []
    segments = np.zeros(len(faces), np.int64)
    following = 0
    previous: NDArray[np.intp] | None = None
    for number in np.unique(sets):
        rows = np.flatnonzero(sets == number)
        parts = _split(values, known, faces.group, rows)
        for place, part in enumerate(parts):
            if place:
                faults.append(_fault(faces, values, known, parts[place - 1], part, "row"))
            elif previous is not None and _differ(values, known, previous, part):
                faults.append(_fault(faces, values, known, previous, part, "set"))
            elif previous is not None:
                following -= 1
            segments[part] = following
            following += 1
        previous = rows if len(parts) == 1 else parts[0]
    return SchemeChanges(faults, np.maximum(segments, 0))


def _values(faces: Samples, expected: Expectation) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N, 3 K) residuals x and y in eye distances, and labeled or not; and which are known."""
    residual, mask = expected.residual, expected.mask
    labelled = faces.labelled.astype(np.float64)
    values = np.concatenate([residual.real, residual.imag, labelled], axis=1)
    known = np.concatenate([mask, mask, np.ones(mask.shape, bool)], axis=1)
    return values, known


def _deviation(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Robust standard deviation of every column around its median."""
    count = values.shape[1] // 3
    out = np.full(values.shape[1], _LEAST_DEVIATION)
    for column in range(2 * count):
        some = values[known[:, column], column]
        if len(some):
            out[column] = max(
                MEDIAN_TO_STD * float(np.median(np.abs(some - np.median(some)))), 0.003
            )
    return out


def _split(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    group: NDArray[np.str_],
    rows: NDArray[np.intp],
) -> list[NDArray[np.intp]]:
    """Rows cut where the marking scheme changes, recursively."""
    starts = np.flatnonzero(np.r_[True, group[rows][1:] != group[rows][:-1]])
    if len(starts) < 2 * _FEWEST:
        return [rows]
    data, have = _clipped(values[rows], known[rows])
    sums = np.add.reduceat(data * have, starts, axis=0)
    counts = np.add.reduceat(have.astype(np.float64), starts, axis=0)
    means = sums / np.maximum(counts, 1)
    present = counts > 0
    total = np.cumsum(means * present, axis=0)
    number = np.cumsum(present, axis=0)
    first, second = number[:-1], number[-1] - number[:-1]
    gap = total[:-1] / np.maximum(first, 1) - (total[-1] - total[:-1]) / np.maximum(second, 1)
    enough = (first >= _FEWEST) & (second >= _FEWEST)
    gain = gap**2 * first * second / np.maximum(first + second, 1) * enough
    gain[: _FEWEST - 1] = 0
    gain[len(gain) - _FEWEST + 1 :] = 0
    at = int(starts[int(gain.sum(axis=1).argmax()) + 1])
    if gain.max() <= 0 or not _differ(values, known, rows[:at], rows[at:]):
        return [rows]
    # the points that move tell the place, without the noise of the others
    moving = _moving(values, known, rows[:at], rows[at:])
    at = int(starts[int(gain[:, moving].sum(axis=1).argmax()) + 1])
    one, other = rows[:at], rows[at:]
    return [*_split(values, known, group, one), *_split(values, known, group, other)]


def _clipped(
    values: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values in robust standard deviations from the median, clipped."""
    middle = np.array(
        [np.median(v[k]) if k.any() else 0 for v, k in zip(values.T, known.T, strict=True)]
    )
    scaled = (values - middle) / _deviation(values, known)
    return np.clip(scaled, -_CLIP, _CLIP), known


def _gaps(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Difference (K, 2) of the medians of both sides, NaN where unknown, and its t (K, 2)."""
    count = values.shape[1] // 3
    gap, t = np.full(2 * count, np.nan), np.zeros(2 * count)
    for column in range(2 * count):
        a = values[one, column][known[one, column]]
        b = values[other, column][known[other, column]]
        if min(len(a), len(b)) < _FEWEST:
            continue
        gap[column] = np.median(b) - np.median(a)
        spread = [MEDIAN_TO_STD * float(np.median(np.abs(v - np.median(v)))) for v in (a, b)]
        error = 1.2533 * np.sqrt(spread[0] ** 2 / len(a) + spread[1] ** 2 / len(b))
        t[column] = abs(gap[column]) / max(error, 1e-6)
    return gap.reshape(2, count).T, t.reshape(2, count).T


def _differ(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
) -> bool:
    """True if a point moves, or is labeled on one side only."""
    return bool(_moving(values, known, one, other).any())


def _moving(
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """The columns (3 K,) of points that move, and of those labeled on one side only."""
    gap, t = _gaps(values, known, one, other)
    moved = (np.nan_to_num(np.abs(gap)) > _MOVED) & (t > _SURE)
    share = values[:, 2 * len(gap) :]
    labelled = np.abs(share[one].mean(axis=0) - share[other].mean(axis=0)) > _SHARE
    return np.concatenate([moved[:, 0], moved[:, 1], labelled])


def _fault(
    faces: Samples,
    values: NDArray[np.float64],
    known: NDArray[np.bool_],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    where: str,
) -> Fault:
    """The fault of a change between two neighboring segments."""
    gap, t = _gaps(values, known, one, other)
    length = np.nan_to_num(np.hypot(gap[:, 0], gap[:, 1]))
    moved = np.flatnonzero((length > _MOVED) & (t.max(axis=1) > _SURE))
    moved = moved[np.argsort(-length[moved])]
    names = tuple(faces.landmarks.names[k] for k in moved)
    moves = ", ".join(
        f"{faces.landmarks.names[k]} by {percent(float(length[k]))} {_direction(gap[k])}"
        for k in moved[:4]
    )
    labelled = faces.labelled[one].mean(axis=0), faces.labelled[other].mean(axis=0)
    lost = int(((labelled[0] - labelled[1]) > _SHARE).sum())
    gained = int(((labelled[1] - labelled[0]) > _SHARE).sum())
    start = (
        f"From row {other[0]} ({faces.names[other[0]]}) on"
        if where == "row"
        else (f"In the set that starts at row {other[0]} ({faces.names[other[0]]})")
    )
    parts = [f"points lie elsewhere: {moves} (of the eye distance)"] if moves else []
    if lost:
        parts.append(f"{lost} points are no longer labeled")
    if gained:
        parts.append(f"{gained} more points are labeled")
    return Fault(
        rows=tuple(int(row) for row in other),
        cause=Cause.SCHEME_CHANGE,
        points=names,
        confidence=0.99 if moves else 0.9,
        evidence=f"{start} {', and '.join(parts)}.",
        suggestion=(Change("scheme", f"from-row-{other[0]}"),),
    )


def _direction(gap: NDArray[np.float64]) -> str:
    """The main direction of a move (2,) on an upright face."""
    x, y = gap.tolist()
    if abs(y) >= abs(x):
        return "lower" if y > 0 else "higher"
    return "towards the subject's left" if x > 0 else "towards the subject's right"
