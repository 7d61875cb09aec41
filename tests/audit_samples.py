"""Synthetic faces with planted faults, and the audit that a perfect engine would give of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from facepoints.audit import AuditResult, Cause, Expected, Fault
from facepoints.datasets import synthetic
from facepoints.datasets.fixes import Change, frame_of
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import mirror_name

__all__ = ["COUNT", "EVIL", "perfect_audit", "planted", "truth"]

COUNT = 24
EVIL = '<img src=x onerror=alert(1)>"&\u202e.jpg'
SWAPPED, OFF, SHIFTED, EMPTY = 3, 7, 12, 20  # rows with faults
SECOND = range(16, 20)  # rows of a second marking scheme
NAMES = KAGGLE_15.names
SWAP = Change("reorder", {name: mirror_name(name) for name in NAMES})
NOSE = NAMES.index("nose_tip")


def truth() -> Samples:
    """The faces with their right labels; 96 pixels, 15 points, of six people."""
    return synthetic.render(COUNT, seed=3, size=96).as_landmarks(KAGGLE_15)


def planted() -> Samples:
    """The same faces with faults; the name of one holds markup."""
    faces = truth()
    names = faces.names.astype(object)
    names[SWAPPED] = EVIL
    points = faces.points.copy()
    points[SWAPPED] = points[SWAPPED][KAGGLE_15.mirror]
    points[OFF, NOSE] += (15, -9)
    points[SHIFTED] += 6
    return replace(faces, names=names.astype(np.str_)).with_points(points, faces.labelled)


def perfect_audit(right: Samples) -> Callable[..., AuditResult]:
    """A stand-in for `facepoints.audit.audit` that knows the right labels of the rows, in pixels of
    their pictures."""

    def audit(faces: Samples, opinion: Any, settings: Any, **more: Any) -> AuditResult:
        frames = [affine.invert(frame_of(faces, row)) for row in range(len(faces))]
        expected = np.stack([affine.apply(f, right.points[k]) for k, f in enumerate(frames)])
        radius = np.full(faces.labelled.shape, 3, np.float32)

        def fault(row: int, cause: Cause, points: Any, sure: float, *fix: Change) -> Fault:
            seen = Expected(expected[row], radius[row])
            return Fault((row,), cause, points, sure, f"Row {row} is <wrong>.", fix, seen)

        shift = frames[SHIFTED][:, :2] @ np.array([-6.0, -6.0])
        back = [[1, 0, float(shift[0])], [0, 1, float(shift[1])]]
        nose = Change("move", {"nose_tip": expected[OFF, NOSE].tolist()})
        faults = [
            fault(SWAPPED, Cause.LEFT_RIGHT_SWAPPED, NAMES, 0.98, SWAP),
            fault(OFF, Cause.POINT_OFF, ("nose_tip",), 0.93, nose),
            fault(SHIFTED, Cause.OFFSET, NAMES, 0.88, Change("transform", back)),
            fault(EMPTY, Cause.UNEXPLAINED, NAMES, 0.7),
        ]
        second = Change("scheme", "second")
        rows = tuple(SECOND)
        found = [Fault(rows, Cause.SCHEME_CHANGE, ("nose_tip",), 0.97, "From here on.", (second,))]
        distance = np.linalg.norm(faces.points - expected, axis=-1).mean(axis=1)
        size = np.linalg.norm(np.ptp(expected, axis=1), axis=1)
        more["progress"](len(faces), len(faces))
        residual = (distance / size).astype(np.float32)
        return AuditResult(
            faults, found, residual, expected, radius, len(faces), ["A <b>note</b>."]
        )

    return audit
