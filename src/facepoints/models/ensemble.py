"""Combines the outputs of a run's networks: the mean of an ensemble, and the merge of its parts.

A run consists of parts, which may predict different columns. A part is one network or an ensemble
of networks that predict the same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import RunError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Merge", "NetworkOutput", "combine", "merge", "merge_matrix"]

Merge = Literal["replace", "average"]
"""Method to merge a column that several parts predict. "replace": take the values of the last
part; "average": take the mean."""


class NetworkOutput(NamedTuple):
    """Output of one network for N images, before the merge; and of all, after it.

    `Run.predict` makes the output in pixels of the images, with radii: a `LandmarkOutput`.

    Attributes:
        points: (N, k, 2) float32, pixels.
        scale: (N, k) float32, pixels.
        score: (N,) float32 in [0, 1].
        visible: (N, k) float32 in [0, 1]; None from a network without visibility.
    """

    points: NDArray[np.float32]
    scale: NDArray[np.float32]
    score: NDArray[np.float32]
    visible: NDArray[np.float32] | None = None


def combine(parts: Sequence[Sequence[NetworkOutput]], matrix: NDArray[np.float32]) -> NetworkOutput:
    """Average the networks of every part, and merge the parts.

    Args:
        parts: for each part the outputs of its networks, for the same images.
        matrix: of `merge_matrix`, for the same parts.

    Returns:
        Output in the run's K columns; the score is the mean over all networks. Visibility is None
        unless all networks predict it.
    """
    points = [_mean([output.points for output in part]) for part in parts]
    scale = [_mean([output.scale for output in part]) for part in parts]
    score = _mean([output.score for part in parts for output in part])
    given = [[o.visible for o in part if o.visible is not None] for part in parts]
    visible = None
    if all(len(some) == len(part) for some, part in zip(given, parts, strict=True)):
        visible = merge([_mean(some) for some in given], matrix)
    return NetworkOutput(merge(points, matrix), merge(scale, matrix), score, visible)


def merge_matrix(
    parts: Sequence[LandmarkSet], landmarks: LandmarkSet, how: Merge
) -> NDArray[np.float32]:
    """Weights that merge the columns of several parts.

    Args:
        parts: columns of each part, k1 + k2 + ... in total.
        landmarks: the K columns of the result.
        how: "replace" takes a column from the last part that has it; "average" takes the mean of
            all parts that have it.

    Returns:
        (K, k1 + k2 + ...) float32. The weights of each row sum to 1.

    Raises:
        RunError: no part has a column.
    """
    names = [name for part in parts for name in part.names]
    matrix = np.zeros((len(landmarks), len(names)), dtype=np.float32)
    for row, name in enumerate(landmarks.names):
        columns = [column for column, other in enumerate(names) if other == name]
        if not columns:
            raise RunError(f"none of the {len(parts)} networks predicts the point '{name}'")
        chosen = columns[-1:] if how == "replace" else columns
        matrix[row, chosen] = 1 / len(chosen)
    return matrix


def merge(
    tables: Sequence[NDArray[np.float32]], matrix: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Merge tables (N, k1, ...), (N, k2, ...), ... into one (N, K, ...) by a `merge_matrix`.

    Values with weight 0 have no influence, even if they are not finite.
    """
    columns = np.concatenate(tables, axis=1)
    used = [np.flatnonzero(row) for row in matrix]
    if all(len(some) == 1 for some in used):  # nothing to average; much faster for many images
        return columns[:, np.concatenate(used)]
    merged = [columns[:, some].mean(axis=1) for some in used]
    return np.stack(merged, axis=1)


def _mean(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    if len(arrays) == 1:
        return arrays[0]
    return np.asarray(np.mean(arrays, axis=0, dtype=np.float32))
