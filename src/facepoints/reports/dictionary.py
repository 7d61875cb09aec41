"""The data dictionary: every column of the table of measures in words, with its unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facepoints.measurement.descriptions import DESCRIPTIONS, Description
from facepoints.measurement.expression_definitions import EXPRESSIONS
from facepoints.measurement.expression_factors import SMILE

__all__ = [
    "SOURCES",
    "ColumnNote",
    "column_notes",
    "describe",
    "is_measure",
    "spaced_unit",
    "unit_of",
]

SOURCES: dict[str, str] = {
    "H": "Hall, Allanson, Gripp & Slavotinek 2007, Handbook of Physical Measurements, 2nd edition",
    "F": "Farkas 1994, Anthropometry of the Head and Face, 2nd edition (its letters in brackets)",
    "E1": "Elements of Morphology, head and face: Allanson et al. 2009, doi:10.1002/ajmg.a.32612",
    "E2": "Elements of Morphology, periorbital region: Hall et al. 2009, doi:10.1002/ajmg.a.32597",
    "E3": "Elements of Morphology, nose and philtrum: Hennekam et al. 2009, Am J Med Genet A "
    "149A:61-76",
    "E4": "Elements of Morphology, lips, mouth and oral region: Carey et al. 2009, Am J Med Genet "
    "A 149A:77-92",
}
"""Meaning of the letters in the sources of definitions (`measurement.definitions`)."""

_UNITS = {"px": "px", "ratio": "", "degrees": "°"}


@dataclass(frozen=True)
class ColumnNote:
    """A column of the table: its name, its unit (empty: none) and its meaning."""

    name: str
    unit: str
    meaning: str


_SMILE = f"{SMILE['given']:.2f}"
if f"{SMILE['population']:.2f}" != _SMILE:
    _SMILE += f" ({SMILE['population']:.2f} if expression_neutral is population)"

_PLAIN = {
    "file": ("", "name of the image or video, as given or below the folder that was given"),
    "frame": ("", "number of the frame in its video, from 0; 0 for an image"),
    "time": ("s", "time of the frame from the first frame of the video; empty for an image"),
    "face": ("", "number of the face in its image or frame, from 0"),
    "track": ("", "number of the person in a video; empty for an image"),
    "score": ("", "probability that this is a face, 0 to 1"),
    "measures_reason": (
        "",
        "why measures of this face are missing: each reason with the names of the measures; empty "
        "if none is missing",
    ),
    "convention": (
        "",
        "data set whose annotators the measures follow: the mean difference to their marks is "
        "taken off distances, ratios, openings and slants",
    ),
    "mm_per_pixel": (
        "mm",
        "size of a pixel in the plane of the eyes, from the width of the irises; empty if it "
        "cannot be had",
    ),
    "scale_reason": ("", "why there is no size of a pixel; empty if there is one"),
    "gaze_yaw": (
        "°",
        "direction of the eyes, from the line between face and camera; positive: toward the "
        "subject's left, the image's right; 0: into the camera",
    ),
    "gaze_pitch": ("°", "the same up and down; positive: up"),
    "gaze_head_yaw": (
        "°",
        "direction of the eyes relative to the head; 0: straight ahead; positive: toward the "
        "subject's left",
    ),
    "gaze_head_pitch": ("°", "the same up and down; positive: up"),
    "looks_at_camera": (
        "",
        "1 if the eyes look at the camera, 0 if not; empty if there is no gaze or its radius is "
        "too large to tell",
    ),
    "gaze_reason": ("", "why there is no gaze; empty if there is one"),
    "smile": (
        "",
        f"1 if the mean of mouthSmileLeft and mouthSmileRight is {_SMILE} or more, else 0; empty "
        "if they cannot be had",
    ),
    "expression_neutral": (
        "",
        "what the expression is compared with: given (a picture at rest), video (the person's calm "
        "frames) or population (the mean person)",
    ),
    "expression_reason": (
        "",
        "why coefficients of the expression are missing; empty if none is",
    ),
    **{
        name: ("", f"{one.meaning}: 0 at rest, 1 for a full movement ({one.full}); {one.source}")
        for name, one in EXPRESSIONS.items()
    },
    "blink": ("", "1 in the frames of a blink, else 0; empty where blinks cannot be detected"),
    "eyes_closed": (
        "",
        "1 while the eyes are closed for longer than a blink, else 0; empty where this cannot be "
        "detected",
    ),
    "yawn": ("", "1 in the frames of a yawn, else 0; empty where yawns cannot be detected"),
    "event": ("", "blink, eyes_closed or yawn"),
    "first_frame": ("", "number of the first frame of the event"),
    "last_frame": ("", "number of the last frame of the event"),
    "start": ("s", "time of the first frame of the event"),
    "seconds": ("s", "duration of the event, to the first frame after it"),
    "extreme": ("", "smallest opening of the eyes, or largest of the mouth, during the event"),
}

_PATTERNS = (
    (
        re.compile(r"transform_([123])([123])"),
        "",
        "row {0}, column {1} of the rotation from the head to the camera (x right, y down, z away "
        "from the camera)",
    ),
    (
        re.compile(r"transform_([123])4"),
        "mm",
        "position of the head in front of the camera, coordinate {0} of x, y, z; for a head of "
        "mean size and the focal length that was given or assumed",
    ),
    (
        re.compile(r"(right|left)_eye_closed"),
        "",
        "probability that the subject's {0} eye is closed, 0 to 1; empty if it cannot be had",
    ),
    (
        re.compile(r"(right|left)_eye_reason"),
        "",
        "why there is no value for the {0} eye; empty if there is one",
    ),
)


def describe(column: str) -> Description | None:
    """The description of a measure by the name of its column, which ends in ``_mm`` instead of
    ``_px`` in millimeters; None for another column."""
    name = f"{column[:-3]}_px" if column.endswith("_mm") else column
    return DESCRIPTIONS.get(name)


def is_measure(column: str) -> bool:
    """True for a column that holds the value of a measure."""
    return describe(column) is not None


def unit_of(column: str) -> str:
    """The unit of a column: "px", "mm", "°", "s", or "" for a number without unit."""
    description = describe(column)
    if description is None:
        return _PLAIN.get(column, ("", ""))[0]
    return "mm" if column.endswith("_mm") else _UNITS[description.unit]


def spaced_unit(name: str) -> str:
    """The unit of a measure after its number, as in "°" or " px"."""
    unit = unit_of(name)
    return f" {unit}" if unit not in ("", "°") else unit


def column_notes(columns: Iterable[str]) -> Sequence[ColumnNote]:
    """Columns of the table of measures, or of the table of events, in words.

    A column that is not known here is listed without a meaning.
    """
    return [_note(column) for column in columns]


def _note(column: str) -> ColumnNote:
    if column in _PLAIN:
        return ColumnNote(column, *_PLAIN[column])
    description = describe(column)
    if description is not None:
        followed = f"; marks: {description.marks}" if description.marks else ""
        return ColumnNote(column, unit_of(column), description.meaning + followed)
    base = column.removesuffix("_r")
    if base in _PLAIN:
        unit = _PLAIN[base][0]
        return ColumnNote(column, unit, f"90 % radius of {base}, in the same unit")
    description = describe(base)
    if description is not None:
        return ColumnNote(column, unit_of(base), f"radius of {base}: {description.radius}")
    name = base.removesuffix("_z")
    if describe(name) is not None:
        z_score = f"{name} minus the mean of the table of norms, over its standard deviation"
        return ColumnNote(column, "", z_score if column == base else f"90 % radius of {base}")
    for pattern, unit, meaning in _PATTERNS:
        found = pattern.fullmatch(column)
        if found:
            return ColumnNote(column, unit, meaning.format(*found.groups()))
    return ColumnNote(column, "", "")
