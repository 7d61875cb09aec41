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

__all__ = [
    "IBUG_68",
    "KAGGLE_15",
    "KNOWN_SETS",
    "LandmarkSet",
    "base_name",
    "convert",
    "source_of",
    "with_source",
]


def with_source(name: str, source: str) -> str:
    """Column name of point `name` as marked by `source`."""
    return f"{base_name(name)}@{source}"


def base_name(name: str) -> str:
    """Column name without its source."""
    return name.split("@", 1)[0]


def source_of(name: str) -> str:
    """Source that a column name carries; empty if none."""
    return name.split("@", 1)[1] if "@" in name else ""


_SIDES = {"left": "right", "right": "left"}


def _swap_sides(name: str) -> str:
    return re.sub(
        r"(?<![a-z])(left|right)(?![a-z])",
        lambda match: _SIDES[match.group(1)],
        base_name(name),
    ) + (f"@{source_of(name)}" if "@" in name else "")


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
        """Best-known set for these names: a known one if they are its names (in any
        order), else a plain one that mirrors if the names say left and right."""
        for known in KNOWN_SETS.values():
            if set(names) == set(known.names):
                return known.subset(names)
        mirrorable = any(_swap_sides(n) != n for n in names) and all(
            _swap_sides(n) in names for n in names
        )
        return cls(names=tuple(names), mirrorable=mirrorable)


def _chain(*names: str, closed: bool = False) -> tuple[tuple[str, str], ...]:
    ends = names[1:] + (names[:1] if closed else ())
    return tuple(zip(names, ends, strict=False))


