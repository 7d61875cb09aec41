"""The points that are labeled in a project: a known set, those of a model, or named by the user."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facepoints.datasets.readers.label_files import read_text
from facepoints.errors import DataError, SettingsError
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet, mirror_name

__all__ = ["MAX_NAME", "MAX_POINTS", "PointSet", "read_point_set"]

MAX_POINTS = 1000
"""Points of the largest set that can be labeled, as in label files that are read."""

MAX_NAME = 60
"""Characters of the longest name of a point."""

_LARGEST = 1 << 20  # bytes of a file that names points
_EDGE = re.compile(r"\s+--\s+")


@dataclass(frozen=True)
class PointSet:
    """Names of the points, which of them are joined, and the two that errors are measured by.

    A set may be empty: then the user names the points first. A name says whether a point lies on
    the left or the right side (the subject's), so it also says which points mirror each other.

    Attributes:
        names: unique, each of 1 to `MAX_NAME` printable characters, at most `MAX_POINTS`.
        edges: pairs of names that are joined when the points are drawn.
        eyes: two names whose distance is the unit of errors; empty if there are none.

    Raises:
        SettingsError: a name is blank, too long or there twice, or edges or eyes name others.
    """

    names: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    eyes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) > MAX_POINTS:
            raise SettingsError(
                f"at most {MAX_POINTS} points can be labeled, got {len(self.names)}"
            )
        for name in self.names:
            if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
                raise SettingsError(
                    f"the name of a point has 1 to {MAX_NAME} printable characters, got "
                    f"{name!r:.80}"
                )
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise SettingsError(f"each point has a name of its own; '{repeated[0]}' is there twice")
        for name in (*(end for edge in self.edges for end in edge), *self.eyes):
            if name not in self.names:
                raise SettingsError(f"edges and eyes join points of the set; there is no '{name}'")
        if len(self.eyes) not in (0, 2) or len(set(self.eyes)) != len(self.eyes):
            raise SettingsError("the eyes are two different points, or none")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mirror(self) -> list[tuple[int, int]]:
        """Pairs of columns (i, j), i < j, that mirror each other by their names."""
        at = {name: column for column, name in enumerate(self.names)}
        partners = [at.get(mirror_name(name)) for name in self.names]
        return [(i, j) for i, j in enumerate(partners) if j is not None and i < j]

    @property
    def mirrorable(self) -> bool:
        """True if training can mirror faces with these points: each side has its partner."""
        names = set(self.names)
        sides = [name for name in self.names if mirror_name(name) != name]
        return bool(sides) and all(mirror_name(name) in names for name in sides)

    def landmarks(self) -> LandmarkSet:
        """The set as the rest of the package takes it. Raises DataError if it is empty."""
        return LandmarkSet(self.names, self.eyes, self.edges, self.mirrorable)

    @classmethod
    def of_landmarks(cls, landmarks: LandmarkSet) -> PointSet:
        """A known set, or that of a model."""
        return cls(landmarks.names, landmarks.edges, landmarks.eyes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with names, which `from_dict` reads."""
        edges = [list(edge) for edge in self.edges]
        return {"names": list(self.names), "edges": edges, "eyes": list(self.eyes)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PointSet:
        """Inverse of `to_dict`.

        Edges and eyes may also be numbers of points, from 0.

        Raises:
            SettingsError: a part is missing, of another type or wrong.
        """
        try:
            names = tuple(_texts(data["names"]))
            edges = tuple(_named(pair, names) for pair in data.get("edges") or ())
            eyes = _named(data["eyes"], names) if data.get("eyes") else ()
            mirror = [_named(pair, names) for pair in data.get("mirror") or ()]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise SettingsError(
                "points are {'names': [...], 'edges': [[a, b], ...], 'eyes': [a, b]} with names or "
                f"numbers of points, got another ({error!r:.60})"
            ) from error
        if any(len(edge) != 2 for edge in edges):
            raise SettingsError("an edge joins two points")
        for pair in mirror:
            if len(pair) != 2 or mirror_name(pair[0]) != pair[1] or pair[0] == pair[1]:
                raise SettingsError(
                    f"points that mirror each other are named by their sides, as left_brow and "
                    f"right_brow; got {' and '.join(pair)[:80]}"
                )
        return cls(names, tuple((a, b) for a, b in edges), eyes)


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
        raise TypeError("names are a list of texts")
    return list(values)


def _named(pair: Sequence[str | int], names: Sequence[str]) -> tuple[str, ...]:
    """Points by name or number as names."""
    if isinstance(pair, str):
        raise TypeError("expected a list of points")
    found = []
    for one in pair:
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise TypeError("a point is a name or a number")
        if isinstance(one, int) and one < 0:
            raise IndexError(f"there is no point {one}")
        found.append(names[one] if isinstance(one, int) else one)
    return tuple(found)


def read_point_set(path: Path) -> PointSet:
    """Read the names of points from a file.

    It is JSON as `PointSet.to_dict` gives, or text: a name a line. A line ``a -- b -- c`` joins
    points. A line ``eyes: a -- b`` names the two points whose distance is the unit of errors.
    Lines that begin with # are comments.

    Raises:
        DataError: the file cannot be read.
        SettingsError: its content cannot be used.
    """
    text = read_text(path, _LARGEST)
    try:
        if text.lstrip().startswith("{"):
            return PointSet.from_dict(json.loads(text))
        points = _parsed(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} should hold JSON and does not: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    if not len(points):
        known = ", ".join(KNOWN_SETS)
        raise SettingsError(
            f"{path} names no point; write a name a line, or name a known set with `landmarks` "
            f"({known})"
        )
    return points


def _parsed(text: str) -> PointSet:
    names: list[str] = []
    edges: list[tuple[str, str]] = []
    eyes: tuple[str, ...] = ()
    for line in (each.strip() for each in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        ends = _EDGE.split(line.removeprefix("eyes:").strip())
        if line.startswith("eyes:"):
            eyes = tuple(ends)
        elif len(ends) > 1:
            edges += itertools.pairwise(ends)
        else:
            names.append(line)
    return PointSet(tuple(names), tuple(edges), eyes)
