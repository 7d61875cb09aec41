"""Offsets of single rows that an offset of the whole set explains.

The offset of a set, as a fraction of the face, is larger for a small face than for a usual one. The
habit of the set explains the usual part. The rest looks like an offset of the small face's own row.
There is only one fault, so a label that both mends moved would be wrong again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.geometry import Complex
from facepoints.audit.picture_fit import per_pixel
from facepoints.datasets.samples import Samples

__all__ = ["without_shared_offsets"]

_LEFT = 0.5  # share of its shift by which a row's offset differs from the set's, at most


def without_shared_offsets(
    faces: Samples, expected: Expectation, faults: Sequence[Fault], whole: Sequence[Fault]
) -> list[Fault]:
    """The faults of single rows without those that offsets of whole sets explain.

    Args:
        expected: where labels are expected, with the habits of the labels.
        faults: of single rows, from their crops.
        whole: of whole sets.
    """
    pixel = per_pixel(faces, expected.a)
    explained: set[int] = set()
    for one in whole:
        if one.cause is Cause.OFFSET and one.suggestion:
            explained.update(_explained(faces, expected, faults, one, pixel))
    return [fault for number, fault in enumerate(faults) if number not in explained]


def _explained(
    faces: Samples,
    expected: Expectation,
    faults: Sequence[Fault],
    whole: Fault,
    pixel: Complex,
) -> list[int]:
    """Numbers of the faults that the offset of a set explains."""
    rows = np.array(whole.rows)
    some = pixel[rows[expected.valid[rows]]]
    usual = complex(np.median(some.real), np.median(some.imag))
    mend = _shift(whole, np.eye(2))
    members, found = set(whole.rows), []
    for number, one in enumerate(faults):
        row = one.rows[0]
        if one.cause is not Cause.OFFSET or row not in members or not one.suggestion:
            continue
        own = _shift(one, np.eye(2) if faces.frame is None else faces.frame[row, :, :2])
        shared = mend * (1 - usual / pixel[row])  # beyond the habit
        if abs(own - shared) <= _LEFT * abs(own):
            found.append(number)
    return found


def _shift(fault: Fault, turn: NDArray[np.floating]) -> complex:
    """The shift in pixels of the picture that mends an offset."""
    x, y = turn @ np.asarray(fault.suggestion[0].values)[:, 2]
    return complex(x, y)
