"""The labelled sets of the benchmarks: their folders and points, and what is measured on them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes"))
from set_point_names import CFP, INTHEWILD, SCUT

__all__ = [
    "COLUMNS",
    "INNER",
    "LEFT_EYE",
    "MIRROR",
    "PUPILS",
    "RIGHT_EYE",
    "SETS",
    "LabelledSet",
    "Measure",
    "columns_of",
]

COLUMNS = (*IBUG_68.names, "right_pupil", "left_pupil")
"""Names of the 70 columns of every table of points: the 68 of 300-W, then the pupils."""
PUPILS = (68, 69)
INNER = tuple(range(17, 68))
"""The 51 points without the jaw line."""
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)


def columns_of(*names: str) -> tuple[int, ...]:
    """Numbers of the columns with these names."""
    return tuple(COLUMNS.index(name) for name in names)


MIRROR: NDArray[np.intp] = np.array([*IBUG_68.mirror, 69, 68])
"""(70,): the column of each point's mirror image."""


@dataclass(frozen=True)
class Measure:
    """A mean error over some points.

    Attributes:
        key: name in the results.
        title: heading in tables.
        columns: the points; those of a face that are not labelled are left out.
        by: what it is divided by. "eyes": distance of the outer eye corners; "box": sqrt(width *
            height) of the box of the face's labelled points; "pupils": distance of the pupils.
    """

    key: str
    title: str
    columns: tuple[int, ...]
    by: Literal["eyes", "box", "pupils"]


@dataclass(frozen=True)
class LabelledSet:
    """A set of labelled photos.

    Attributes:
        title: name in tables.
        folder: below the folder of the data sets.
        measures: what is measured; the failure rates are those of the first one.
        parts: its splits, joined.
        names: its names of the points that count, and the column of each; empty: they have the
            names of `COLUMNS`.
        by_hand: True if people marked the points, so that a mean offset is an error of the model.
    """

    title: str
    folder: str
    measures: tuple[Measure, ...]
    parts: tuple[str, ...] = ("training",)
    names: Mapping[str, str] = field(default_factory=dict)
    by_hand: bool = True


_ALL = tuple(range(68))
_FULL = (
    Measure("eyes_68", "NME eyes, 68", _ALL, "eyes"),
    Measure("eyes_51", "eyes, 51", INNER, "eyes"),
    Measure("box_68", "box, 68", _ALL, "box"),
    Measure("box_51", "box, 51", INNER, "box"),
)
_FIVE = columns_of(
    "right_pupil", "left_pupil", "nose_bridge_4", "mouth_right_corner", "mouth_left_corner"
)
_PORTRAITS = {name: column for name, column in SCUT.items() if column != "lower_lip_center"}

SETS: dict[str, LabelledSet] = {
    "lfpw": LabelledSet("LFPW", "lfpw/train", _FULL),
    "helen": LabelledSet("HELEN", "helen", _FULL),
    "afw": LabelledSet("AFW", "afw", _FULL),
    "youtube": LabelledSet(
        "YouTube Faces", "youtube-faces", _FULL, ("training", "test"), by_hand=False
    ),
    "cfp": LabelledSet(
        "CFP profiles",
        "cfp",
        (
            Measure("box_visible", "NME box, visible points", _ALL, "box"),
            Measure("box_51", "box, without jaw", INNER, "box"),
        ),
        names=CFP,
    ),
    "inthewild21": LabelledSet(
        "Street photos",
        "inthewild21",
        (
            Measure("eyes_5", "NME eyes, 5 points", _FIVE, "eyes"),
            Measure("pupils", "pupils by their distance", PUPILS, "pupils"),
        ),
        names=INTHEWILD,
    ),
    "scut": LabelledSet(
        "SCUT portraits",
        "scut",
        (
            Measure(
                "eyes_mapped", "NME eyes, mapped points", columns_of(*_PORTRAITS.values()), "eyes"
            ),
            Measure("pupils", "pupils by their distance", PUPILS, "pupils"),
        ),
        names=_PORTRAITS,
    ),
}
"""All labelled sets, by the names that the benchmarks use."""
