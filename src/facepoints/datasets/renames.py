"""Gives the points of a data set other names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from facepoints.datasets.readers.label_files import check_names, read_text
from facepoints.datasets.readers.notes import shortened
from facepoints.datasets.readers.options import LabeledFaces
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["check_renames", "read_renames", "renamed"]

_LARGEST = 1 << 20  # bytes of a file of names


def read_renames(source: str | Path | Mapping[str, str] | None) -> dict[str, str]:
    """New names of points by their names in the label file.

    Args:
        source: a text file with an old and a new name per line, separated by a comma, an equals
            sign, a tab or a space ("#" starts a comment); or a mapping; None: no names.

    Raises:
        DataError: a line has no two names, or names an old name twice.
    """
    if source is None or isinstance(source, Mapping):
        return dict(source or {})
    path = Path(source)
    names: dict[str, str] = {}
    for number, line in enumerate(read_text(path, _LARGEST).splitlines(), start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        separator = next((s for s in (",", "=", "\t") if s in text), None)
        parts = text.split(separator) if separator else re.split(r"\s+", text)
        old, new = (part.strip() for part in parts) if len(parts) == 2 else ("", "")
        if not old or not new:
            raise DataError(
                f"{path}, line {number}: expected the name in the label file and the new name, "
                f"such as 'left_eye_centre, left_eye_center'"
            )
        if old in names:
            raise DataError(f"{path}, line {number}: '{shortened(old)}' is there twice")
        names[old] = new
    return names


def check_renames(names: Mapping[str, str], sets: Iterable[LandmarkSet]) -> None:
    """Raises DataError if a name to replace is in none of the data sets."""
    known = list(dict.fromkeys(name for landmarks in sets for name in landmarks.names))
    unknown = [old for old in names if old not in known]
    if unknown:
        raise DataError(
            f"no point '{shortened(unknown[0])}' to rename; the labels have: "
            f"{', '.join(map(shortened, known[:20]))}{', ...' if len(known) > 20 else ''}"
        )


def renamed(data: LabeledFaces, names: Mapping[str, str]) -> LabeledFaces:
    """The same faces with other names of points.

    If the new names are those of a known set, the points get its edges and eyes.

    Args:
        names: new names by old names; others are ignored.

    Raises:
        DataError: two points would have one name.
    """
    if not any(name in names for name in data.landmarks.names):
        return data
    old = data.landmarks
    new = {name: names.get(name, name) for name in old.names}
    check_names(list(new.values()), "the new names")
    landmarks = known_or_plain(list(new.values()))
    if not landmarks.edges and old.edges:
        landmarks = replace(landmarks, edges=tuple((new[a], new[b]) for a, b in old.edges))
    if not landmarks.eyes and old.eyes:
        landmarks = replace(landmarks, eyes=tuple(new[name] for name in old.eyes))
    schemes = {s: tuple(new.get(n, n) for n in points) for s, points in data.schemes.items()}
    return replace(data, landmarks=landmarks, schemes=schemes)
