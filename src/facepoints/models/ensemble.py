"""Predictions of several networks merged into one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import RunError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Merge", "merge", "merge_columns"]

Merge = Literal["replace", "average"]
"""How predictions of one column by several networks become one: the last or the mean."""


def merge(
    predictions: Sequence[tuple[LandmarkSet, NDArray[np.float32], NDArray[np.float32]]],
    landmarks: LandmarkSet,
    how: Merge,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merge the predictions of several networks for the same images into one table.

    Args:
        predictions: for each network its columns, points (N, k, 2) and scales (N, k),
            in pixels.
        landmarks: the K columns of the result.
        how: see `merge_columns`.

    Returns:
        Points (N, K, 2) and scales (N, K), float32.

    Raises:
        RunError: no network predicts a column.
    """
    points = merge_columns([(columns, p) for columns, p, _ in predictions], landmarks, how)
    scale = merge_columns([(columns, s) for columns, _, s in predictions], landmarks, how)
    return points, scale


def merge_columns(
    tables: Sequence[tuple[LandmarkSet, NDArray[np.float32]]],
    landmarks: LandmarkSet,
    how: Merge,
) -> NDArray[np.float32]:
    """Merge tables of several networks, one value or several per column, into one table.

    Args:
        tables: for each network its columns and values (N, k, ...).
        landmarks: the K columns of the result.
        how: "replace" takes a column from the last network that has it; "average" takes the
            mean of all networks that have it.

    Returns:
        Values (N, K, ...), float32.

    Raises:
        RunError: no network has a column.
    """
    shape = tables[0][1].shape if tables else (0, 0)
    merged = np.zeros((shape[0], len(landmarks), *shape[2:]), dtype=np.float32)
    for column, name in enumerate(landmarks.names):
        having = [v[:, c.names.index(name)] for c, v in tables if name in c.names]
        if not having:
            raise RunError(f"none of the {len(tables)} networks predicts the point '{name}'")
        merged[:, column] = np.mean(having[-1:] if how == "replace" else having, axis=0)
    return merged
