"""What an audit finds: faults of labels, each with its cause, evidence and suggested mend."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from facepoints.datasets.fixes import Change

__all__ = ["DESCRIPTIONS", "AuditResult", "Cause", "Expected", "Fault"]


class Cause(StrEnum):
    """Why a label is wrong. The value is the name in files."""

    LEFT_RIGHT_SWAPPED = "left_right_swapped"
    PAIR_SWAPPED = "pair_swapped"
    WRONG_ORDER = "wrong_order"
    POINT_OFF = "point_off"
    OTHER_FACE = "other_face"
    MIRRORED_IMAGE = "mirrored_image"
    TURNED_IMAGE = "turned_image"
    WRONG_SCALE = "wrong_scale"
    OFFSET = "offset"
    COPIED_ROW = "copied_row"
    FILLED_POINTS = "filled_points"
    DUPLICATE_DISAGREES = "duplicate_disagrees"
    SPLIT_LEAK = "split_leak"
    SCHEME_CHANGE = "scheme_change"
    NO_FACE = "no_face"
    NOT_A_PHOTO = "not_a_photo"
    SEVERAL_FACES = "several_faces"
    UNEXPLAINED = "unexplained"


DESCRIPTIONS: dict[Cause, str] = {
    Cause.LEFT_RIGHT_SWAPPED: "left and right points are exchanged",
    Cause.PAIR_SWAPPED: "two points are exchanged",
    Cause.WRONG_ORDER: "the points are in another order",
    Cause.POINT_OFF: "one point or a few lie far from their place",
    Cause.OTHER_FACE: "the label belongs to another face",
    Cause.MIRRORED_IMAGE: "the points are those of the mirrored image",
    Cause.TURNED_IMAGE: "the points are those of the turned image",
    Cause.WRONG_SCALE: "the points are those of the image at another size",
    Cause.OFFSET: "all points are shifted",
    Cause.COPIED_ROW: "the points are copied from another row",
    Cause.FILLED_POINTS: "points are filled in with a constant",
    Cause.DUPLICATE_DISAGREES: "the same image has different labels in two rows",
    Cause.SPLIT_LEAK: "the same image or person is on both sides of a split",
    Cause.SCHEME_CHANGE: "from here on points mark other places (another marking scheme)",
    Cause.NO_FACE: "the image shows no face",
    Cause.NOT_A_PHOTO: "the image is a drawing, not a photo",
    Cause.SEVERAL_FACES: "the image shows several faces of one size: a collage",
    Cause.UNEXPLAINED: "the points do not fit the face, for an unknown reason",
}
"""A short description of each cause, for reports."""


@dataclass(frozen=True)
class Expected:
    """Where an audit expects the points of a row.

    Attributes:
        points: (K, 2) in pixels of the crop; NaN for points that it cannot give.
        radius: (K,), pixels of the crop: the true point lies within it in 90 % of cases.
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]


@dataclass(frozen=True)
class Fault:
    """One fault of the labels.

    Attributes:
        rows: the rows concerned: one; two or more for images that agree; for a fault of many
            rows (a change of scheme, an offset of a whole set) all of them.
        cause: why the labels are wrong.
        points: names of the points concerned.
        confidence: [0, 1]. Of the faults that are named with a confidence c, a share of c is
            true (measured with planted faults, `benchmarks/audit.py`).
        evidence: one sentence with the numbers that speak for it.
        suggestion: the changes that mend the label of each of `rows`, one after the other, in
            pixels of the crop (`datasets.fixes.suggest_fixes` makes fixes for a file of them);
            empty: a person has to look.
        expected: where the points of the first row were expected; None for faults without.
        strength: how strongly the evidence speaks, 0 or more, comparable within a cause and a
            number of points; the confidence is made of it. None for faults of other kinds.
        each: the changes of each of `rows` where they differ from row to row; empty: those of
            `suggestion` for all.
    """

    rows: tuple[int, ...]
    cause: Cause
    points: tuple[str, ...]
    confidence: float
    evidence: str
    suggestion: tuple[Change, ...] = ()
    expected: Expected | None = None
    strength: float | None = None
    each: tuple[tuple[Change, ...], ...] = ()

    @property
    def row(self) -> int:
        """The first of the rows."""
        return self.rows[0]


@dataclass(frozen=True)
class AuditResult:
    """What an audit found.

    Attributes:
        faults: faults of single rows or pairs of rows, the most certain first.
        findings: faults of many rows: changes of the marking scheme, offsets or orders of points
            of a whole set, leaks between sets.
        residual: (N,) mean distance of the labels to the expected points, in units of the
            distance of the eyes; NaN for rows without an expectation. A plain order of
            suspicion.
        expected_points: (N, K, 2) float32, crop pixels; NaN where there is none.
        expected_radius: (N, K) float32, crop pixels.
        checked: number of rows whose labels were compared with a second opinion or, without
            images, with the shapes of the other rows.
        notes: what could not be checked, a sentence each.
    """

    faults: list[Fault]
    findings: list[Fault]
    residual: NDArray[np.float32]
    expected_points: NDArray[np.float32]
    expected_radius: NDArray[np.float32]
    checked: int
    notes: list[str] = field(default_factory=list)
