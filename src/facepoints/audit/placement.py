"""Rows whose face lies elsewhere in its image than the faces of the other rows, or is of another
size: from labels alone.

Many label files belong to images that were cut around the faces, so that all faces lie alike. A
label that lies elsewhere there often belongs to another face, to one of several, or to an image
that was not cut. Where faces lie anywhere, the usual differences are large, and nothing stands out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints._util.robust import MEDIAN_TO_STD
from facepoints.audit.expectation import Expectation
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.naming import expected_of, percent

__all__ = ["misplaced_rows"]

_FEWEST = 500  # rows from which the tail of their distances can be told
_BODY, _TAIL = 0.9, 0.97  # quantiles between which the tail of honest rows is fitted
_LEAST_SLOPE = 1.0  # of the tail
_CLIP = 3.0  # robust standard deviations that count at most in the covariance
_LEAST = (0.06, 0.05, 0.04, 0.04)  # least standard deviations: size, turn, x and y in eye distances
_SIZE = 3.0  # robust standard deviations from which the size is said
_SURE = 0.95  # most confidence: what is found so has to be looked at


def misplaced_rows(expected: Expectation) -> list[Fault]:
    """A fault for each row that lies elsewhere, with more confidence than not.

    Size, turn and place of each face are compared with those of all rows, by the squared
    Mahalanobis distance. The tail of its distribution, a power of the distance, is fitted where
    honest rows are (from the 90 % to the 97 % quantile). The confidence is one minus the false
    discovery rate: rows that this tail has beyond a distance, over rows that are there
    (B. Efron, Large-Scale Inference, 2010, chapter 4).

    Args:
        expected: expectations from labels alone, where `a` and `b` tell where the face lies.
    """
    rows = np.flatnonzero(expected.valid)
    if len(rows) < _FEWEST:
        return []
    a, b = expected.a[rows], expected.b[rows]
    size = 1 / np.abs(a)
    usual = float(np.median(size))
    middle = -b / a
    values = np.column_stack(
        [np.log(size / usual), np.angle(a), middle.real / usual, middle.imag / usual]
    )
    away = values - np.median(values, axis=0)
    z = away / np.maximum(MEDIAN_TO_STD * np.median(np.abs(away), axis=0), _LEAST)
    clipped = np.clip(z, -_CLIP, _CLIP)
    precision = np.linalg.inv(clipped.T @ clipped / len(rows) + 0.01 * np.eye(4))
    distance = np.einsum("ni,ij,nj->n", z, precision, z)
    sure = _confidence(distance)
    found = []
    for place in np.flatnonzero(sure > 0.5):
        row = int(rows[place])
        found.append(
            Fault(
                rows=(row,),
                cause=Cause.UNEXPLAINED,
                points=(),
                confidence=round(float(sure[place]), 4),
                evidence=_evidence(z[place], size[place] / usual, away[place]),
                expected=expected_of(expected, row),
                strength=float(distance[place]),
            )
        )
    return found


def _confidence(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """One minus the false discovery rate (N,) beyond each distance; 0 within the body."""
    body, tail = np.quantile(distance, (_BODY, _TAIL))
    slope = np.log((1 - _BODY) / (1 - _TAIL)) / np.log(max(tail / max(body, 1e-9), 1.0001))
    slope = max(float(slope), _LEAST_SLOPE)
    order = np.argsort(-distance, kind="stable")
    beyond = np.arange(1, len(distance) + 1) / len(distance)
    honest = (1 - _TAIL) * (tail / np.maximum(distance[order], 1e-9)) ** slope
    # a farther row is at least as certain
    rate = np.minimum.accumulate((honest / beyond)[::-1])[::-1]
    out = np.zeros(len(distance))
    out[order] = np.clip(1 - rate, 0, _SURE)
    out[distance <= tail] = 0
    return out


def _evidence(z: NDArray[np.float64], size: float, away: NDArray[np.float64]) -> str:
    """Say in what a row is unlike the others."""
    parts = []
    if abs(z[0]) >= _SIZE:
        times, what = (size, "large") if size > 1 else (1 / size, "small")
        parts.append(f"is {times:.1f} times as {what} as usual")
    if abs(z[1]) >= _SIZE:
        parts.append(f"is turned by {abs(np.degrees(away[1])):.0f} degrees")
    if np.hypot(z[2], z[3]) >= _SIZE or not parts:
        shift = percent(float(np.hypot(away[2], away[3])))
        parts.append(f"lies {shift} of the usual eye distance from the usual place")
    return f"The labeled face {' and '.join(parts)} in its image, unlike those of the other rows."
