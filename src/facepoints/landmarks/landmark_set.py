"""Landmark sets: the names of the points, their order and their mirror partners.

A `LandmarkSet` names the columns of a table of points. Left and right are
the subject's: in a frontal image the subject's left eye is at the larger x.

A name may have a marking scheme after an "@": ``nose_tip@4-point`` is the nose tip as the scheme
"4-point" marks it. It is another place than ``nose_tip``, so it is another column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError

__all__ = ["REGIONS", "LandmarkSet", "base_name", "mirror_name", "scheme_of", "with_scheme"]

REGIONS: dict[str, tuple[str, ...]] = {
    "jaw": ("right_jaw", "chin", "left_jaw"),
    "right_eyebrow": ("right_brow", "right_eyebrow"),
    "left_eyebrow": ("left_brow", "left_eyebrow"),
    "nose": ("nose", "right_nostril", "left_nostril", "right_nose", "left_nose"),
    "right_eye": ("right_eye_",),
    "left_eye": ("left_eye_",),
    "pupils": ("right_pupil", "left_pupil"),
    "mouth": (
        *("mouth", "upper_lip", "lower_lip"),
        *("inner_mouth", "inner_upper_lip", "inner_lower_lip"),
    ),
}
"""Regions of a face, each with the prefixes of the names of its points. Left and right are the
subject's. Pupils are a region of their own, so that the region of an eye is its outline in every
set."""


def with_scheme(name: str, scheme: str) -> str:
    """The column name of a point in a marking scheme: "nose_tip@4-point"."""
    return f"{base_name(name)}@{scheme}"


def base_name(name: str) -> str:
    """A column name without its marking scheme: the name of the point."""
    return name.split("@", 1)[0]


def scheme_of(name: str) -> str:
    """The marking scheme in a column name; empty if there is none."""
    return name.split("@", 1)[1] if "@" in name else ""


@lru_cache(maxsize=64)
def _regions(points: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`LandmarkSet.regions` of these points, as pairs; every face asks for them."""
    named = (
        (region, tuple(name for name in points if base_name(name).startswith(begins)))
        for region, begins in REGIONS.items()
    )
    return tuple((region, names) for region, names in named if names)


_SIDES = {"left": "right", "right": "left"}


def mirror_name(name: str) -> str:
    """The name of a point in a mirrored image: left and right are swapped."""
    return re.sub(
        r"(?<![a-z])(left|right)(?![a-z])",
        lambda match: _SIDES[match.group(1)],
        base_name(name),
    ) + (f"@{scheme_of(name)}" if "@" in name else "")


@dataclass(frozen=True)
class LandmarkSet:
    """Ordered point names with their eyes, edges and mirror partners.

    Attributes:
        names: K unique point names, the columns of a table of points.
        eyes: the two names whose distance normalizes errors (NME); empty if unknown.
        edges: pairs of names that are joined when the points are drawn.
        mirrorable: True if left and right in the names define how points swap in a mirrored
            image. Sets with names such as "0", "1", ... are not mirrorable and never mirrored
            in training.

    Raises:
        DataError: there are no names, a name is repeated, or eyes, edges or the name of a
            mirror partner are unknown.
    """

    names: tuple[str, ...]
    eyes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    mirrorable: bool = True

    def __post_init__(self) -> None:
        self._make_tuples()
        if not self.names:
            raise DataError("a landmark set needs at least one point name, got none")
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
            missing = [n for n in self.names if mirror_name(n) not in known]
            if missing:
                raise DataError(
                    f"point '{missing[0]}' has no mirror partner '{mirror_name(missing[0])}' "
                    f"in the set; rename it or set mirrorable to false"
                )

    def _make_tuples(self) -> None:
        """Take lists for tuples, so that a set stays hashable. Raises DataError for other types."""
        try:
            names, eyes = tuple(self.names), tuple(self.eyes)
            edges = tuple((a, b) for a, b in self.edges)
        except (TypeError, ValueError):
            raise DataError(
                "a landmark set needs a sequence of names, two names as eyes, and pairs of names "
                "as edges"
            ) from None
        every = (*names, *eyes, *(end for edge in edges for end in edge))
        if isinstance(self.names, str) or not all(isinstance(name, str) for name in every):
            wrong = next((name for name in every if not isinstance(name, str)), self.names)
            raise DataError(f"point names must be texts in a sequence, got {wrong!r:.60}")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "eyes", eyes)
        object.__setattr__(self, "edges", edges)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mirror(self) -> NDArray[np.int64]:
        """Permutation (K,): column k of a mirrored image is column ``mirror[k]`` of the
        original image. Raises DataError if the set is not mirrorable."""
        if not self.mirrorable:
            raise DataError("no mirror is known: the point names do not say left and right")
        return np.array([self.names.index(mirror_name(n)) for n in self.names], dtype=np.int64)

    @property
    def eye_columns(self) -> tuple[int, ...]:
        """Column numbers of the two eye points; empty if unknown."""
        return tuple(self.names.index(n) for n in self.eyes)

    @property
    def edge_columns(self) -> tuple[tuple[int, int], ...]:
        """Column numbers of the edges to draw."""
        place = {name: column for column, name in enumerate(self.names)}
        return tuple((place[a], place[b]) for a, b in self.edges)

    @property
    def regions(self) -> dict[str, tuple[str, ...]]:
        """Names of the points of each region in `REGIONS`. Regions without points are left out."""
        return dict(_regions(self.names))

    def columns(self, names: Iterable[str]) -> list[int]:
        """Column numbers of `names`. Raises DataError naming the first unknown one."""
        columns = []
        for name in names:
            if name not in self.names:
                raise DataError(f"no point '{name}' here; known points: {', '.join(self.names)}")
            columns.append(self.names.index(name))
        return columns

    def subset(self, names: Sequence[str]) -> LandmarkSet:
        """The set of `names`, in their order, with the remaining eyes and edges."""
        self.columns(names)
        kept = set(names)
        return LandmarkSet(
            names=tuple(names),
            eyes=self.eyes if all(n in kept for n in self.eyes) else (),
            edges=tuple(e for e in self.edges if e[0] in kept and e[1] in kept),
            mirrorable=self.mirrorable and all(mirror_name(n) in kept for n in names),
        )

    def union(self, other: LandmarkSet) -> LandmarkSet:
        """The points of both sets: first those of this set, then the new ones of `other`."""
        return LandmarkSet(
            names=self.names + tuple(n for n in other.names if n not in self.names),
            eyes=self.eyes or other.eyes,
            edges=self.edges + tuple(e for e in other.edges if e not in self.edges),
            mirrorable=self.mirrorable and other.mirrorable,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads."""
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
        """A set without eyes and edges, mirrorable if the names say left and right."""
        names = cls(names, mirrorable=False).names  # type: ignore[arg-type]
        mirrorable = any(mirror_name(n) != n for n in names) and all(
            mirror_name(n) in names for n in names
        )
        return cls(names=names, mirrorable=mirrorable)
