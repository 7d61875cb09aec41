"""Lines that a person draws along the points of a face, such as the jaw from ear to ear.

A drawn line says two things: where the ends of a row of points are, and that the points between
them lie on it. It does not say how far along. `FaceState.draw` takes that from the covariance.
`web/page/js/label/lines.js` and `shape_model.js` do the same in JavaScript.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["OnLine", "foot_of", "rows_of"]

Array = NDArray[np.float64]


class OnLine(NamedTuple):
    """A point lies on the straight line through (x, y), pixels of the picture, whose direction is
    `angle`, radians clockwise from the x axis."""

    x: float
    y: float
    angle: float

    @property
    def place(self) -> Array:
        """(x, y)."""
        return np.array([self.x, self.y])

    @property
    def across(self) -> Array:
        """(2,) unit vector at right angles to the line."""
        return np.array([-math.sin(self.angle), math.cos(self.angle)])


def foot_of(line: Array, place: Array) -> OnLine:
    """The nearest place of a drawn line, and the direction of the line there.

    Args:
        line: (M, 2) corners of the line in pixels; at least 2, at different places.
        place: (2,).
    """
    start, step = line[:-1], np.diff(line, axis=0)
    squares = (step**2).sum(axis=1)
    along = ((place - start) * step).sum(axis=1) / np.maximum(squares, 1e-12)
    feet = start + np.clip(along, 0, 1)[:, None] * step
    away = np.where(squares > 0, ((feet - place) ** 2).sum(axis=1), np.inf)
    best = int(away.argmin())
    (x, y), (dx, dy) = feet[best].tolist(), step[best].tolist()
    return OnLine(x, y, math.atan2(dy, dx))


def rows_of(edges: Sequence[tuple[int, int]], shape: Array) -> list[list[int]]:
    """The rows of points along which a line can be drawn.

    A row follows the edges from one end, or branching, to the next. A loop, such as an eye, is two
    rows: it is parted at its two points that are farthest from each other.

    Args:
        edges: pairs of point numbers.
        shape: (K, 2) mean positions.

    Returns:
        Point numbers of each row, at least three; rows with ends before loops.
    """
    joined: dict[int, list[int]] = {}
    for a, b in dict.fromkeys((min(pair), max(pair)) for pair in edges if pair[0] != pair[1]):
        joined.setdefault(a, []).append(b)
        joined.setdefault(b, []).append(a)
    left = {frozenset((a, b)) for a, others in joined.items() for b in others}
    rows: list[list[int]] = []
    for start in sorted(joined):
        if len(joined[start]) != 2:
            rows += [_walk(start, other, joined, left) for other in joined[start]]
    for start in sorted(joined):
        loop = _walk(start, joined[start][0], joined, left)[:-1]
        if len(loop) > 3:
            rows += _halves(loop, shape)
    return [row for row in rows if len(row) > 2]


def _walk(
    start: int, following: int, joined: dict[int, list[int]], left: set[frozenset[int]]
) -> list[int]:
    """Follow edges that are left, and take them away, until a point without exactly two edges."""
    row, here, there = [start], start, following
    while frozenset((here, there)) in left:
        left.remove(frozenset((here, there)))
        row.append(there)
        if len(joined[there]) != 2:
            break
        first, second = joined[there]
        here, there = there, second if first == here else first
    return row


def _halves(loop: list[int], shape: Array) -> list[list[int]]:
    points = shape[loop]
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    first, second = sorted(divmod(int(away.argmax()), len(loop)))
    return [loop[first : second + 1], loop[second:] + loop[: first + 1]]
