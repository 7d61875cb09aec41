"""The landmark sets that have a name, each with a module of its own.

A new set needs a module with its points, and here:

- an entry in `KNOWN_SETS`;
- an entry in `NUMBERED_SETS` if files without point names, such as .pts files, hold its points;
- entries in `CONVERSIONS` in both directions: under the names of the new set, the points of other
  sets that are means of its points; under the names of each other set, the new points that are
  means of the points there. Points with the same name in two sets need none;
- the beginnings of its point names in `landmark_set.REGIONS`, for `Face.region`.
"""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.errors import SettingsError
from facepoints.landmarks.cofw import COFW_29, COFW_CONVERSIONS
from facepoints.landmarks.ibug import IBUG_68, OPENPOSE_70
from facepoints.landmarks.kaggle import (
    KAGGLE_15,
    KAGGLE_NARROW,
    KAGGLE_SCHEMES,
    kaggle_from_ibug,
)
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.lapa import LAPA_106, LAPA_CONVERSIONS
from facepoints.landmarks.wflw import WFLW_98

__all__ = [
    "AMBIGUOUS_NUMBERS",
    "COFW_29",
    "CONVERSIONS",
    "IBUG_68",
    "KAGGLE_15",
    "KAGGLE_NARROW",
    "KAGGLE_SCHEMES",
    "KNOWN_SETS",
    "LAPA_106",
    "NUMBERED_SETS",
    "OPENPOSE_70",
    "WFLW_98",
    "known_or_plain",
    "known_set",
    "numbered_set",
]

KNOWN_SETS: dict[str, LandmarkSet] = {
    "kaggle-15": KAGGLE_15,
    "ibug-68": IBUG_68,
    "openpose-70": OPENPOSE_70,
    "wflw-98": WFLW_98,
    "lapa-106": LAPA_106,
    "cofw-29": COFW_29,
}
"""Landmark sets by the name that users type and files hold."""

NUMBERED_SETS: dict[str, LandmarkSet] = {
    "ibug": IBUG_68,
    "openpose": OPENPOSE_70,
    "wflw": WFLW_98,
    "lapa": LAPA_106,
    "cofw": COFW_29,
}
"""Landmark sets for files that number the points instead of naming them, such as .pts files. The
number of points decides which set it is, so no two sets here have the same number. The key is the
marking scheme of such rows. It is "ibug" and not "ibug-68", because a part of the 68 points is
marked in the same way."""

AMBIGUOUS_NUMBERS = frozenset({"wflw", "lapa", "cofw"})
"""The keys of `NUMBERED_SETS` whose numbers of points other data sets have in another order."""

CONVERSIONS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    IBUG_68.names: kaggle_from_ibug(),
    LAPA_106.names: LAPA_CONVERSIONS,
    COFW_29.names: COFW_CONVERSIONS,
}
"""Points that can be computed. The outer key is the names of a set, the inner key the name of a
point of another set, and its value the names of the points of the first set that are averaged. A
point that is listed n times has n times the weight. A name with a marking scheme
("nose_tip@4-point") is needed only where the scheme marks another place than the plain name."""


def known_set(name: str) -> LandmarkSet:
    """A landmark set by its name in `KNOWN_SETS`. Raises SettingsError for an unknown name."""
    if name not in KNOWN_SETS:
        raise SettingsError(f"no landmark set '{name}'; choose one of: {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[name]


def known_or_plain(names: Sequence[str]) -> LandmarkSet:
    """The landmark set with these point names, in this order.

    If they are the names of a known set in any order, the result has its eyes and edges. Otherwise
    it has none, and is mirrorable if the names say left and right (`LandmarkSet.of_names`).
    """
    plain = LandmarkSet.of_names(names)
    for known in KNOWN_SETS.values():
        if set(plain.names) == set(known.names):
            return known.subset(plain.names)
    return plain


def numbered_set(count: int) -> tuple[LandmarkSet, str]:
    """The landmark set and the marking scheme of a file that numbers `count` points.

    If no set in `NUMBERED_SETS` has so many points, their names are "0", "1", ..., the set is not
    mirrorable, and the scheme is named after the number of points ("98-point").
    """
    for scheme, known in NUMBERED_SETS.items():
        if len(known) == count:
            return known, scheme
    return known_or_plain([str(i) for i in range(count)]), f"{count}-point"
