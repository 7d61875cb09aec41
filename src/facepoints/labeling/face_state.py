"""One move mends many: a point that is placed moves the other points as faces do.

The errors of a prediction are one vector e of 2 K numbers with mean 0 and covariance C
(`ShapeModel`), in the upright frame of the face and in units of each point's radius. A point that
a person places shows its part of e, up to a small noise N. The other points move to the
conditional mean given all placed points p, and their doubt shrinks to the conditional covariance
(`FaceState`):

    E[e | e_p] = C[:, p] (C[p, p] + N)^-1 e_p
    Cov[e | e_p] = C - C[:, p] (C[p, p] + N)^-1 C[p, :]

Points are taken in one after another, each by a rank-2 update. Their order does not matter. A point
that lies on a drawn line shows the part of its error across the line only.
`web/page/js/label/shape_model.js` does the same in JavaScript.

Sources: conditioning of normal variables, Rasmussen and Williams 2006, Gaussian Processes for
Machine Learning, A.2; shapes given some of their points, Luethi, Albrecht and Vetter 2009,
doi:10.1007/978-3-642-03596-8_14.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.labeling.drawn_lines import OnLine, foot_of
from facepoints.labeling.shape_model import ShapeModel, face_frame

__all__ = ["FaceState", "How"]

Array = NDArray[np.float64]

How = Literal["placed", "confirmed"]
"""How a point was settled: put to a place, or found right where it was."""

_MIN_RADIUS = 1e-4
"""Least radius, as a fraction of the face's size, so that no division by zero follows."""
_ROUNDS = 3
"""Times that points look for the nearest place of a drawn line; more change nothing to see."""


