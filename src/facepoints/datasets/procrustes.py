"""How faces lie in the crops that a network trains on: upright, by their mean shape.

A bounding box depends on the turn of a head and on an open mouth; all points together say
better where a face is, how large and how turned. So every face is brought onto the mean
shape of all by a similarity (generalised Procrustes analysis, Gower 1975,
doi:10.1007/BF02291478), and prediction does the same with its first answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["align_crops", "canonical_points", "mean_shape"]

_ROUNDS = 5  # of aligning all shapes to their mean; it moves by under 1e-4 after three


def mean_shape(
    points: NDArray[np.float32], labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> NDArray[np.float64]:
    """Mean of shapes freed of place, size and turn: (K, 2), box centre at 0, longer side 1.

    Mirror-symmetric and upright (the subject's left at the larger x) if the set mirrors;
    else turned as the first complete face is. Only complete faces count.

    Args:
        points: (N, K, 2) in pixels.
        labelled: (N, K).

    Raises:
        DataError: no face has every point.
    """
    whole = points[labelled.all(axis=1)].astype(np.float64)
    if not len(whole):
        raise DataError("a mean shape needs a face with every point labelled, none has")
    mean = whole[0] - whole[0].mean(axis=0)
    if landmarks.mirrorable:
        sides = np.array([("left" in n) - ("right" in n) for n in landmarks.names], float)
        across, down = sides @ mean
        mean = affine.apply(
            affine.rotation_matrix(-np.degrees(np.arctan2(down, across)), (0, 0)), mean
        ).astype(np.float64)
    for _ in range(_ROUNDS):
        mean = np.mean(
            [affine.apply(affine.fit_similarity(p, mean), p) for p in whole], axis=0, dtype=float
        )
        mean -= mean.mean(axis=0)
        if landmarks.mirrorable:
            mean = (mean + mean[landmarks.mirror] * (-1, 1)) / 2
        mean /= np.linalg.norm(mean)
    x, y, width, height = affine.bounding_box(mean)
    return (mean - (x + width / 2, y + height / 2)) / max(width, height)


def canonical_points(shape: NDArray[np.float64], size: int, face: float) -> NDArray[np.float32]:
    """A mean shape in the middle of a square crop, in its pixels.

    Args:
        shape: (K, 2), longer side 1, as `mean_shape` gives it.
        size: side of the crop in pixels.
        face: longer side of the shape, in pixels.
    """
    return (shape * face + (size - 1) / 2).astype(np.float32)


def align_crops(photos: Photos, shape: NDArray[np.float64], size: int, face: float) -> Samples:
    """Square crops in which every face lies on the mean shape as well as a similarity can.

    Faces with fewer than two labelled points are left out.

    Args:
        shape, size, face: as for `layout`.

    Raises:
        DataError: a picture does not open, or no face has two labelled points.
    """
    rows = np.flatnonzero(photos.labelled.sum(axis=1) > 1)
    if not len(rows):
        raise DataError("no face has two labelled points to lay it upright by")
    place = {int(row): k for k, row in enumerate(rows)}
    target = canonical_points(shape, size, face)
    images = np.empty((len(rows), size, size), dtype=np.uint8)
    points = np.zeros((len(rows), *photos.points.shape[1:]), dtype=np.float32)
    for row, picture in enumerate(photos.pictures()):
        if row not in place:
            continue
        known = photos.labelled[row]
        matrix = affine.fit_similarity(photos.points[row][known], target[known])
        images[place[row]] = affine.warp(picture, matrix, size, size)
        points[place[row]] = affine.apply(matrix, photos.points[row])
    points[~photos.labelled[rows]] = 0
    return Samples(
        images=images,
        points=points,
        labelled=photos.labelled[rows],
        landmarks=photos.landmarks,
        group=photos.group[rows],
        names=photos.names[rows],
        scheme=photos.scheme[rows],
        schemes=photos.schemes,
    )
