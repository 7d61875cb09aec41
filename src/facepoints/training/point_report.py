"""Says before a training what its point names mean: known ones, and mirror pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.point_names import mirror_line

__all__ = ["point_lines"]

_SHOWN = 5


def point_lines(
    landmarks: LandmarkSet, start: str | None, known: NDArray[np.bool_] | None
) -> list[str]:
    """Lines about the points of a training.

    Args:
        landmarks: the K points.
        start: name of the run that the weights come from; None: they are random.
        known: (K,) the points that this run knows or can compute; None: the weights are random.
    """
    return [_start_line(landmarks, start, known), mirror_line(landmarks)]


def _start_line(landmarks: LandmarkSet, start: str | None, known: NDArray[np.bool_] | None) -> str:
    if start is None or known is None:
        return f"{len(landmarks)} points start from random weights"
    new = [name for name, has in zip(landmarks.names, known, strict=True) if not has]
    count = f"{len(landmarks) - len(new)} of {len(landmarks)}"
    line = f"{count} points are known to {start}, which gives the initial weights"
    if not new:
        return line
    more = ", ..." if len(new) > _SHOWN else ""
    return f"{line}; these start from random weights: {', '.join(new[:_SHOWN])}{more}"
