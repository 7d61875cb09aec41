"""The position, size and rotation of a face in a picture, as four numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = [
    "SimilarityPose",
    "fit_pose",
    "measurement_std",
    "pose_to_similarity",
    "similarity_to_pose",
]


_NOISE = 0.03  # of a pose from one frame, as a part of the mean radius, before it is measured

SimilarityPose = NDArray[np.float64]
"""(4,): x and y of the middle in pixels, logarithm of the size, turn in radians."""


def similarity_to_pose(matrix: affine.Matrix, middle: NDArray) -> SimilarityPose:
    """The pose of a face from the similarity that lays a shape onto it.

    Args:
        matrix: (2, 3) from the shape's frame to pixels.
        middle: (2,) the shape's point whose place is the face's.
    """
    x, y = matrix[:, :2] @ middle + matrix[:, 2]
    size = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.array([x, y, np.log(max(size, 1e-9)), np.arctan2(matrix[1, 0], matrix[0, 0])])


def fit_pose(points: NDArray, radius: NDArray, layout: NDArray) -> SimilarityPose | None:
    """The pose of a face by its points, the surer ones above all; None if there is none."""
    weights = 1 / np.maximum(np.asarray(radius, dtype=np.float64), 1e-3) ** 2
    try:
        return similarity_to_pose(
            affine.fit_similarity(layout, points, weights), layout.mean(axis=0)
        )
    except DataError:  # all points in one place
        return None


def pose_to_similarity(pose: SimilarityPose, middle: NDArray) -> affine.Matrix:
    """The similarity (2, 3) from the shape's frame to pixels; undoes `pose_of`."""
    size = np.exp(pose[2])
    cos, sin = size * np.cos(pose[3]), size * np.sin(pose[3])
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, pose[:2] - turn @ middle])


def measurement_std(radius: NDArray, size: float) -> NDArray[np.float64]:
    """Standard deviation (4,) of a pose from points of such radius (K,), in pixels.

    Args:
        size: of the face in pixels.
    """
    noise = _NOISE * max(float(np.sqrt(np.mean(np.square(radius, dtype=np.float64)))), 1e-3)
    turn = noise / max(size, 1e-3) * 2
    return np.array([noise, noise, turn, turn])
