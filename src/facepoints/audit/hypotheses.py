"""Explains labels that lie far from their expectation: which mistake makes them fit?

Each row whose labels fit badly is tried with every hypothesis: left and right exchanged, another
order, shifted, another size, turned, mirrored, the label of another face or of another row. A
hypothesis costs what its labels still deviate (the negative log likelihood of a t distribution,
which a single wild point does not rule) and a penalty for its freedom. The cheapest one wins, if
its labels then fit as those of other rows do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.robust import MEDIAN_TO_STD
from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause
from facepoints.audit.geometry import Complex, assign, fit_similarities
from facepoints.audit.label_shapes import fit_to_shape

__all__ = ["Explanation", "Misfit", "explain", "misfits", "point_cost"]

_FREEDOM = 4.0  # of the t distribution
_EFFECTIVE = 0.5  # errors of one face go together: two points count as one
_ROUNDS = 8  # of the robust fits
_PENALTY = {
    Cause.LEFT_RIGHT_SWAPPED: 4.0,
    Cause.OFFSET: 6.0,
    Cause.WRONG_SCALE: 9.0,
    Cause.TURNED_IMAGE: 9.0,
    Cause.MIRRORED_IMAGE: 9.0,
    Cause.OTHER_FACE: 12.0,
    Cause.WRONG_ORDER: 6.0,
}
_PER_MOVED_POINT = 1.5
_OTHER_ROW = 0.6  # robust standard deviations that another row's face must fit better
_SAME_SIZE = 0.06  # natural logarithm of a factor of size that is none
_FEWEST_MOVED = 4  # points of another order; two exchanged ones are a pair
_MANY = 2e6  # values of a block of comparisons with all rows


def point_cost(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of deviations, in standard deviations along an axis."""
    return (_FREEDOM + 2) / 2 * np.log1p(distance**2 / _FREEDOM)


@dataclass(frozen=True)
class Misfit:
    """How badly the labels of N rows fit.

    Attributes:
        cost: (N,) mean cost of the labeled points; 0 without one.
        usual, spread: median of the cost of all rows, and its robust standard deviation.
    """

    cost: NDArray[np.float64]
    usual: float
    spread: float

    def excess(self, cost: Any) -> Any:
        """A cost in robust standard deviations above the usual."""
        return (cost - self.usual) / self.spread


def misfits(expected: Expectation) -> Misfit:
    """The misfit of every row."""
    cost = _mean_cost(np.abs(expected.residual) / expected.scale, expected.mask)
    some = cost[expected.mask.any(axis=1)]
    usual = float(np.median(some)) if len(some) else 1.0
    spread = MEDIAN_TO_STD * float(np.median(np.abs(some - usual))) if len(some) else 0.0
    return Misfit(cost, usual, max(spread, 0.15))