KAGGLE_15 = LandmarkSet(
    # Order of the columns in the competition's training.csv:
    # https://www.kaggle.com/c/facial-keypoints-detection/data
    names=(
        "left_eye_center",
        "right_eye_center",
        "left_eye_inner_corner",
        "left_eye_outer_corner",
        "right_eye_inner_corner",
        "right_eye_outer_corner",
        "left_eyebrow_inner_end",
        "left_eyebrow_outer_end",
        "right_eyebrow_inner_end",
        "right_eyebrow_outer_end",
        "nose_tip",
        "mouth_left_corner",
        "mouth_right_corner",
        "mouth_center_top_lip",
        "mouth_center_bottom_lip",
    ),
    eyes=("left_eye_center", "right_eye_center"),
    edges=(
        *_chain("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
        *_chain("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
        *_chain("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
        *_chain("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
        *_chain(
            "mouth_left_corner",
            "mouth_center_top_lip",
            "mouth_right_corner",
            "mouth_center_bottom_lip",
            closed=True,
        ),
    ),
)
"""The 15 points of Kaggle's Facial Keypoints Detection."""


def _ibug_68() -> LandmarkSet:
    right_jaw = tuple(f"right_jaw_{i}" for i in range(1, 9))
    left_jaw = tuple(f"left_jaw_{i}" for i in range(8, 0, -1))
    jaw = (*right_jaw, "chin", *left_jaw)
    right_brow = tuple(f"right_brow_{i}" for i in range(1, 6))  # outer to inner
    left_brow = tuple(f"left_brow_{i}" for i in range(5, 0, -1))  # inner to outer
    bridge = tuple(f"nose_bridge_{i}" for i in range(1, 5))
    base = (
        "right_nostril_outer",
        "right_nostril_inner",
        "nose_base",
        "left_nostril_inner",
        "left_nostril_outer",
    )
    eye = ("outer_corner", "upper_outer", "upper_inner", "inner_corner", "lower_inner")
    right_eye = tuple(f"right_eye_{part}" for part in (*eye, "lower_outer"))
    left_eye = tuple(
        f"left_eye_{part}"
        for part in (
            "inner_corner",
            "upper_inner",
            "upper_outer",
            "outer_corner",
            "lower_outer",
            "lower_inner",
        )
    )
    outer_lip = (
        "mouth_right_corner",
        "upper_lip_right_2",
        "upper_lip_right_1",
        "upper_lip_center",
        "upper_lip_left_1",
        "upper_lip_left_2",
        "mouth_left_corner",
        "lower_lip_left_2",
        "lower_lip_left_1",
        "lower_lip_center",
        "lower_lip_right_1",
        "lower_lip_right_2",
    )
    inner_lip = (
        "inner_mouth_right_corner",
        "inner_upper_lip_right",
        "inner_upper_lip_center",
        "inner_upper_lip_left",
        "inner_mouth_left_corner",
        "inner_lower_lip_left",
        "inner_lower_lip_center",
        "inner_lower_lip_right",
    )
    return LandmarkSet(
        names=(
            *jaw,
            *right_brow,
            *left_brow,
            *bridge,
            *base,
            *right_eye,
            *left_eye,
            *outer_lip,
            *inner_lip,
        ),
        eyes=("right_eye_outer_corner", "left_eye_outer_corner"),
        edges=(
            *_chain(*jaw),
            *_chain(*right_brow),
            *_chain(*left_brow),
            *_chain(*bridge),
            *_chain(*base),
            *_chain(*right_eye, closed=True),
            *_chain(*left_eye, closed=True),
            *_chain(*outer_lip, closed=True),
            *_chain(*inner_lip, closed=True),
        ),
    )


IBUG_68 = _ibug_68()
"""The 68 points of 300-W (Sagonas et al. 2013, https://ibug.doc.ic.ac.uk/resources/300-W/),
in the order of its .pts files."""

KNOWN_SETS: dict[str, LandmarkSet] = {"kaggle-15": KAGGLE_15, "ibug-68": IBUG_68}
"""Landmark sets known by name."""


def _kaggle_from_ibug() -> dict[str, tuple[str, ...]]:
    parts: dict[str, tuple[str, ...]] = {
        "nose_tip": ("nose_bridge_4",),
        "mouth_left_corner": ("mouth_left_corner",),
        "mouth_right_corner": ("mouth_right_corner",),
        "mouth_center_top_lip": ("upper_lip_center",),
        "mouth_center_bottom_lip": ("lower_lip_center",),
    }
    for side in ("left", "right"):
        eye = tuple(n for n in IBUG_68.names if n.startswith(f"{side}_eye_"))
        parts[f"{side}_eye_center"] = eye
        parts[f"{side}_eye_inner_corner"] = (f"{side}_eye_inner_corner",)
        parts[f"{side}_eye_outer_corner"] = (f"{side}_eye_outer_corner",)
        parts[f"{side}_eyebrow_inner_end"] = (f"{side}_brow_5",)
        parts[f"{side}_eyebrow_outer_end"] = (f"{side}_brow_1",)
    return parts


CONVERSIONS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    IBUG_68.names: _kaggle_from_ibug()
}
"""For the names of a set: other points as the mean of points of that set."""


def convert(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    have: LandmarkSet,
    want: LandmarkSet,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Points of the set `want` out of points of the set `have`.

    A point that both name is copied; a point that is known as a mean of points of
    `have` (`CONVERSIONS`: an eye centre is the mean of the six eye points) is that mean,
    labelled where all its parts are; any other is unlabelled. A column with a source
    ("nose_tip@4-point") falls back to the plain name.

    Args:
        points: (N, K, 2) in pixels.
        labelled: (N, K).

    Returns:
        Points (N, len(want), 2), 0 where unlabelled, and the mask (N, len(want)).
    """
    means = CONVERSIONS.get(have.names, {})
    out = np.zeros((len(points), len(want), 2), dtype=np.float32)
    mask = np.zeros((len(points), len(want)), dtype=bool)
    for column, name in enumerate(want.names):
        if name in have.names:
            parts: tuple[str, ...] = (name,)
        elif base_name(name) in means:
            parts = means[base_name(name)]
        elif base_name(name) in have.names:
            parts = (base_name(name),)
        else:
            continue
        index = have.columns(parts)
        mask[:, column] = labelled[:, index].all(axis=1)
        out[:, column] = points[:, index].mean(axis=1)
    out[~mask] = 0
    return out, mask
