"""The signed mean error of each eye and lip point: what all faces are off by in the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .faces import FaceSet
from .sets import COLUMNS

__all__ = ["EYES_AND_LIPS", "FEWEST", "signed_mean_errors"]

EYES_AND_LIPS = tuple(range(36, 70))
"""Columns of the points of the eyes, the lips and the pupils."""
FEWEST = 30
"""Faces that a point must be labelled in."""


def signed_mean_errors(
    faces: FaceSet, points: NDArray[np.float64], detected: NDArray[np.bool_], pupils: bool
) -> dict[str, list[float]]:
    """Signed mean error of each point, in percent of the distance of the outer eye corners.

    The face is first turned so that the line through the outer eye corners is level.

    Args:
        points: (N, 70, 2) predictions in pixels.
        detected: (N,), faces that count, if their outer eye corners are labelled.
        pupils: False if the side has no pupils; they are then left out.

    Returns:
        For each point: mean error to the image's right, mean error down, and the standard error
        of the larger of both (so differences below twice this are noise).
    """
    eyes = faces.normalizer("eyes")
    rows = detected & (eyes > 0)
    across = faces.points[rows, 45] - faces.points[rows, 36]
    back = np.conj(across @ (1, 1j)) / eyes[rows] ** 2
    error = (points - faces.points)[rows] @ (1, 1j) * back[:, None]
    found: dict[str, Any] = {}
    for column in EYES_AND_LIPS[: None if pupils else -2]:
        some = error[faces.labelled[rows, column], column]
        if len(some) < FEWEST:
            continue
        parts = np.stack([some.real, some.imag]) * 100
        mean, spread = parts.mean(axis=1), parts.std(axis=1, ddof=1) / np.sqrt(len(some))
        noise = spread[np.abs(mean).argmax()]
        found[COLUMNS[column]] = [round(float(v), 3) for v in (*mean, noise)]
    return found
