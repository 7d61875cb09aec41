"""One annotator's reading of a face: where its points are, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.labeling.drawn_lines import OnLine

__all__ = ["ACTIONS", "STATES", "Reading", "State", "rounded_points"]

State = Literal["unplaced", "predicted", "along", "confirmed", "absent"]

STATES: tuple[State, ...] = get_args(State)
"""States of a point: nobody knows its place (``unplaced``), a model placed it (``predicted``), it
moved along with others (``along``), a person placed or confirmed it (``confirmed``), or it is not
on this face (``absent``). Points in the first and the last state have no place."""

ACTIONS = (
    *("drag", "draw", "nudge", "place", "confirm", "hide", "absent", "finish", "reopen", "delete"),
    *("undo", "redo", "suggest", "label", "other"),
)
"""What was done in a move, for the journal."""

_NO_PLACE = ("unplaced", "absent")
_FREE = ("predicted", "along")
_FAR = 1e6  # pixels; no picture is that large
_DIGITS = 3


@dataclass(frozen=True, eq=False)
class Reading:
    """Where one annotator places the points of a face.

    Attributes:
        points: (K, 2) float64, (x, y) in pixels of the picture as it is seen, NaN where a point
            has no place. The center of the top-left pixel is (0, 0).
        states: K states.
        hidden: (K,) bool: the point is placed, but something covers it.
        finished: the annotator says that the face is done.
        deleted: the annotator says that this is no face to be labeled.
        lines: for each of the K points: the drawn line on which it lies and along which it can
            move, or None. Empty: there are no lines.
    """

    points: NDArray[np.float64]
    states: tuple[State, ...]
    hidden: NDArray[np.bool_]
    finished: bool = False
    deleted: bool = False
    lines: tuple[OnLine | None, ...] = ()

    def __len__(self) -> int:
        return len(self.states)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """(K,) whether each point has a place."""
        return np.asarray(np.isfinite(self.points).all(axis=1), dtype=bool)

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        """(K,) whether a person placed or confirmed each point."""
        return np.array([state == "confirmed" for state in self.states], dtype=bool)

    def with_count(self, count: int) -> Reading:
        """The same reading of a set to which points were added: the new ones are unplaced. (Points
        that a damaged journal no longer names are left out.)"""
        more = count - len(self)
        if more == 0:
            return self
        if more < 0:
            return replace(
                self,
                points=self.points[:count],
                states=self.states[:count],
                hidden=self.hidden[:count],
                lines=self.lines[:count],
            )
        return replace(
            self,
            points=np.vstack([self.points, np.full((more, 2), np.nan)]),
            states=(*self.states, *(["unplaced"] * more)),
            hidden=np.concatenate([self.hidden, np.zeros(more, dtype=bool)]),
            finished=False,
            lines=(*self.lines, *([None] * more)) if self.lines else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads. Coordinates have 3 decimals."""
        return {
            "points": rounded_points(self.points),
            "state": list(self.states),
            "hidden": [bool(h) for h in self.hidden],
            "finished": self.finished,
            "deleted": self.deleted,
            "lines": [None if line is None else list(line) for line in self.lines],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], count: int) -> Reading:
        """Inverse of `to_dict`, which trusts nothing.

        Args:
            data: of a request, or of a line of the journal.
            count: number of points of the set.

        Raises:
            SettingsError: a part is missing or wrong.
        """
        points, states = data.get("points"), data.get("state")
        hidden = data.get("hidden")
        for name, values in (("points", points), ("state", states), ("hidden", hidden)):
            if not isinstance(values, list) or len(values) != count:
                got = len(values) if isinstance(values, list) else type(values).__name__
                raise SettingsError(f"'{name}' has an entry for each of {count} points, got {got}")
        assert isinstance(points, list)
        assert isinstance(states, list)
        assert isinstance(hidden, list)
        for state in states:
            if state not in STATES:
                raise SettingsError(f"a state is one of {', '.join(STATES)}, got {state!r:.40}")
        table = np.array([_point(point) for point in points], dtype=np.float64).reshape(-1, 2)
        for column, (state, missing) in enumerate(zip(states, np.isnan(table[:, 0]), strict=True)):
            if missing != (state in _NO_PLACE):
                raise SettingsError(
                    f"point {column} is '{state}' and has {'no' if missing else 'a'} place; only "
                    f"points that are {' or '.join(_NO_PLACE)} have none"
                )
        flags = {name: data.get(name, False) for name in ("finished", "deleted")}
        if not all(isinstance(flag, bool) for flag in (*hidden, *flags.values())):
            raise SettingsError("hidden, finished and deleted are true or false")
        if flags["finished"] and "unplaced" in states:
            raise SettingsError(
                f"a face is finished when each point is placed or absent; point "
                f"{states.index('unplaced')} is neither"
            )
        lines = _lines(data.get("lines"), states)
        return cls(table, tuple(states), np.array(hidden, dtype=bool), **flags, lines=lines)


def _lines(lines: Any, states: Sequence[str]) -> tuple[OnLine | None, ...]:
    """The lines of points that are free to move along them. Readings of older journals and of
    other programs have none."""
    if lines is None or lines == []:
        return ()
    if not isinstance(lines, list) or len(lines) != len(states):
        raise SettingsError(f"'lines' has an entry for each of {len(states)} points, or is empty")
    found: list[OnLine | None] = []
    for column, (line, state) in enumerate(zip(lines, states, strict=True)):
        if line is None:
            found.append(None)
            continue
        if state not in _FREE:
            raise SettingsError(
                f"point {column} is '{state}' and on a line; only points that are "
                f"{' or '.join(_FREE)} move along one"
            )
        if not isinstance(line, list) or len(line) != 3:
            raise SettingsError(f"a line is [x, y, angle] or null, got {line!r:.40}")
        x, y = _point(line[:2])
        found.append(OnLine(x, y, _point([line[2], 0])[0]))
    return tuple(found) if any(found) else ()


def _point(point: Any) -> tuple[float, float]:
    if point is None:
        return math.nan, math.nan
    if not isinstance(point, list) or len(point) != 2:
        raise SettingsError(f"a point is [x, y] or null, got {point!r:.40}")
    for value in point:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not -_FAR < value < _FAR:
            raise SettingsError(f"a point has two numbers within {_FAR:g}, got {point!r:.60}")
    x, y = (round(float(value), _DIGITS) for value in point)
    return x, y


def rounded_points(points: NDArray[np.floating] | Sequence[Any]) -> list[list[float] | None]:
    """Points (K, 2) with 3 decimals, and None where they are NaN."""
    return [
        None if math.isnan(x) or math.isnan(y) else [round(x, _DIGITS), round(y, _DIGITS)]
        for x, y in np.asarray(points, dtype=np.float64).tolist()
    ]
