"""The expressions in the tables of `facepoints measure`, and people's neutral faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepoints.commands.gaze_columns import rounded
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.measurement.expression_definitions import EXPRESSIONS
from facepoints.measurement.expression_neutral import Neutral
from facepoints.measurement.expressions import Expressions, expressions
from facepoints.results import read_faces

if TYPE_CHECKING:
    from facepoints.api import FaceModel

__all__ = [
    "EXPRESSION_COLUMNS",
    "expression_cells",
    "expression_dict",
    "expressions_of",
    "neutral_from",
    "track_neutral",
]

EXPRESSION_COLUMNS = (
    *(f"{name}{part}" for name in EXPRESSIONS for part in ("", "_r")),
    *("smile", "expression_neutral", "expression_reason"),
)
"""Columns of the expression: each coefficient with its radius; 1 for somebody who smiles; what it
was measured against; and why coefficients are blank."""


def neutral_from(path: Path, load: Callable[[], FaceModel]) -> Neutral:
    """The neutral of a picture of one face at rest, or of JSON lines of such pictures.

    Raises:
        DataError: it cannot be read, or does not show one face per image that can be used.
    """
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        images = [result.faces for result in read_faces(path)]
    else:
        images = [list(load()(path))]
    for faces in images:
        if len(faces) != 1:
            raise DataError(
                f"a neutral shows one face, {path} shows {len(faces)}; crop the picture"
            )
    return Neutral.of([faces[0] for faces in images])


def track_neutral(faces: Sequence[Face]) -> Neutral | None:
    """The neutral of the faces of one person's track; None: the mean person's."""
    try:
        return Neutral.of_video(faces)
    except DataError:  # other points, or turned away in all frames
        return None


def expressions_of(face: Face, neutral: Neutral | None) -> Expressions:
    """The expression of a face. Where there is none, all reasons say why."""
    try:
        return expressions(face, neutral)
    except DataError as error:
        return Expressions({}, dict.fromkeys(EXPRESSIONS, str(error)))


def expression_cells(seen: Expressions) -> list[object]:
    """The cells of `EXPRESSION_COLUMNS`."""
    cells: list[object] = []
    for name in EXPRESSIONS:
        measured = seen.values.get(name)
        cells += ["", ""] if measured is None else rounded(measured)
    smile = "" if seen.smiles is None else int(seen.smiles)
    return [*cells, smile, seen.neutral if seen.values else "", _reason(seen)]


def _reason(seen: Expressions) -> str:
    if not seen.values and seen.reasons:
        return next(iter(seen.reasons.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in seen.reasons.items())


def expression_dict(seen: Expressions) -> dict[str, Any]:
    """The expression, JSON-ready."""
    values = {
        name: dict(zip(("value", "radius"), rounded(measured), strict=True))
        for name, measured in seen.values.items()
    }
    line: dict[str, Any] = {"values": values, "smile": seen.smiles, "neutral": seen.neutral}
    return line | ({"reasons": dict(seen.reasons)} if seen.reasons else {})
