"""Predictions of several networks merged into one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import RunError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Merge", "merge"]


Merge = Literal["replace", "average"]
"""How predictions of one column by several networks become one: the last or the mean."""


def merge(
    predictions: Sequence[tuple[LandmarkSet, NDArray[np.float32], NDArray[np.float32]]],
    landmarks: LandmarkSet,
    how: Merge,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One table out of the tables that several networks predict for the same images.

    Args:
        predictions: for each network its columns, points (N, k, 2) and spreads (N, k),
            in pixels.
        landmarks: the K columns wanted.
        how: "replace": the last network that has the column; "average": the mean of all
            that have it, of points and of spreads.

    Returns:
        Points (N, K, 2) and spreads (N, K), float32.

    Raises:
        RunError: a column is predicted by no network.
    """
    n = len(predictions[0][1]) if predictions else 0
    points = np.zeros((n, len(landmarks), 2), dtype=np.float32)
    spread = np.zeros((n, len(landmarks)), dtype=np.float32)
    for column, name in enumerate(landmarks.names):
        having = [(s.names.index(name), p, r) for s, p, r in predictions if name in s.names]
        if not having:
            raise RunError(f"none of the {len(predictions)} networks predicts the point '{name}'")
        if how == "replace":
            having = having[-1:]
        points[:, column] = np.mean([p[:, k] for k, p, _ in having], axis=0)
        spread[:, column] = np.mean([r[:, k] for k, _, r in having], axis=0)
    return points, spread
