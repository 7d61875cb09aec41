"""Which points there are, in which order, and how they mirror.

A `LandmarkSet` is the header of every table of points: the column names and what is
known of them. Left and right are the subject's: in a frontal picture the subject's
left eye is at the larger x.

A name may carry a source after an "@": ``nose_tip@4-point`` is the nose tip as the
marking scheme "4-point" places it. Same name, other place, so another column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError

__all__ = ["LandmarkSet", "base_name", "scheme_of", "with_scheme"]


def with_scheme(name: str, scheme: str) -> str:
    """Column name of point `name` as marked by `source`."""
    return f"{base_name(name)}@{scheme}"


def base_name(name: str) -> str:
    """Column name without its source."""
    return name.split("@", 1)[0]


def scheme_of(name: str) -> str:
    """Source that a column name carries; empty if none."""
    return name.split("@", 1)[1] if "@" in name else ""


_SIDES = {"left": "right", "right": "left"}


def _swap_sides(name: str) -> str:
    return re.sub(
        r"(?<![a-z])(left|right)(?![a-z])",
        lambda match: _SIDES[match.group(1)],
        base_name(name),
    ) + (f"@{scheme_of(name)}" if "@" in name else "")


@dataclass(frozen=True)
class LandmarkSet:
    """Ordered point names and what is known of them.

    Attributes:
        names: K unique point names; the columns of every table of points.
        eyes: the two names whose distance normalises errors (NME), or empty if unknown.
        edges: pairs of names to join when the points are drawn.
        mirrorable: whether left/right in the names tell how points swap in a mirrored
            image. False for sets with names that say nothing ("0", "1", ...): such
            sets are never mirrored in training.

    Raises:
        DataError: names are empty or repeat; eyes, edges or a mirrored name unknown.
    """

    names: tuple[str, ...]
    eyes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    mirrorable: bool = True

    def __post_init__(self) -> None:
        if not self.names:
            raise DataError("a landmark set needs at least one point name, none came")
        if len(set(self.names)) != len(self.names):
            repeated = sorted({n for n in self.names if self.names.count(n) > 1})
            raise DataError(f"point names must be unique, these repeat: {', '.join(repeated)}")
        known = set(self.names)
        unknown = {n for n in (*self.eyes, *(n for e in self.edges for n in e)) if n not in known}
        if unknown or len(self.eyes) not in (0, 2):
            raise DataError(
                f"eyes (two names) and edges must name points of the set; "
                f"unknown: {sorted(unknown)}, eyes: {self.eyes}"
            )
        if self.mirrorable:
            missing = [n for n in self.names if _swap_sides(n) not in known]
            if missing:
                raise DataError(
                    f"point '{missing[0]}' has no mirror partner '{_swap_sides(missing[0])}' "
                    f"in the set; name it so or set mirrorable to false"
                )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mirror(self) -> NDArray[np.int64]:
        """Permutation (K,): column k of a mirrored image is column ``mirror[k]`` of the
        original. Raises DataError if the set is not mirrorable."""
        if not self.mirrorable:
            raise DataError("these point names do not say left and right, so no mirror is known")
        return np.array([self.names.index(_swap_sides(n)) for n in self.names], dtype=np.int64)

    @property
    def eye_columns(self) -> tuple[int, ...]:
        """Column numbers of the two normalising eye points; empty if unknown."""
        return tuple(self.names.index(n) for n in self.eyes)

    @property
    def edge_columns(self) -> tuple[tuple[int, int], ...]:
        """Column numbers of the edges to draw."""
        return tuple((self.names.index(a), self.names.index(b)) for a, b in self.edges)

    def columns(self, names: Iterable[str]) -> list[int]:
        """Column numbers of `names`. Raises DataError naming the first unknown one."""
        found = []
        for name in names:
            if name not in self.names:
                raise DataError(f"no point '{name}' here; known points: {', '.join(self.names)}")
            found.append(self.names.index(name))
        return found

    def subset(self, names: Sequence[str]) -> LandmarkSet:
        """Set of just `names`, in their order, with the eyes and edges that are left."""
        self.columns(names)
        kept = set(names)
        return LandmarkSet(
            names=tuple(names),
            eyes=self.eyes if all(n in kept for n in self.eyes) else (),
            edges=tuple(e for e in self.edges if e[0] in kept and e[1] in kept),
            mirrorable=self.mirrorable and all(_swap_sides(n) in kept for n in names),
        )

    def union(self, other: LandmarkSet) -> LandmarkSet:
        """Columns of both: first these, then those of `other` that are new."""
        return LandmarkSet(
            names=self.names + tuple(n for n in other.names if n not in self.names),
            eyes=self.eyes or other.eyes,
            edges=self.edges + tuple(e for e in other.edges if e not in self.edges),
            mirrorable=self.mirrorable and other.mirrorable,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, read back by `from_dict`."""
        return {
            "names": list(self.names),
            "eyes": list(self.eyes),
            "edges": [list(e) for e in self.edges],
            "mirrorable": self.mirrorable,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LandmarkSet:
        """Inverse of `to_dict`. Raises DataError if a part is missing or wrong."""
        try:
            return cls(
                names=tuple(data["names"]),
                eyes=tuple(data["eyes"]),
                edges=tuple((a, b) for a, b in data["edges"]),
                mirrorable=bool(data["mirrorable"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a landmark set: {error!r}") from error

    @classmethod
    def of_names(cls, names: Sequence[str]) -> LandmarkSet:
        """Plain set of these names, which mirrors if they say left and right."""
        mirrorable = any(_swap_sides(n) != n for n in names) and all(
            _swap_sides(n) in names for n in names
        )
        return cls(names=tuple(names), mirrorable=mirrorable)
