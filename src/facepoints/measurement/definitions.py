"""Definitions of measures: openings of eyes and mouth, and distances, slants and ratios.

Dysmorphology (the study of congenital anomalies) defines the distances, slants and ratios.

Nothing here is a diagnosis. Measures are taken in an image, not on a body. Distances are
projections: a head turned by 20 degrees looks 6 % narrower. An image has no scale, so distances
are given in pixels and as fractions of the distance between the outer eye corners. Published norms
were measured on people, with calipers.

Points lie where people mark them in photos, which is not quite where calipers touch a face. `marks`
says which marks each measure follows: the numbers of iBUG-68 (300-W: Sagonas et al. 2016,
doi:10.1016/j.imavis.2016.01.002; counted from 1), and the landmarks of Farkas in the same places.

Sources of the terms:

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

from facepoints.measurement import marks

__all__ = ["DEFINITIONS", "Definition", "Unit"]

Array = NDArray[np.floating]
Unit = Literal["px", "ratio", "degrees"]


@dataclass(frozen=True)
class Definition:
    """A number computed from landmarks of a face.

    Attributes:
        meaning: description in words.
        source: of the definition; letters as in the list above.
        unit: "px", a distance in the image; "ratio", a number without unit; or "degrees".
        points: names of the landmarks, as in `known_sets.IBUG_68`.
        function: computes the number (...) from these landmarks (..., K, 2), in that order.
        marks: which marks of people these landmarks follow.
        relative: whether errors grow with the number, as they do for distances and for ratios of
            two distances.
        across: whether it is a distance or angle of the face as seen from the front, which a
            turned head shortens.
    """

    meaning: str
    source: str
    unit: Unit
    points: tuple[str, ...]
    function: Callable[[Array], Array]
    marks: str
    relative: bool = False
    across: bool = False


def _between(p: Array, a: int, b: int) -> Array:
    """Distance of two points."""
    difference = p[..., a, :] - p[..., b, :]
    return np.hypot(difference[..., 0], difference[..., 1])


def _distance(p: Array) -> Array:
    return _between(p, 0, 1)


def _ratio(p: Array) -> Array:
    """Distance of the first two points, divided by the distance of the next two."""
    return _between(p, 0, 1) / np.maximum(_between(p, 2, 3), 1e-9)


def _eye_opening(p: Array) -> Array:
    """Eye opening: mean height over width. The points: two corners, two pairs of lid points."""
    heights = _between(p, 2, 3) + _between(p, 4, 5)
    return heights / (2 * np.maximum(_between(p, 0, 1), 1e-9))


def _both_openings(p: Array) -> Array:
    return (_eye_opening(p[..., :6, :]) + _eye_opening(p[..., 6:, :])) / 2


def _mouth_opening(p: Array) -> Array:
    """Mouth opening: mean height over width. The points: two corners, three pairs of lip points."""
    heights = _between(p, 2, 3) + _between(p, 4, 5) + _between(p, 6, 7)
    return heights / (3 * np.maximum(_between(p, 0, 1), 1e-9))


def _slant(p: Array) -> Array:
    """Slant of the line from the first to the second point, in degrees upward.

    It is relative to the line through the inner corners of the subject's left eye (third point)
    and right eye (fourth point).
    """
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
            f"{side} eye: {_OPENING}", _SOUKUPOVA, "ratio", _eye(side), _eye_opening, marks.LIDS
        )
        for side in ("left", "right")
    }
    both = (*_eye("left"), *_eye("right"))
    made["eye_opening"] = Definition(
        "mean of both eyes' openings", _SOUKUPOVA, "ratio", both, _both_openings, marks.LIDS
    )
    made["mouth_opening"] = Definition(
        "height over length of the opening between the lips, three heights averaged",
        "the same ratio on the inner lips",
        "ratio",
        (*_MOUTH, *_LIPS),
        _mouth_opening,
        marks.LIPS,
    )
    return made


_DISTANCES: dict[str, tuple[str, str, tuple[str, str], str]] = {
    "inner_canthal": (
        "between the inner eye corners",
        "H; F (en-en); E2",
        _INNER,
        marks.INNER_ENDS,
    ),
    "outer_canthal": (
        "between the outer eye corners",
        "H; F (ex-ex); E2",
        _OUTER,
        marks.OUTER_ENDS,
    ),
    "palpebral_fissure_left": (
        "between inner and outer corner of the left eye",
        "H; F (en-ex); E2",
        (_INNER[0], _OUTER[0]),
        marks.EYE_ENDS,
    ),
    "palpebral_fissure_right": (
        "between inner and outer corner of the right eye",
        "H; F (en-ex); E2",
        (_INNER[1], _OUTER[1]),
        marks.EYE_ENDS,
    ),
    "philtrum": (
        "from the base of the nose to the middle of the upper lip's edge",
        "H; F (sn-ls); E3",
        ("nose_base", "upper_lip_center"),
        marks.PHILTRUM,
    ),
    "mouth_width": (
        "between the corners of the mouth",
        "H; F (ch-ch); E4",
        ("mouth_left_corner", "mouth_right_corner"),
        marks.MOUTH_CORNERS,
    ),
    "face_height": (
        "from the root of the nose to the chin",
        "H; F (n-gn); E1",
        ("nose_bridge_1", "chin"),
        marks.ROOT_AND_CHIN,
    ),
}


def _distances() -> dict[str, Definition]:
    made = {
        f"{name}_px": Definition(
            *(f"distance {meaning}", source, "px", points, _distance, followed),
            relative=True,
            across=True,
        )
        for name, (meaning, source, points, followed) in _DISTANCES.items()
    }
    for name, (meaning, source, points, followed) in _DISTANCES.items():
        if points != _OUTER:
            ratio = f"distance {meaning}, as a fraction of that between the outer eye corners"
            made[f"{name}_ratio"] = Definition(
                *(ratio, source, "ratio", (*points, *_OUTER), _ratio, followed),
                relative=True,
                across=True,
            )
    for side in ("left", "right"):
        points = (f"{side}_eye_inner_corner", f"{side}_eye_outer_corner", *_INNER)
        made[f"palpebral_slant_{side}"] = Definition(
            f"{side} eye: how far the outer corner lies above the line through both inner ones",
            "H; F; E2",
            "degrees",
            points,
            _slant,
            marks.EYE_ENDS,
            across=True,
        )
    return made


DEFINITIONS: dict[str, Definition] = {**_openings(), **_distances()}
"""The measures defined here, by name, in the order of table columns."""
