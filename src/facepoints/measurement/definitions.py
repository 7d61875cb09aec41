"""What is measured on a face, point by point: openings of eyes and mouth, and the distances,
slants and ratios that dysmorphology uses.

None of it is a diagnosis. They are places in a picture, not on a body: distances are seen in
projection (a head turned by 20 degrees looks 6 in 100 narrower) and have no scale, so that they
are given in pixels and as parts of the distance between the outer eye corners. Tables of
norms were measured on people, with callipers.

Where terms come from:

- H: Hall, Allanson, Gripp & Slavotinek 2007, Handbook of Physical Measurements, 2nd edition.
- F: Farkas 1994, Anthropometry of the Head and Face, 2nd edition (the letters in brackets).
- E1: Elements of Morphology, head and face: Allanson et al. 2009, doi:10.1002/ajmg.a.32612.
- E2: the same, periorbital region: Hall et al. 2009, doi:10.1002/ajmg.a.32597.
- E3: the same, nose and philtrum: Hennekam et al. 2009, Am J Med Genet A 149A:61-76.
- E4: the same, lips, mouth and oral region: Carey et al. 2009, Am J Med Genet A 149A:77-92.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFINITIONS", "Definition", "Unit"]

Array = NDArray[np.floating]
Unit = Literal["px", "ratio", "degrees"]


@dataclass(frozen=True)
class Definition:
    """A number that points of a face make.

    Attributes:
        meaning: what it is, for people.
        source: whose definition; letters as in the list above.
        unit: px: a distance in the picture; ratio: a number without unit; degrees.
        points: names of the points, as in `landmark_sets.IBUG_68`.
        of: the number (...) of points (..., K, 2) in that order.
    """

    meaning: str
    source: str
    unit: Unit
    points: tuple[str, ...]
    of: Callable[[Array], Array]


def _apart(p: Array, a: int, b: int) -> Array:
    away = p[..., a, :] - p[..., b, :]
    return np.hypot(away[..., 0], away[..., 1])


def _distance(p: Array) -> Array:
    return _apart(p, 0, 1)


def _part(p: Array) -> Array:
    """The first distance as a part of the second."""
    return _apart(p, 0, 1) / np.maximum(_apart(p, 2, 3), 1e-9)


def _eye_opening(p: Array) -> Array:
    """Of the corners, then two pairs of lid points."""
    heights = _apart(p, 2, 3) + _apart(p, 4, 5)
    return heights / (2 * np.maximum(_apart(p, 0, 1), 1e-9))


def _both_openings(p: Array) -> Array:
    return (_eye_opening(p[..., :6, :]) + _eye_opening(p[..., 6:, :])) / 2


def _mouth_opening(p: Array) -> Array:
    """Of the inner corners, then three pairs of inner lip points."""
    heights = _apart(p, 2, 3) + _apart(p, 4, 5) + _apart(p, 6, 7)
    return heights / (3 * np.maximum(_apart(p, 0, 1), 1e-9))


def _slant(p: Array) -> Array:
    """Degrees by which the second point lies higher than the first, where the line from the
    fourth to the third, the inner corners of the subject's right and left eye, is level."""
    level, eye = p[..., 2, :] - p[..., 3, :], p[..., 1, :] - p[..., 0, :]
    along = np.abs((level * eye).sum(axis=-1))
    above = level[..., 1] * eye[..., 0] - level[..., 0] * eye[..., 1]
    return np.rad2deg(np.arctan2(above, along))


def _eye(side: str) -> tuple[str, ...]:
    parts = ("outer_corner", "inner_corner", "upper_outer", "lower_outer")
    return tuple(f"{side}_eye_{p}" for p in (*parts, "upper_inner", "lower_inner"))


_OUTER = ("left_eye_outer_corner", "right_eye_outer_corner")
_INNER = ("left_eye_inner_corner", "right_eye_inner_corner")
_MOUTH = ("inner_mouth_left_corner", "inner_mouth_right_corner")
_LIPS = tuple(
    f"inner_{lip}_lip_{w}" for w in ("left", "center", "right") for lip in ("upper", "lower")
)
_OPENING = "height over length of the opening between the lids, two heights averaged"
_SOUKUPOVA = "eye aspect ratio: Soukupova & Cech 2016, 21st Computer Vision Winter Workshop"


def _openings() -> dict[str, Definition]:
    made = {
        f"eye_opening_{side}": Definition(
            f"{side} eye: {_OPENING}", _SOUKUPOVA, "ratio", _eye(side), _eye_opening
        )
        for side in ("left", "right")
    }
    both = (*_eye("left"), *_eye("right"))
    made["eye_opening"] = Definition(
        "mean of both eyes' openings", _SOUKUPOVA, "ratio", both, _both_openings
    )
    made["mouth_opening"] = Definition(
        "height over length of the opening between the lips, three heights averaged",
        "the same ratio on the inner lips",
        "ratio",
        (*_MOUTH, *_LIPS),
        _mouth_opening,
    )
    return made


_DISTANCES: dict[str, tuple[str, str, tuple[str, str]]] = {
    "inner_canthal": ("between the inner eye corners", "H; F (en-en); E2", _INNER),
    "outer_canthal": ("between the outer eye corners", "H; F (ex-ex); E2", _OUTER),
    "palpebral_fissure_left": (
        "between inner and outer corner of the left eye",
        "H; F (en-ex); E2",
        (_INNER[0], _OUTER[0]),
    ),
    "palpebral_fissure_right": (
        "between inner and outer corner of the right eye",
        "H; F (en-ex); E2",
        (_INNER[1], _OUTER[1]),
    ),
    "philtrum": (
        "from the base of the nose to the middle of the upper lip's edge",
        "H; F (sn-ls); E3",
        ("nose_base", "upper_lip_center"),
    ),
    "mouth_width": (
        "between the corners of the mouth",
        "H; F (ch-ch); E4",
        ("mouth_left_corner", "mouth_right_corner"),
    ),
    "face_height": (
        "from the root of the nose to the chin",
        "H; F (n-gn); E1",
        ("nose_bridge_1", "chin"),
    ),
}


def _distances() -> dict[str, Definition]:
    made = {
        f"{name}_px": Definition(f"distance {meaning}", source, "px", points, _distance)
        for name, (meaning, source, points) in _DISTANCES.items()
    }
    for name, (meaning, source, points) in _DISTANCES.items():
        if points != _OUTER:
            of = f"distance {meaning}, as a part of that between the outer eye corners"
            made[f"{name}_ratio"] = Definition(of, source, "ratio", (*points, *_OUTER), _part)
    for side in ("left", "right"):
        points = (f"{side}_eye_inner_corner", f"{side}_eye_outer_corner", *_INNER)
        made[f"palpebral_slant_{side}"] = Definition(
            f"{side} eye: how far the outer corner lies above the line through both inner ones",
            "H; F; E2",
            "degrees",
            points,
            _slant,
        )
    return made


DEFINITIONS: dict[str, Definition] = {**_openings(), **_distances()}
"""What is measured, by name, in the order of the columns."""
