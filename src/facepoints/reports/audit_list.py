"""The faults of an audit as they are listed: numbered, with their fixes, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.words import consecutive_runs, count_noun
from facepoints.audit.fault import AuditResult, Cause, Fault
from facepoints.datasets.fixes import Change, Fix, Sets, suggest_fixes
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet, mirror_name

__all__ = ["CSV_HEADING", "ListedFault", "csv_rows", "describe_changes", "list_faults", "row_words"]

CSV_HEADING = (
    *("fault", "set", "row", "name", "more_rows", "cause", "points", "confidence"),
    *("evidence", "suggestion", "mend"),
)
"""The columns of ``faults.csv``."""


Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class ListedFault:
    """A fault with its fixes.

    Attributes:
        number: from 1, in the order of the list.
        fault: what the audit found.
        rows: the identity of each of its rows: a fix that leaves the row out.
        fixes: those that the audit suggests; empty: a person has to look.
        words: what the fixes do, in words, or why none is needed; empty if a person has to look.
        mend: True if the fixes are chosen before anybody has looked.
    """

    number: int
    fault: Fault
    rows: tuple[Fix, ...]
    fixes: tuple[Fix, ...]
    words: str
    mend: bool


def list_faults(
    result: AuditResult,
    faces: Samples,
    sets: Sets,
    *,
    names: Mapping[str, str] | None = None,
    mend_above: float = 0.9,
) -> list[ListedFault]:
    """All faults, those of many rows first, then cause by cause, the most certain first.

    Args:
        result: of an audit of `faces`.
        faces: whole data sets.
        sets: names of the data sets, and the number (N,) of the set of each row.
        names: of points in the label files, by their names in `faces`, where they differ.
        mend_above: fixes of faults with at least this confidence are chosen. Of two faults that
            would change the label of one row or drop it, only the more certain one is. New marking
            schemes are never chosen.
    """
    causes = list(Cause)
    faults = sorted(result.faults, key=lambda f: (causes.index(f.cause), -f.confidence, f.rows))
    ordered = [*result.findings, *faults]
    chosen = _chosen(ordered, mend_above)
    listed = []
    for number, fault in enumerate(ordered, start=1):
        common: Any = {
            "cause": fault.cause.value,
            "evidence": fault.evidence,
            "sets": sets,
            "names": names,
        }
        changes = [c for c in fault.suggestion if not _is_done(c, fault.rows, faces, sets[1])]
        fixes = suggest_fixes(faces, fault.rows, changes, **common)
        if fault.each:
            fixes = [
                fix
                for row, own in zip(fault.rows, fault.each, strict=True)
                for fix in suggest_fixes(faces, [row], own, **common)
            ]
        rows = suggest_fixes(faces, fault.rows, [Change("drop")], **common)
        of_first = [Change(f.action, f.values) for f in fixes[: len(changes)]]
        words = describe_changes(of_first, len(fault.rows))
        if fault.suggestion and not changes:
            words = "nothing to do, since these rows have a marking scheme of their own"
        listed.append(
            ListedFault(
                number, fault, tuple(rows), tuple(fixes), words, bool(fixes) and chosen[number - 1]
            )
        )
    return listed


def _is_done(change: Change, rows: Sequence[int], faces: Samples, numbers: Numbers) -> bool:
    """True if the rows need no new marking scheme, since no other row of their data sets has the
    scheme of one of them. If they are whole data sets, all other rows are compared."""
    if change.action != "scheme":
        return False
    chosen = np.isin(np.arange(len(faces)), rows)
    others = np.isin(numbers, numbers[chosen]) & ~chosen
    others = others if others.any() else ~chosen
    return not set(faces.scheme[others].tolist()) & set(faces.scheme[chosen].tolist())


def _chosen(faults: Sequence[Fault], mend_above: float) -> list[bool]:
    """Mark the faults that are mended unseen: of two for one row, the more certain.

    A new marking scheme gives a network further outputs, so a person has to choose it.
    """
    chosen, changed = [False] * len(faults), set()
    for number in sorted(range(len(faults)), key=lambda k: -faults[k].confidence):
        fault = faults[number]
        actions = {change.action for change in fault.suggestion}
        alone = bool(actions - {"scheme", "group"})
        free = not (alone and changed.intersection(fault.rows))
        if actions and "scheme" not in actions and fault.confidence >= mend_above and free:
            chosen[number] = True
            changed.update(fault.rows if alone else ())
    return chosen


def describe_changes(changes: Sequence[Change], rows: int = 1) -> str:
    """Say in words what changes do.

    Examples:
        >>> describe_changes([Change("unlabel", ["nose_tip"])])
        'remove the label of nose_tip'
    """
    return ", then ".join(_described(change, rows) for change in changes)


def _described(change: Change, rows: int) -> str:
    values = change.values
    if change.action == "reorder":
        return _order_words(values)
    if change.action == "transform":
        return _transform_words(np.array(values))
    if change.action == "move":
        return f"move {_listed(list(values))} to where it is expected"
    if change.action == "unlabel":
        return f"remove the label of {_listed(values)}"
    if change.action == "drop":
        return "leave the row out" if rows == 1 else f"leave {rows} rows out"
    if change.action == "scheme":
        return f"give {count_noun(rows, 'row')} the marking scheme '{values}'"
    return f"keep {count_noun(rows, 'row')} on one side of every split"


def _order_words(order: Mapping[str, str]) -> str:
    moved = {name: other for name, other in order.items() if name != other}
    if len(moved) == 2:
        return f"exchange {' and '.join(moved)}"
    if moved and all(other == mirror_name(name) for name, other in moved.items()):
        return "exchange left and right"
    return f"put {count_noun(len(moved), 'point')} in their right order"


def _transform_words(matrix: affine.Matrix) -> str:
    """Say in a few words what an affine map does, as far as that is possible."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    words = []
    if np.linalg.det(linear) < 0:
        linear = linear @ np.diag([-1.0, 1.0])
        words.append("mirror")
    scale = math.sqrt(abs(float(np.linalg.det(linear))))
    angle = math.degrees(math.atan2(linear[1, 0], linear[0, 0]))
    if abs(angle) > 0.5:
        words.append(f"turn by {angle:.0f} degrees")
    if abs(scale - 1) > 0.002:
        words.append(f"scale by {scale:.3g}")
    if not words:
        return f"shift all points by ({shift[0]:.1f}, {shift[1]:.1f}) pixels"
    return " and ".join(words) + " all points"


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def row_words(listed: ListedFault) -> str:
    """The rows of a fault, such as "row 12 of a.csv" or "rows 2284 to 7048 of a.csv"."""
    spans = []
    for name, numbers in _rows_by_set(listed).items():
        runs = _runs(numbers)
        word = "row" if len(numbers) == 1 else "rows"
        spans.append(f"{word} {_listed(runs, 6)} of {name}")
    return "; ".join(spans)


def _rows_by_set(listed: ListedFault) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for one in listed.rows:
        rows.setdefault(one.set, []).append(one.row)
    return rows


def _runs(numbers: Sequence[int]) -> list[str]:
    """Consecutive numbers as "first to last"."""
    return [str(a) if a == b else f"{a} to {b}" for a, b in consecutive_runs(numbers)]


def csv_rows(listed: Sequence[ListedFault], landmarks: LandmarkSet) -> list[list[Any]]:
    """The rows of ``faults.csv``, without the heading. A fault of several rows has one line, with
    the first of them. Rows count from 0."""
    table = []
    for one in listed:
        first, fault = one.rows[0], one.fault
        points = "all" if len(fault.points) == len(landmarks) > 1 else " ".join(fault.points)
        more = "" if len(one.rows) == 1 else row_words(one)
        table.append([
            *(one.number, first.set, first.row, first.name, more, fault.cause.value, points),
            *(f"{fault.confidence:.3f}", fault.evidence, one.words, "yes" if one.mend else "no"),
        ])  # fmt: skip
    return table
