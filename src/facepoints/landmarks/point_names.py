"""Tells which point names are known, and suggests known names for others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from facepoints._util.words import count_noun
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, mirror_name

__all__ = ["close_names", "known_names", "mirror_line", "similar_name"]

_CUTOFF = 0.84  # similarity of two spellings of one name, 0 to 1
_SPELLINGS = {
    "centre": "center",
    "middle": "center",
    "centroid": "center",
    "eyebrow": "brow",
    "l": "left",
    "r": "right",
    "lt": "left",
    "rt": "right",
    "colour": "color",
}
_SIDES = {"left", "right"}
_SHOWN = 4


def known_names() -> list[str]:
    """The names of the points of all sets in `KNOWN_SETS`."""
    return list(dict.fromkeys(name for known in KNOWN_SETS.values() for name in known.names))


def similar_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most likely another spelling of; None if there is none.

    Capitals, separators, the order of the words and British spelling make no difference. Left and
    right are never confused.

    Examples:
        >>> similar_name("LeftEyeCentre", ["right_eye_center", "left_eye_center"])
        'left_eye_center'
    """
    words = _words(name)
    best, most = None, _CUTOFF
    for other in known:
        theirs = _words(other)
        if set(words) & _SIDES != set(theirs) & _SIDES or _numbers(words) != _numbers(theirs):
            continue
        pairs = ((words, theirs), (sorted(words), sorted(theirs)))
        score = max(
            difflib.SequenceMatcher(None, "_".join(a), "_".join(b)).ratio() for a, b in pairs
        )
        if score > most:
            best, most = other, score
    return best


def _words(name: str) -> list[str]:
    """The words of a name in lower case, in their usual spelling."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", base_name(name))
    words = [w for w in re.split(r"[^a-z0-9]+", spaced.lower()) if w]
    return [_SPELLINGS.get(word, word) for word in words]


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if word.isdigit()]


def close_names(landmarks: LandmarkSet) -> dict[str, str]:
    """The points of a set whose names are close to known ones, each with the known name."""
    known = known_names()
    unknown = [n for n in landmarks.names if base_name(n) not in known and not n.isdecimal()]
    free = [name for name in known if name not in landmarks.names]
    found = {name: similar_name(name, free) for name in unknown}
    return {name: other for name, other in found.items() if other is not None}


def mirror_line(landmarks: LandmarkSet) -> str:
    """A line that says which points swap in a mirrored image, or why training does not mirror."""
    names = set(landmarks.names)
    sided = [name for name in landmarks.names if mirror_name(name) != name]
    if not landmarks.mirrorable:
        alone = [name for name in sided if mirror_name(name) not in names]
        if not alone:
            return "images are not mirrored in training: no point name says left or right"
        more = ", ..." if len(alone) > _SHOWN else ""
        shown = ", ".join(f"'{n}' has no '{mirror_name(n)}'" for n in alone[:_SHOWN])
        return f"images are not mirrored in training: {shown}{more}"
    middle = len(landmarks) - len(sided)
    pairs = count_noun(len(sided) // 2, "pair")
    rest = count_noun(middle, "point")
    return f"images are mirrored in training: {pairs} of points swap, {rest} of neither side"
