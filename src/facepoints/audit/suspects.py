"""Names the faults of single rows: gross mistakes, exchanged pairs, points that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause
from facepoints.audit.geometry import Complex, median_points
from facepoints.audit.hypotheses import Explanation, Misfit, explain, misfits, point_cost
from facepoints.audit.noise import Noise, StandOut, stand_outs
from facepoints.inference.radius_calibration import DISC_90

__all__ = ["Finder", "Suspect", "suspects"]

_EFFECTIVE = 0.5  # as in `hypotheses`
_SCREEN = 1.5  # excess of the misfit from which a row is explained
_FITS = 4.0  # excess of a mended label that fits
_GROSS = 4.0  # least strength of a fault of a whole face
_NO_IDEA = 8.0  # excess of a row that nothing explains
_POINT = 6.0  # strength from which a point stands out
_LARGE = 0.1  # eye distances from which an error is rarely honest
_SMALL = 2  # power of the size of smaller errors that their distance is weighed with
_SECOND = 3.0  # strength of the next point from which the face is suspected to be misread
_ROW_POINTS = 10.0  # points that the usual factor counts as
_LEAST_ROW = 0.6  # least factor of the errors of a row; the usual one is 1
_MOST_POINTS = 0.34  # share of the points that can be off one by one
_PAIR = 6.0  # least strength of an exchanged pair
_PAIR_DISTANCE = 16.0  # squared conditional distance of a point from which pairs are tried
_PAIR_POINTS = 8  # points that stand out most, among which pairs are tried


@dataclass(frozen=True)
class Suspect:
    """A row that may have a fault.

    Attributes:
        row: its number.
        cause: the mistake.
        strength: what the mend saves, or the distance by which points stand out.
        columns: the points concerned.
        before, after: mean distance of these points to their expectation, in eye distances,
            as labeled and as mended.
        radius: how far they are expected to lie at most (90 %), in eye distances.
        mended: (K,) the mended label, in the frame of the face; None: unknown.
        explanation: of a gross mistake; None for points.
    """

    row: int
    cause: Cause
    strength: float
    columns: tuple[int, ...]
    before: float
    after: float
    radius: float
    mended: Complex | None
    explanation: Explanation | None = None


class Finder:
    """Finds the suspects among N rows.

    Args:
        expected: labels and expectations.
        mirror: (K,) mirror partners; None: unknown.
        folds: (N,) number of the fold of each row.
    """

    def __init__(
        self,
        expected: Expectation,
        mirror: NDArray[np.intp] | None,
        folds: NDArray[np.intp],
    ) -> None:
        self.expected, self.mirror, self.folds = expected, mirror, folds
        self.misfit: Misfit = misfits(expected)
        self.errors: Complex = expected.residual / expected.scale
        honest = expected.valid & (self.misfit.excess(self.misfit.cost) < 3)
        self.shape: Complex = median_points(expected.expected[honest], expected.mask[honest])
        self.points: StandOut
        self.noises: list[Noise]
        self.points, self.noises = stand_outs(
            self.errors, expected.mask, self.shape, honest, folds, not expected.free
        )

        self.usual = _usual_median(self.points.distance, expected.mask)

    def _weighed(
        self, row: int, distance: NDArray[np.float64], error: Complex
    ) -> NDArray[np.float64]:
        """Squared conditional distances (K,). Errors below `_LARGE` count less: honest labels
        have some of them, of points that are seen sharply too."""
        size = np.abs(error) * self.expected.scale[row]
        return distance * np.minimum(1, size / _LARGE) ** _SMALL

    def _row_factor(self, distance: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
        """Measure how badly a row fits at its other points: a bad view of a face misses all."""
        count = int(mask.sum())
        median = float(np.median(distance[mask])) if count else 0.0
        factor = (count * median / self.usual + _ROW_POINTS) / (count + _ROW_POINTS)
        return max(factor, _LEAST_ROW)

    def row(self, row: int) -> list[Suspect]:
        """Suspected faults of a row: one of the whole face, or pairs and points."""
        if self.expected.mask[row].sum() < 2:
            return []
        excess = float(self.misfit.excess(self.misfit.cost[row]))
        if excess > _SCREEN:
            gross = self._gross(row, excess)
            pair = self._pair(row) if gross and gross.cause is Cause.WRONG_ORDER else None
            if pair is not None and gross is not None and pair.strength >= gross.strength:
                return [pair]  # the other points of the order were exchanged with neighbors
            if gross is not None:
                return [gross]
        distance = self.points.distance[row]
        pair = self._pair(row) if distance.max() >= _PAIR_DISTANCE else None
        if pair is not None:
            return [pair]
        weighed = self._weighed(row, distance, self.points.error[row])
        return self._points(row) if weighed.max() >= _POINT else []

    def _gross(self, row: int, excess: float) -> Suspect | None:
        """A mistake that concerns the whole face."""
        expected, mask = self.expected, self.expected.mask[row]
        own = _EFFECTIVE * mask.sum() * self.misfit.cost[row]
        tried = explain(expected, row, self.mirror, self.misfit)
        if not tried:
            return None
        best = tried[0]
        strength = own - best.total
        fits = self.misfit.excess(best.cost) < _FITS
        if strength >= _GROSS and fits:
            mended = None if best.cause is Cause.OTHER_FACE else self._mended(row, best)
            return self._suspect(row, best.cause, strength, np.flatnonzero(mask), mended, best)
        if excess > _NO_IDEA and self._share_off(row) > _MOST_POINTS:
            return self._suspect(
                row, Cause.UNEXPLAINED, max(own, 0.0), np.flatnonzero(mask), None, None
            )
        return None

    def _share_off(self, row: int) -> float:
        mask = self.expected.mask[row]
        return float((np.abs(self.errors[row, mask]) > 4).mean())

    def _mended(self, row: int, best: Explanation) -> Complex:
        labels = self.expected.labels[row]
        if best.mirrored:
            labels = -labels.conj()
        if best.order is not None:
            labels = labels[best.order]
        return best.a * labels + best.b

    def _pair(self, row: int) -> Suspect | None:
        """Two points that took each other's place."""
        labels, expectation = self.expected.labels[row], self.expected.expected[row]
        scale = self.expected.scale[row]
        order = np.argsort(-self.points.distance[row])[:_PAIR_POINTS]
        order = order[self.expected.mask[row, order]]
        apart = np.abs(labels[order][:, None] - expectation[order][None]) / scale[order][None]
        cost = point_cost(apart)  # of label i at place j
        here = np.diag(cost)
        saved = here[:, None] + here[None] - cost - cost.T
        if saved.size == 0 or saved.max() < _PAIR:
            return None
        one, other = np.unravel_index(saved.argmax(), saved.shape)
        columns = np.sort(order[[one, other]])
        swapped = np.arange(len(labels))
        swapped[columns] = columns[::-1]
        before = float(np.abs(labels - expectation)[columns].mean())
        after = float(np.abs(labels[swapped] - expectation)[columns].mean())
        if after > before / 2:
            return None
        return self._suspect(
            row, Cause.PAIR_SWAPPED, float(saved.max()), columns, labels[swapped], None
        )

    def _points(self, row: int) -> list[Suspect]:
        """Points that stand out, the farthest first; each is judged without those before."""
        mask = self.expected.mask[row].copy()
        noise, errors = self.noises[self.folds[row]], self.errors[row]
        most = max(1, int(_MOST_POINTS * mask.sum()))
        found: list[tuple[int, float]] = []
        second = 0.0
        distance, error = self.points.distance[row], self.points.error[row]
        while len(found) <= most:
            weighed = self._weighed(row, distance, error)
            worst = int(weighed.argmax())
            mask[worst] = False
            given = noise.stand_out(errors[None], mask) if mask.sum() > 1 else None
            if given is None:
                break
            distance, error = given.distance[0], given.error[0]
            strength = float(weighed[worst]) / self._row_factor(distance, mask)
            second = strength if len(found) == 1 else second
            if strength < _POINT:
                mask[worst] = True
                break
            found.append((worst, strength))
        if not found:
            return []
        columns = np.array([column for column, _ in found])
        # the model misses a mouth as a whole; people move one point
        alone = np.sqrt(max(1.0, second / _SECOND))
        found = [(column, strength / alone) for column, strength in found]
        mended = self._expected_given(row, mask, columns)
        return [
            self._suspect(row, Cause.POINT_OFF, strength, np.array([column]), mended, None)
            for column, strength in found
        ]

    def _expected_given(
        self, row: int, mask: NDArray[np.bool_], columns: NDArray[np.intp]
    ) -> Complex:
        """The label with `columns` at their conditional mean, given the points in `mask`."""
        noise, count = self.noises[self.folds[row]], len(mask)
        labels = self.expected.labels[row].copy()
        known, target = np.flatnonzero(mask), columns
        both = np.concatenate([known, known + count])
        wanted = np.concatenate([target, target + count])
        errors = self.errors[row, known]
        values = np.concatenate([errors.real, errors.imag])
        cross = noise.covariance[np.ix_(wanted, both)]
        mean = cross @ np.linalg.solve(noise.covariance[np.ix_(both, both)], values)
        k = len(target)
        error = mean[:k] + 1j * mean[k:]
        labels[target] = (
            self.expected.expected[row, target] + error * self.expected.scale[row, target]
        )
        return labels

    def _suspect(
        self,
        row: int,
        cause: Cause,
        strength: float,
        columns: NDArray[np.intp] | Sequence[int],
        mended: Complex | None,
        explanation: Explanation | None,
    ) -> Suspect:
        index = np.asarray(columns, dtype=np.intp)
        expectation = self.expected.expected[row, index]
        before = float(np.abs(self.expected.labels[row, index] - expectation).mean())
        after = (
            float("nan") if mended is None else float(np.abs(mended[index] - expectation).mean())
        )
        radius = float(DISC_90 * self.expected.scale[row, index].mean())
        return Suspect(
            row=row,
            cause=cause,
            strength=float(strength),
            columns=tuple(int(k) for k in index),
            before=before,
            after=after,
            radius=radius,
            mended=mended,
            explanation=explanation,
        )


def _usual_median(distance: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
    """The median over rows of the median squared distance of their points."""
    some = [np.median(d[m]) for d, m in zip(distance, mask, strict=True) if m.any()]
    return max(float(np.median(some)) if some else 1.0, 1e-9)


def suspects(finder: Finder) -> list[Suspect]:
    """Suspected faults of all rows."""
    return [one for row in range(len(finder.folds)) for one in finder.row(row)]