class FaceState:
    """One face while it is labeled.

    Args:
        model: of the K points.
        points: (K, 2) the prediction in pixels; NaN for a point that has none. Such a point neither
            moves nor moves others until it is placed.
        radius: (K,) 90 % radii of the prediction in pixels.

    Raises:
        DataError: the shapes do not fit the model.
    """

    def __init__(self, model: ShapeModel, points: NDArray, radius: NDArray) -> None:
        k = len(model)
        self.model = model
        self._start = np.array(points, dtype=np.float64)
        if self._start.shape != (k, 2) or np.shape(radius) != (k,):
            raise DataError(
                f"a face of this shape model has points ({k}, 2) and radii ({k},), got "
                f"{self._start.shape} and {np.shape(radius)}"
            )
        self._known = np.isfinite(self._start).all(axis=1) & np.isfinite(radius)
        self._turn, self._size = face_frame(self._start, model.mean_shape, self._known)
        self._radius = np.maximum(np.where(self._known, radius, 0), _MIN_RADIUS * self._size)
        self._prior = np.zeros(2 * k)
        blind = np.repeat(~self._known, 2)
        self._covariance = model.covariance.copy()
        self._covariance[blind] = 0
        self._covariance[:, blind] = 0
        self._placed: dict[int, tuple[Array, How]] = {}
        self._lines: dict[int, OnLine] = {}
        self._skipped: set[int] = set()
        self._mean, self._now = self._prior, self._covariance

    def __len__(self) -> int:
        return len(self._start)

    def copy(self) -> FaceState:
        """The same face, to try moves on."""
        other = copy.copy(self)
        other._placed, other._lines = dict(self._placed), dict(self._lines)
        other._skipped = set(self._skipped)
        return other

    @property
    def points(self) -> Array:
        """(K, 2) in pixels, as far as known: placed points exactly where they were put, those on
        drawn lines exactly on them, the others at their conditional mean, NaN where nothing is
        known."""
        return self._positions(self._mean, {i: place for i, (place, _) in self._placed.items()})

    @property
    def radii(self) -> Array:
        """(K,) 90 % radii in pixels, given the placed points. Placing a point never raises them.
        NaN for points without a prediction; 0 for those once they are placed."""
        before, now = _traces(self._covariance), _traces(self._now)
        share = np.sqrt(np.maximum(now, 0) / np.maximum(before, 1e-30))
        radii = np.where(self._known, self._radius * np.minimum(share, 1), np.nan)
        radii[[i for i in self._placed if not self._known[i]]] = 0
        return radii

    @property
    def placed(self) -> tuple[int, ...]:
        """Numbers of the points that were placed or confirmed, in their order."""
        return tuple(self._placed)

    def drag(self, index: int, place: NDArray | tuple[float, float]) -> Array:
        """All points (K, 2) if point `index` were placed there; changes nothing."""
        rest = {i: placed for i, placed in self._placed.items() if i != index}
        mean, covariance = self._mean, self._now
        if index in self._placed or index in self._lines:
            mean, covariance = self._given(rest, self._lines.keys() - {index})
        target = np.array(place, dtype=np.float64)
        if self._known[index]:
            mean, _ = self._condition(mean, covariance, index, target, "placed")
        return self._positions(mean, {i: p for i, (p, _) in rest.items()} | {index: target})

    def place(self, index: int, place: NDArray | tuple[float, float]) -> None:
        """Put a point to a place (x, y) in pixels. It stays there; the others follow."""
        self._settle(index, np.array(place, dtype=np.float64), "placed")

    def draw(
        self, row: Sequence[int], line: NDArray, ends: tuple[bool, bool] = (True, True)
    ) -> None:
        """Draw a line along a row of points. They go to the line, and the others follow.

        The points between the ends are not placed: they can move along the line. Those that were
        placed before stay where they are.

        Args:
            row: numbers of the points in their order along the line.
            line: (M, 2) corners of the line in pixels, at least 2.
            ends: whether the first and the last point of the row lie at the ends of the line. If
                not, they only lie on it, as those between do.

        Raises:
            DataError: the line has no length.
        """
        line = np.asarray(line, dtype=np.float64)
        if line.ndim != 2 or not np.ptp(line, axis=0).max() > 0:
            raise DataError("a line is drawn from one place to another; these are the same")
        for index, place, is_end in ((row[0], line[0], ends[0]), (row[-1], line[-1], ends[1])):
            if is_end:
                self._settle(index, place, "placed")
        free = [i for i in row if self._known[i] and i not in self._placed]
        before = self._mean, self._now
        if not self._lines.keys().isdisjoint(free):  # the row was drawn before
            before = self._given(self._placed, self._lines.keys() - set(free))
        for _ in range(_ROUNDS):
            here = self.points
            self._lines |= {index: foot_of(line, here[index]) for index in free}
            self._mean, self._now = self._condition_on_lines(*before, free)

    def confirm(self, index: int) -> None:
        """Settle a point where it is. Raises DataError if nobody knows where that is."""
        here = self.points[index]
        if not np.isfinite(here).all():
            raise DataError(
                f"point '{self.model.names[index]}' has no place to confirm; place it first"
            )
        if index not in self._placed:
            self._settle(index, here, "confirmed")

    def confirm_all(self) -> None:
        """Settle every point that is not skipped where it is."""
        here = self.points
        for index in range(len(self)):
            if np.isfinite(here[index]).all() and index not in self._skipped | set(self._placed):
                self._placed[index] = (here[index], "confirmed")
                self._lines.pop(index, None)
        self._rebuild()

    def release(self, index: int) -> None:
        """Take back that a point was placed, or lies on a line: it follows the others again."""
        self._placed.pop(index, None)
        self._lines.pop(index, None)
        self._rebuild()

    def skip(self, index: int, on: bool = True) -> None:
        """Pass over a point in `next` and `doubtful`: it is absent, or need not be checked."""
        (self._skipped.add if on else self._skipped.discard)(index)

    def next(self) -> int | None:
        """The point whose confirmation removes most doubt: the largest sum of squared radii over
        all points. None if all are settled or skipped."""
        rest = self.doubtful()
        if not rest:
            return None
        gains = [self._gain(index) for index in rest]
        return rest[int(np.argmax(gains))]

    def doubtful(self) -> list[int]:
        """The points that are neither settled nor skipped, largest radius first; those that have no
        place come first."""
        radii = np.where(self._known, self.radii, np.inf)
        rest = [i for i in range(len(self)) if i not in self._placed and i not in self._skipped]
        return sorted(rest, key=lambda index: (-radii[index], index))

    def snapshot(self) -> dict[str, Any]:
        """Return what was done, JSON-ready; `restore` brings it back."""
        placed = [[i, *place.tolist(), how] for i, (place, how) in self._placed.items()]
        lines = [[i, *line] for i, line in self._lines.items()]
        return {"placed": placed, "skipped": sorted(self._skipped), "lines": lines}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back, or on, to a snapshot of this face."""
        self._placed = {int(i): (np.array([x, y], float), how) for i, x, y, how in saved["placed"]}
        self._skipped = set(saved["skipped"])
        self._lines = {int(i): OnLine(*line) for i, *line in saved["lines"]}
        self._rebuild()

    def _settle(self, index: int, place: Array, how: How) -> None:
        again = index in self._placed or index in self._lines
        self._placed[index] = (place, how)
        self._lines.pop(index, None)
        if again:
            self._rebuild()
        elif self._known[index]:
            self._mean, self._now = self._condition(self._mean, self._now, index, place, how)

    def _rebuild(self) -> None:
        self._mean, self._now = self._given(self._placed, self._lines)

    def _given(
        self, placed: dict[int, tuple[Array, How]], on_lines: Iterable[int]
    ) -> tuple[Array, Array]:
        """Conditional mean and covariance given placed points and points on lines, from the
        start."""
        mean, covariance = self._prior, self._covariance
        for index, (place, how) in placed.items():
            if self._known[index]:
                mean, covariance = self._condition(mean, covariance, index, place, how)
        known = [index for index in on_lines if self._known[index]]
        return self._condition_on_lines(mean, covariance, known)

    def _noise(self, index: int, how: How) -> float:
        """Variance of a settled point on each axis, in squared radii."""
        part = self.model.placed_noise if how == "placed" else self.model.confirmed_noise
        return (part * self._size / self._radius[index]) ** 2

    def _condition(
        self, mean: Array, covariance: Array, index: int, place: Array, how: How
    ) -> tuple[Array, Array]:
        """Mean and covariance after one more point is known."""
        here = slice(2 * index, 2 * index + 2)
        error = (place - self._start[index]) @ self._turn / self._radius[index]
        doubt = covariance[here, here] + self._noise(index, how) * np.eye(2)
        gain = np.linalg.solve(doubt, covariance[here]).T
        return mean + gain @ (error - mean[here]), covariance - gain @ covariance[here]

    def _condition_on_lines(
        self, mean: Array, covariance: Array, indices: Sequence[int]
    ) -> tuple[Array, Array]:
        """Mean and covariance after it is known that points lie on their lines."""
        if not indices:
            return mean, covariance
        across = np.zeros((len(indices), len(mean)))
        errors, noises = np.zeros(len(indices)), np.zeros(len(indices))
        for row, index in enumerate(indices):
            line = self._lines[index]
            across[row, 2 * index : 2 * index + 2] = line.across @ self._turn
            errors[row] = line.across @ (line.place - self._start[index]) / self._radius[index]
            noises[row] = self._noise(index, "placed")
        follows = across @ covariance
        gain = np.linalg.solve(follows @ across.T + np.diag(noises), follows).T
        return mean + gain @ (errors - across @ mean), covariance - gain @ follows

    def _gain(self, index: int) -> float:
        """The decrease of the sum of squared radii if a point is confirmed."""
        here = slice(2 * index, 2 * index + 2)
        if not self._known[index]:
            return float("inf")
        rows = self._now[here]
        doubt = rows[:, here] + self._noise(index, "confirmed") * np.eye(2)
        falls = (rows * np.linalg.solve(doubt, rows)).sum(axis=0)
        return float(falls @ np.repeat(self._radius**2, 2))

    def _positions(self, mean: Array, placed: dict[int, Array]) -> Array:
        points = self._start + (mean.reshape(-1, 2) @ self._turn.T) * self._radius[:, None]
        for index, line in self._lines.items():
            points[index] += line.across * (line.across @ (line.place - points[index]))
        for index, place in placed.items():
            points[index] = place
        return points


def _traces(covariance: Array) -> Array:
    """Trace (K,) of each point's 2 x 2 block."""
    return np.diagonal(covariance).reshape(-1, 2).sum(axis=1)
