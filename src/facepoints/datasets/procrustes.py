"""Cuts training crops in which faces are aligned to their mean shape (Procrustes analysis).

All points together locate a face better than its bounding box, which changes as the head turns
or the mouth opens. So each face is mapped to the mean shape by the best similarity (generalized
Procrustes analysis, Gower 1975, doi:10.1007/BF02291478). Prediction frames refined crops in the
same way, by the points that it predicted in the first crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["align_crops", "canonical_points", "mean_shape"]

_ROUNDS = 5  # alignments of all shapes to their mean; after three it moves by under 1e-4


def mean_shape(
    points: NDArray[np.float32], labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> NDArray[np.float64]:
    """The mean of the shapes after their positions, sizes and rotations are removed.

    The mean shape is symmetric and upright (the subject's left at the larger x) if the set can
    be mirrored. Otherwise it is rotated like the first complete face. Only complete faces are
    used.

    Args:
        points: (N, K, 2) in pixels.
        labelled: (N, K).
        landmarks: of the K columns.

    Returns:
        (K, 2): the center of its bounding box is at 0, and the longer side of the box is 1.

    Raises:
        DataError: no face has every point.
    """
    complete = points[labelled.all(axis=1)].astype(np.float64)
    if not len(complete):
        raise DataError("a mean shape needs a face with every point labeled, none has")
    mean = complete[0] - complete[0].mean(axis=0)
    if landmarks.mirrorable:
        sides = np.array([("left" in n) - ("right" in n) for n in landmarks.names], float)
        across, down = sides @ mean
        mean = affine.apply(
            affine.rotation_matrix(-np.degrees(np.arctan2(down, across)), (0, 0)), mean
        ).astype(np.float64)
    for _ in range(_ROUNDS):
        mean = np.mean(
            [affine.apply(affine.fit_similarity(p, mean), p) for p in complete], axis=0, dtype=float
        )
        mean -= mean.mean(axis=0)
        if landmarks.mirrorable:
            mean = (mean + mean[landmarks.mirror] * (-1, 1)) / 2
        mean /= np.linalg.norm(mean)
    x, y, width, height = affine.bounding_box(mean)
    return (mean - (x + width / 2, y + height / 2)) / max(width, height)


def canonical_points(shape: NDArray[np.float64], size: int, face: float) -> NDArray[np.float32]:
    """A mean shape in the center of a square crop.

    Args:
        shape: (K, 2), longer side 1, as `mean_shape` returns it.
        size: side of the crop in pixels.
        face: longer side of the shape in pixels.

    Returns:
        (K, 2) in pixels of the crop.
    """
    return (shape * face + (size - 1) / 2).astype(np.float32)


def align_crops(photos: Photos, shape: NDArray[np.float64], size: int, face: float) -> Samples:
    """Cut square crops in which every face is aligned to the mean shape by a similarity.

    Faces with fewer than two labeled points are left out.

    Args:
        photos: the faces.
        shape, size, face: as for `canonical_points`.

    Returns:
        The faces with two labeled points or more, in the order of `photos`: images (M, size,
        size), points in pixels of the crops.

    Raises:
        DataError: an image cannot be read, or no face has two labeled points.
    """
    rows = np.flatnonzero(photos.labelled.sum(axis=1) > 1)
    if not len(rows):
        raise DataError("no face has two labeled points to align it by")
    number = {int(row): k for k, row in enumerate(rows)}
    target = canonical_points(shape, size, face)
    images = np.empty((len(rows), size, size), dtype=np.uint8)
    points = np.zeros((len(rows), *photos.points.shape[1:]), dtype=np.float32)
    for row, image in enumerate(photos.read_images()):
        if row not in number:
            continue
        known = photos.labelled[row]
        matrix = affine.fit_similarity(photos.points[row][known], target[known])
        images[number[row]] = affine.warp(image, matrix, size, size)
        points[number[row]] = affine.apply(matrix, photos.points[row])
    return photos.as_samples(images, points, rows)
