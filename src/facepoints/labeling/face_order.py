"""The faces that are most worth labeling: doubtful ones, and those unlike the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = ["worth_of_faces"]

Array = NDArray[np.float64]

_UNLIKE = 0.5  # weight of how unlike the others a face is, beside its doubt
_ROUNDS = 3  # of the median shape
_TYPICAL = 1.25  # times the median below which neither reason is worth a word


def worth_of_faces(
    points: NDArray, radius: NDArray, known: NDArray[np.bool_]
) -> tuple[Array, list[str]]:
    """Estimate how much is learned from labeling each face.

    Two numbers count, each over its median over all faces: the doubt, the root mean square of the
    radii over the size of the face; and how unlike the others its predicted shape is, the distance
    to the median shape after the best shift, scale and turn (Procrustes). Unlike faces widen what
    the labels cover.

    Args:
        points: (N, K, 2) predictions in pixels.
        radius: (N, K) 90 % radii in pixels.
        known: (N, K) which points have a prediction.

    Returns:
        Worth (N,) in [0, 1], larger: label it earlier, 0.5 is typical; and a reason for each face,
        in words. A face without a predicted point has worth 1.

    Raises:
        DataError: the shapes do not fit each other.
    """
    points, radius = np.asarray(points, np.float64), np.asarray(radius, np.float64)
    if points.shape != (*np.shape(known), 2) or radius.shape != np.shape(known):
        raise DataError(
            f"expected points (N, K, 2) with radii and masks (N, K), got {points.shape}, "
            f"{radius.shape} and {np.shape(known)}"
        )
    usable = known & np.isfinite(points).all(axis=2) & np.isfinite(radius)
    blind = np.asarray(~usable.any(axis=1), dtype=bool)
    doubt = _over_median(_doubt(points, radius, usable))
    unlike = _over_median(_unlikeness(points, usable))
    both = (doubt + _UNLIKE * unlike) / (1 + _UNLIKE)
    worth = both / (1 + both)
    worth[blind] = 1.0
    reasons = [_reason(*row) for row in zip(doubt, unlike, blind, strict=True)]
    return worth, reasons


def _reason(doubt: float, unlike: float, blind: bool) -> str:
    if blind:
        return "no point is predicted"
    if max(doubt, unlike) < _TYPICAL:
        return "typical"
    return "large radius" if doubt >= unlike else "unlike the others"


def _doubt(points: Array, radius: Array, usable: NDArray[np.bool_]) -> Array:
    """Root mean square radius of each face over its size; 0 without a point."""
    values = np.zeros(len(points))
    for row, mask in enumerate(usable):
        if mask.any():
            size = max(float(np.ptp(points[row][mask], axis=0).max()), 1e-9)
            values[row] = np.sqrt((radius[row][mask] ** 2).mean()) / size
    return values


def _unlikeness(points: Array, usable: NDArray[np.bool_]) -> Array:
    """Distance (N,) of each shape to the median shape, by the points that most faces have."""
    common = usable.mean(axis=0) > 0.5 if len(points) else np.zeros(points.shape[1], bool)
    rows = np.flatnonzero(usable[:, common].all(axis=1))
    distance = np.zeros(len(points))
    if common.sum() < 3 or len(rows) < 4:
        return distance
    shapes = points[np.ix_(rows, np.flatnonzero(common))]
    rows = rows[np.ptp(shapes, axis=1).max(axis=1) > 0]
    shapes = points[np.ix_(rows, np.flatnonzero(common))]
    if len(rows) < 4:
        return distance
    mean = shapes[0] - shapes[0].mean(axis=0)
    moved = shapes
    for _ in range(_ROUNDS):
        mean = (mean - mean.mean(axis=0)) / np.linalg.norm(mean - mean.mean(axis=0))
        moved = np.array([affine.apply(affine.fit_similarity(s, mean), s) for s in shapes], float)
        mean = np.median(moved, axis=0)
    distance[rows] = np.linalg.norm(moved - mean, axis=(1, 2))
    return distance


def _over_median(values: Array) -> Array:
    """Values over their median; 1 where all are alike."""
    middle = float(np.median(values)) if len(values) else 0.0
    return values / middle if middle > 0 else np.ones(len(values))
