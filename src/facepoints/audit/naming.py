"""Turns suspects into faults: evidence as a sentence, the suggested mend, the confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.confidence import confidence
from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import DESCRIPTIONS, Cause, Expected, Fault
from facepoints.audit.geometry import Complex, to_pairs
from facepoints.audit.suspects import Suspect
from facepoints.datasets.fixes import Change
from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import DISC_90

__all__ = ["expected_of", "in_crop", "name_fault", "named_points", "percent"]

_UNIT = "of the eye distance"


def percent(share: float) -> str:
    """A share in percent, with a decimal below 10 %."""
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def named_points(names: Sequence[str], most: int = 4) -> str:
    """Names as text, the first few of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def in_crop(expected: Expectation, row: int, points: Complex) -> NDArray[np.float64]:
    """Points (K,) of the frame of a face as (K, 2) pixels of its crop."""
    return to_pairs((points - expected.b[row]) / expected.a[row])


def expected_of(expected: Expectation, row: int) -> Expected | None:
    """Expected places of the points of a row, in its crop; None where nothing is expected."""
    if not expected.mask[row].any():
        return None
    points = in_crop(expected, row, expected.expected[row])
    points[~expected.mask[row]] = np.nan
    radius = DISC_90 * expected.scale[row] / np.abs(expected.a[row])
    radius = np.where(expected.mask[row], radius, np.nan)
    return Expected(points.astype(np.float32), radius.astype(np.float32))


def name_fault(faces: Samples, expected: Expectation, suspect: Suspect) -> Fault:
    """The fault that a suspect is."""
    names = tuple(faces.landmarks.names[k] for k in suspect.columns)
    count = int(expected.mask[suspect.row].sum())
    return Fault(
        rows=(suspect.row,),
        cause=suspect.cause,
        points=names,
        confidence=round(confidence(suspect.cause, suspect.strength, count), 4),
        evidence=_evidence(faces, suspect, names),
        suggestion=_suggestion(faces, expected, suspect),
        expected=expected_of(expected, suspect.row),
        strength=suspect.strength,
    )


def _evidence(faces: Samples, suspect: Suspect, names: tuple[str, ...]) -> str:
    before, after = percent(suspect.before), percent(suspect.after)
    if suspect.cause is Cause.POINT_OFF:
        return (
            f"{names[0]} lies {before} {_UNIT} from its expected place, where 90 % of labels lie "
            f"within {percent(suspect.radius)}."
        )
    if suspect.cause is Cause.PAIR_SWAPPED:
        return (
            f"{names[0]} and {names[1]} lie {before} {_UNIT} from their expected places; "
            f"exchanged they lie {after} from them."
        )
    text = f"The points lie {before} {_UNIT} from where they are expected"
    if suspect.cause is Cause.UNEXPLAINED:
        return f"{text}, and no known mistake explains it."
    if suspect.cause is Cause.OTHER_FACE:
        return f"{text}; their shape is that of the face of {_row_name(faces, suspect)}."
    return f"{text}; {_undone(suspect)} they lie {after} from there."


def _row_name(faces: Samples, suspect: Suspect) -> str:
    row = suspect.explanation.row if suspect.explanation is not None else -1
    return f"row {row} ({faces.names[row]})" if row >= 0 else "another row"


def _undone(suspect: Suspect) -> str:
    """Say how the mistake is undone, as the start of a clause."""
    found = suspect.explanation
    if found is None:
        return "mended"
    if suspect.cause is Cause.OFFSET:
        return f"shifted back by {percent(abs(found.b))}"
    if suspect.cause is Cause.WRONG_SCALE:
        return f"resized by a factor of {abs(found.a):.2f}"
    if suspect.cause is Cause.TURNED_IMAGE:
        degrees = round(float(np.degrees(np.angle(found.a))))
        return f"turned by {abs(degrees)} degrees"
    texts = {
        Cause.LEFT_RIGHT_SWAPPED: "with left and right exchanged",
        Cause.MIRRORED_IMAGE: "mirrored, with left and right exchanged,",
        Cause.WRONG_ORDER: "in another order",
    }
    return texts.get(suspect.cause, DESCRIPTIONS[suspect.cause])


def _suggestion(faces: Samples, expected: Expectation, suspect: Suspect) -> tuple[Change, ...]:
    """The changes that mend the label; empty if a person has to look."""
    if suspect.cause is Cause.OTHER_FACE:
        return (Change("drop"),)
    if suspect.mended is None:
        return ()
    names, found = faces.landmarks.names, suspect.explanation
    if suspect.cause is Cause.PAIR_SWAPPED:
        one, other = (names[k] for k in suspect.columns)
        return (Change("reorder", {one: other, other: one}),)
    if found is None:
        places = in_crop(expected, suspect.row, suspect.mended)
        moves = {names[k]: [round(float(v), 3) for v in places[k]] for k in suspect.columns}
        return (Change("move", moves),)
    changes = []
    if found.mirrored or found.order is None:
        changes.append(Change("transform", _transform(expected, suspect)))
    if found.order is not None:
        moved = np.flatnonzero(found.order != np.arange(len(found.order)))
        changes.append(Change("reorder", {names[k]: names[found.order[k]] for k in moved}))
    return tuple(changes)


def _transform(expected: Expectation, suspect: Suspect) -> list[list[float]]:
    """The affine map in pixels of the crop that undoes a shift, a size, a turn or a mirror."""
    found = suspect.explanation
    assert found is not None
    a, b = expected.a[suspect.row], expected.b[suspect.row]

    def mended(pixel: complex) -> complex:
        framed = a * pixel + b
        if found.mirrored:
            framed = -np.conj(framed)
        return (found.a * framed + found.b - b) / a

    origin = mended(0)
    right, down = mended(1) - origin, mended(1j) - origin
    columns = (right, down, origin)
    return [
        [round(float(part), 6) for part in (value.real for value in columns)],
        [round(float(part), 6) for part in (value.imag for value in columns)],
    ]
