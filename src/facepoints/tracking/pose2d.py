"""Position, size and rotation of a face in an image, as four numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.landmark_weights import landmark_weights, visibility_weights

__all__ = [
    "SimilarityPose",
    "fit_pose",
    "measurement_std",
    "pose_difference",
    "pose_to_similarity",
]

SimilarityPose = NDArray[np.float64]
"""(4,): x and y of the center in pixels, natural logarithm of the scale, rotation in radians."""


def similarity_to_pose(matrix: affine.Matrix, center: NDArray) -> SimilarityPose:
    """The pose that a similarity gives to the canonical shape of a face.

    Args:
        matrix: (2, 3) from the shape's frame to pixels.
        center: (2,) the point of the shape that defines the position.
    """
    x, y = matrix[:, :2] @ center + matrix[:, 2]
    size = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.array([x, y, np.log(max(size, 1e-9)), np.arctan2(matrix[1, 0], matrix[0, 0])])


def fit_pose(
    points: NDArray,
    radius: NDArray,
    canonical_points: NDArray,
    visible: NDArray | None = None,
) -> SimilarityPose | None:
    """The pose of a face from its landmarks, weighted by 1 / radius squared and by visibility.

    Args:
        points: (K, 2) pixels.
        radius: (K,) pixels.
        canonical_points: (K, 2) mean shape.
        visible: (K,) in [0, 1]. A hidden landmark weighs little. None: unknown.

    Returns:
        The pose, or None if all landmarks coincide.
    """
    weights = landmark_weights(np.asarray(radius), visible)
    try:
        return similarity_to_pose(
            affine.fit_similarity(canonical_points, points, weights), canonical_points.mean(axis=0)
        )
    except DataError:  # all landmarks in one place
        return None


def pose_to_similarity(pose: SimilarityPose, center: NDArray) -> affine.Matrix:
    """The similarity (2, 3) from the shape's frame to pixels. Inverse of `similarity_to_pose`."""
    size = np.exp(pose[2])
    cos, sin = size * np.cos(pose[3]), size * np.sin(pose[3])
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, pose[:2] - turn @ center])


def pose_difference(pose: SimilarityPose, expected: SimilarityPose) -> SimilarityPose:
    """`pose` minus `expected`, with the rotation wrapped into [-pi, pi)."""
    difference = pose - expected
    difference[3] = wrap_radians(difference[3])
    return difference


def measurement_std(
    radius: NDArray, size: float, fraction: float, visible: NDArray | None = None
) -> NDArray[np.float64]:
    """A first guess of the standard deviation (4,) of a pose, from the radii of its landmarks.

    Args:
        radius: (K,) pixels.
        size: longer side of the landmarks' box in pixels.
        fraction: standard deviation of the position as a fraction of the mean radius
            (`KalmanConfig.initial_measurement_std`).
        visible: (K,) in [0, 1]. The wide radii of hidden landmarks count little, because their
            positions do, too. None: unknown.
    """
    weights = None if visible is None else visibility_weights(visible)
    mean_square = np.average(np.square(radius, dtype=np.float64), weights=weights)
    noise = fraction * max(float(np.sqrt(mean_square)), 1e-3)
    turn = noise / max(size, 1e-3) * 2
    return np.array([noise, noise, turn, turn])
