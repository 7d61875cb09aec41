"""One move mends many: a point that is placed moves the other points as faces do.

The errors of a prediction are one vector e of 2 K numbers with mean 0 and covariance C
(`ShapeModel`), in the upright frame of the face and in units of each point's radius. A point that
a person places shows its part of e, up to a small noise N. The other points move to the
conditional mean given all placed points p, and their doubt shrinks to the conditional covariance
(`FaceState`):

    E[e | e_p] = C[:, p] (C[p, p] + N)^-1 e_p
    Cov[e | e_p] = C - C[:, p] (C[p, p] + N)^-1 C[p, :]

Points are taken in one after another, each by a rank-2 update. Their order does not matter.
`web/page/js/label/shape_model.js` does the same in JavaScript.

Sources: conditioning of normal variables, Rasmussen and Williams 2006, Gaussian Processes for
Machine Learning, A.2; shapes given some of their points, Luethi, Albrecht and Vetter 2009,
doi:10.1007/978-3-642-03596-8_14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = ["CONFIRMED_NOISE", "PLACED_NOISE", "FaceState", "How", "ShapeModel"]

Array = NDArray[np.float64]

How = Literal["placed", "confirmed"]
"""How a point was settled: put to a place, or found right where it was."""

PLACED_NOISE = 0.003
"""Standard deviation of a placed point on each axis, as a fraction of the face's size (the longer
side of the box of its points). Larger: other points follow less."""
CONFIRMED_NOISE = 0.005
"""The same for a point that was found right where it was: nobody sees the last pixel."""
_MIN_RADIUS = 1e-4
"""Least radius, as a fraction of the face's size, so that no division by zero follows."""


@dataclass(frozen=True)
class ShapeModel:
    """How the errors of a prediction go together.

    Attributes:
        names: K point names.
        mean_shape: (K, 2) upright mean positions. They give the turn and the size of a face; the
            unit is arbitrary, the longer side of the box of the points counts as 1 for noises.
        covariance: (2 K, 2 K) of the errors x0, y0, x1, ... in the upright frame, in units of each
            point's radius. Errors have mean 0: a known offset belongs into the prediction.
        placed_noise, confirmed_noise: see `PLACED_NOISE`, `CONFIRMED_NOISE`.

    Raises:
        DataError: shapes do not fit, or the covariance is not finite and symmetric.
    """

    names: tuple[str, ...]
    mean_shape: Array
    covariance: Array
    placed_noise: float = PLACED_NOISE
    confirmed_noise: float = CONFIRMED_NOISE

    def __post_init__(self) -> None:
        k = len(self.names)
        shapes = {"mean_shape": (k, 2), "covariance": (2 * k, 2 * k)}
        for name, want in shapes.items():
            array = getattr(self, name)
            if array.shape != want or not np.isfinite(array).all():
                raise DataError(f"shape model: {name} must be {want} finite numbers")
        if not np.allclose(self.covariance, self.covariance.T, atol=1e-6):
            raise DataError("shape model: the covariance must be symmetric")

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form for the page; `covariance` is the lower triangle, row by row."""
        lower = self.covariance[np.tril_indices(2 * len(self))]
        return {
            "names": list(self.names),
            "mean_shape": np.round(self.mean_shape, 4).tolist(),
            "covariance": np.round(lower, 5).tolist(),
            "placed_noise": self.placed_noise,
            "confirmed_noise": self.confirmed_noise,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ShapeModel:
        """Inverse of `to_dict`, up to its rounding. Raises DataError if a part is wrong."""
        try:
            names = tuple(map(str, data["names"]))
            covariance = np.zeros((2 * len(names), 2 * len(names)))
            covariance[np.tril_indices(len(covariance))] = data["covariance"]
            covariance += np.tril(covariance, -1).T
            return cls(
                names,
                np.array(data["mean_shape"], dtype=np.float64),
                covariance,
                float(data["placed_noise"]),
                float(data["confirmed_noise"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a shape model: {error!r}") from error


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
        self._skipped: set[int] = set()
        self._mean, self._now = self._prior, self._covariance

    def __len__(self) -> int:
        return len(self._start)

    @property
    def points(self) -> Array:
        """(K, 2) in pixels, as far as known: placed points exactly where they were put, the others
        at their conditional mean, NaN where nothing is known."""
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
        mean, covariance = (
            (self._mean, self._now) if len(rest) == len(self._placed) else (self._given(rest))
        )
        target = np.array(place, dtype=np.float64)
        if self._known[index]:
            mean, _ = self._condition(mean, covariance, index, target, "placed")
        return self._positions(mean, {i: p for i, (p, _) in rest.items()} | {index: target})

    def place(self, index: int, place: NDArray | tuple[float, float]) -> None:
        """Put a point to a place (x, y) in pixels. It stays there; the others follow."""
        self._settle(index, np.array(place, dtype=np.float64), "placed")

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
        self._mean, self._now = self._given(self._placed)

    def release(self, index: int) -> None:
        """Take back that a point was placed: it follows the others again."""
        self._placed.pop(index, None)
        self._mean, self._now = self._given(self._placed)

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
        """What was done, JSON-ready; `restore` brings it back."""
        placed = [[i, *place.tolist(), how] for i, (place, how) in self._placed.items()]
        return {"placed": placed, "skipped": sorted(self._skipped)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back, or on, to a snapshot of this face."""
        self._placed = {int(i): (np.array([x, y], float), how) for i, x, y, how in saved["placed"]}
        self._skipped = set(saved["skipped"])
        self._mean, self._now = self._given(self._placed)

    def _settle(self, index: int, place: Array, how: How) -> None:
        again = index in self._placed
        self._placed[index] = (place, how)
        if again:
            self._mean, self._now = self._given(self._placed)
        elif self._known[index]:
            self._mean, self._now = self._condition(self._mean, self._now, index, place, how)

    def _given(self, placed: dict[int, tuple[Array, How]]) -> tuple[Array, Array]:
        """Conditional mean and covariance given placed points, from the start."""
        mean, covariance = self._prior, self._covariance
        for index, (place, how) in placed.items():
            if self._known[index]:
                mean, covariance = self._condition(mean, covariance, index, place, how)
        return mean, covariance

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
        for index, place in placed.items():
            points[index] = place
        return points


def face_frame(points: Array, mean_shape: Array, known: NDArray[np.bool_]) -> tuple[Array, float]:
    """Turn and size of a face.

    Returns:
        Rotation matrix (2, 2) from the upright frame to the picture, and the longer side of the box
        of the mean shape at the face's scale, in pixels.
    """
    side = float(np.ptp(mean_shape, axis=0).max())
    if known.sum() > 1 and np.ptp(mean_shape[known], axis=0).max() > 0:
        matrix = affine.fit_similarity(mean_shape[known], points[known])
        scale = float(np.hypot(*matrix[:, 0]))
        if scale > 0:
            return matrix[:, :2] / scale, scale * max(side, 1e-9)
    return np.eye(2), 1.0


def _traces(covariance: Array) -> Array:
    """Trace (K,) of each point's 2 x 2 block."""
    return np.diagonal(covariance).reshape(-1, 2).sum(axis=1)