def _mean_cost(distance: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    total = (point_cost(distance) * mask).sum(axis=-1)
    return total / np.maximum(mask.sum(axis=-1), 1)


@dataclass(frozen=True)
class Explanation:
    """What may be wrong with the label of a row.

    Attributes:
        cause: the mistake.
        cost: mean cost of the labels once it is undone.
        total: cost and penalty, to choose by.
        order: (K,) the column whose place each point takes; None: unchanged.
        a, b: similarity z -> a z + b that undoes the mistake, in the frame of the face.
        mirrored: whether z is the mirrored point, -conj(z), before that.
        row: the row that the label seems to belong to; -1: none.
        face: the face of the image that it seems to belong to; -1: the expected one.
    """

    cause: Cause
    cost: float
    total: float
    order: NDArray[np.intp] | None = None
    a: complex = 1
    b: complex = 0
    mirrored: bool = False
    row: int = -1
    face: int = -1


class _Row:
    """One row with its labels, expectation and scale, of the labeled points."""

    def __init__(self, expected: Expectation, row: int) -> None:
        self.labels = expected.labels[row]
        self.expected = expected.expected[row]
        self.scale = expected.scale[row]
        self.mask = expected.mask[row]
        a = expected.a[row]
        self.roll = a / np.conj(a)  # a mirrored image turns the frame by twice the roll
        self.free = expected.free

    def cost(self, labels: Complex, mask: NDArray[np.bool_]) -> float:
        """Mean cost of labels; in a free frame, once they are fitted to it."""
        if self.free:
            a, b = fit_to_shape(labels[None], mask[None], self.expected, self.scale)
            labels = (a * labels + b)[0]
        distance = np.abs(labels - self.expected) / self.scale
        return float(_mean_cost(distance, mask))

    def total(self, cost: float, cause: Cause, extra: float = 0.0) -> float:
        """Cost of all points, and the penalty."""
        return _EFFECTIVE * self.mask.sum() * cost + _PENALTY[cause] + extra


def explain(
    expected: Expectation, row: int, mirror: NDArray[np.intp] | None, misfit: Misfit
) -> list[Explanation]:
    """Explanations of the labels of a row, the cheapest first.

    Args:
        mirror: (K,) mirror partners of the points; None: unknown.
        misfit: of all rows.
    """
    one = _Row(expected, row)
    found = list(_orders(one, mirror))
    if not expected.free:
        found += [*_moves(one, mirror), *_others(expected, row, one, misfit.spread)]
    return sorted(found, key=lambda some: some.total)


def _moves(one: _Row, mirror: NDArray[np.intp] | None) -> Iterator[Explanation]:
    """Shifted, of another size, turned, mirrored."""
    yield _fitted(one, one.labels, one.mask, Cause.OFFSET)
    sized = _fitted(one, one.labels, one.mask, Cause.WRONG_SCALE)
    if abs(np.log(abs(sized.a))) > _SAME_SIZE:
        yield sized
    for quarter in (1j, -1j, -1):
        yield _fitted(one, one.labels * quarter, one.mask, Cause.TURNED_IMAGE, a=quarter)
    if mirror is not None:
        labels, mask = -one.roll * one.labels.conj()[mirror], one.mask[mirror]
        yield _fitted(one, labels, mask, Cause.MIRRORED_IMAGE, one.roll, mirror)


def _fitted(
    one: _Row,
    labels: Complex,
    mask: NDArray[np.bool_],
    cause: Cause,
    a: complex = 1,
    order: NDArray[np.intp] | None = None,
) -> Explanation:
    """The shift (and the size, for another size) that fits labels best, robustly."""
    base, weights = labels, mask / one.scale**2
    median = np.median(one.expected[mask].real - labels[mask].real) + 1j * np.median(
        one.expected[mask].imag - labels[mask].imag
    )
    size, shift = 1.0, median
    for _ in range(_ROUNDS):
        away = np.abs(size * base + shift - one.expected) / one.scale
        robust = weights / (1 + away**2 / _FREEDOM)
        total = max(robust.sum(), 1e-12)
        if cause is Cause.WRONG_SCALE:
            size = _size(base, one.expected, robust)
        shift = (robust * (one.expected - size * base)).sum() / total
    cost = one.cost(size * base + shift, mask)
    mirrored = cause is Cause.MIRRORED_IMAGE
    return Explanation(
        cause, cost, one.total(cost, cause), order, a * size, complex(shift), mirrored
    )


def _size(source: Complex, target: Complex, weights: NDArray[np.float64]) -> float:
    total = max(weights.sum(), 1e-12)
    source = source - (weights * source).sum() / total
    target = target - (weights * target).sum() / total
    product = (weights * (source.conj() * target).real).sum()
    return float(np.clip(product / max((weights * np.abs(source) ** 2).sum(), 1e-12), 0.05, 20))


def _orders(one: _Row, mirror: NDArray[np.intp] | None) -> Iterator[Explanation]:
    """Left and right exchanged, or the best order."""
    if mirror is not None:
        cost = one.cost(one.labels[mirror], one.mask[mirror])
        cause = Cause.LEFT_RIGHT_SWAPPED
        yield Explanation(cause, cost, one.total(cost, cause), mirror)
    columns = np.flatnonzero(one.mask)
    if len(columns) < 3:
        return
    apart = np.abs(one.labels[columns][None] - one.expected[columns][:, None])
    chosen = assign(point_cost(apart / one.scale[columns][:, None]))
    order = np.arange(len(one.labels))
    order[columns] = columns[chosen]
    moved = int((order != np.arange(len(order))).sum())
    if moved < _FEWEST_MOVED:
        return
    cost = one.cost(one.labels[order], one.mask)
    extra = _PER_MOVED_POINT * moved * _EFFECTIVE
    yield Explanation(Cause.WRONG_ORDER, cost, one.total(cost, Cause.WRONG_ORDER, extra), order)


def _others(expected: Expectation, row: int, one: _Row, spread: float) -> Iterator[Explanation]:
    """The label of another face of the image, or of another row."""
    cause = Cause.OTHER_FACE
    rows, costs = _costs_of_rows(expected, row, one)
    if len(rows):
        best = int(costs.argmin())
        cost = float(costs[best])
        # the best of many rows fits by chance, and so does one shape of another
        extra = np.log(len(rows)) + _EFFECTIVE * one.mask.sum() * _OTHER_ROW * spread
        yield Explanation(cause, cost, one.total(cost, cause, extra), row=int(rows[best]))


def _costs_of_rows(
    expected: Expectation, row: int, one: _Row
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Costs of the label on the faces of all other rows, wherever it lies and of any size."""
    rows = np.flatnonzero(expected.valid & (expected.mask & one.mask).any(axis=1))
    rows = rows[rows != row]
    costs = np.zeros(len(rows))
    step = max(1, int(_MANY // max(len(one.mask), 1)))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        mask = expected.mask[some] & one.mask
        scale = expected.scale[some]
        target = expected.expected[some]
        source = np.broadcast_to(one.labels, target.shape)
        a, b = fit_similarities(source, target, mask / scale**2)
        costs[start : start + step] = _mean_cost(np.abs(a * source + b - target) / scale, mask)
    return rows, costs
