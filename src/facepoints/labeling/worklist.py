"""The faults that an audit found in labels, as notes on the faces of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facepoints.datasets.fixes import Fix
from facepoints.imaging import affine
from facepoints.labeling.reading import Reading, rounded_points

__all__ = ["Note", "notes_of_fixes"]

Place = tuple[float, float]


@dataclass(frozen=True)
class Note:
    """What an audit says about a face.

    Attributes:
        cause: the kind of fault, such as "left and right swapped".
        text: a sentence.
        suggestion: where the audit would put points, by name, (x, y) in pixels of the picture.
        unlabel: names of points that it would leave out.
    """

    cause: str
    text: str
    suggestion: Mapping[str, Place] = field(default_factory=dict)
    unlabel: Sequence[str] = ()

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON-ready form, with numbers of the points of a set."""
        places = np.array([self.suggestion.get(name, (np.nan, np.nan)) for name in names])
        concerned = {*self.suggestion, *self.unlabel}
        suggested = rounded_points(places.reshape(-1, 2))
        return {
            "cause": self.cause,
            "text": self.text,
            "points": [k for k, name in enumerate(names) if name in concerned],
            "suggestion": suggested if self.suggestion else None,
        }


def notes_of_fixes(fixes: Sequence[Fix], reading: Reading, names: Sequence[str]) -> list[Note]:
    """The notes of one face.

    Args:
        fixes: of this face, one after the other.
        reading: the label as it is in the file.
        names: of its points.
    """
    places = {
        name: (float(x), float(y))
        for name, (x, y), placed in zip(names, reading.points, reading.placed, strict=True)
        if placed
    }
    notes = []
    for fix in fixes:
        text = f"{fix.cause}: {fix.evidence}" if fix.evidence else fix.cause
        moved = _moved(fix, places)
        unlabel = [name for name in fix.values if name in names] if fix.action == "unlabel" else ()
        notes.append(Note(fix.cause, text, moved, unlabel))
    return notes


def _moved(fix: Fix, places: Mapping[str, Place]) -> dict[str, Place]:
    """The places to which a fix moves points, by name."""
    if fix.action == "move":
        return {name: (float(x), float(y)) for name, (x, y) in fix.values.items()}
    if fix.action == "reorder":
        return {name: places[other] for name, other in fix.values.items() if other in places}
    if fix.action == "transform":
        matrix = np.array(fix.values, dtype=np.float64)
        moved = {name: affine.apply(matrix, np.array(place)) for name, place in places.items()}
        return {name: (float(x), float(y)) for name, (x, y) in moved.items()}
    return {}
