"""The region of an image that a face covers, from the chin to the hair line.

The 68 points end at the brows. The forehead and the temples are added from the mean head, which is
fitted to the points as an affine camera sees it. The region is convex. It is kept as the distances
of its edges from its center, so that two regions can be interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import visibility_weights
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD

__all__ = ["DIRECTIONS", "FOREHEAD", "FaceRegion", "face_region"]

Array = NDArray[np.float64]

DIRECTIONS = 48
"""Edges of a region: one every 7.5 degrees."""

FOREHEAD: Array = np.array(
    [
        (-0.40, -0.82, -0.02), (0.00, -0.86, 0.00), (0.40, -0.82, -0.02),
        (-0.64, -0.62, -0.20), (0.64, -0.62, -0.20), (-0.80, -0.28, -0.50), (0.80, -0.28, -0.50),
    ]
)  # fmt: skip
"""(7, 3) hair line and temples in the coordinates of `MEAN_HEAD`, whose unit is about 9 cm. The
hair line lies 7.5 cm above the root of the nose: higher than on most people (Farkas 1994,
Anthropometry of the Head and Face: 6.3 cm on average for women, 6.7 for men)."""

_MAX_RADIUS = 0.5  # face sizes; an error radius counts up to this
_UNKNOWN_MARGIN = 0.5  # face sizes around points that the mean head does not have
_LARGEST_HEAD = 2.5  # face sizes; a fitted head that is larger is not believed
_FAR = 1e6  # pixels; points farther away are left out
_NORMALS: Array = np.stack(
    [f(np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS) for f in (np.cos, np.sin)], axis=1
)


@dataclass(frozen=True, eq=False)
class FaceRegion:
    """A convex region of an image around a face.

    Attributes:
        center: (2,) pixels.
        reach: (DIRECTIONS,) pixels: distance of the region's edge from the center, in directions
            from x clockwise on the screen.
        size: longer side of the box of the face's points, in pixels. Strengths of blurs are
            fractions of it.
    """

    center: Array
    reach: Array
    size: float

    def polygon(self) -> Array:
        """The corners (DIRECTIONS, 2) of the region in pixels, clockwise on the screen."""
        after = np.roll(self.reach, -1)
        step = 2 * np.pi / DIRECTIONS
        along = (after - self.reach * np.cos(step)) / np.sin(step)
        tangents = np.stack([-_NORMALS[:, 1], _NORMALS[:, 0]], axis=1)
        return self.center + self.reach[:, None] * _NORMALS + along[:, None] * tangents

    def grown(self, pixels: float) -> FaceRegion:
        """The region with all edges farther out by this distance in pixels."""
        return replace(self, reach=self.reach + pixels)

    def moved(self, by: Array) -> FaceRegion:
        """The region moved by (2,) pixels."""
        return replace(self, center=self.center + by)

    def mixed(self, other: FaceRegion, weight: float) -> FaceRegion:
        """The region between this one (`weight` 0) and another (`weight` 1)."""
        rest = 1 - weight
        return FaceRegion(
            rest * self.center + weight * other.center,
            rest * self.reach + weight * other.reach,
            rest * self.size + weight * other.size,
        )


def face_region(face: Face, margin: float = 0.1) -> FaceRegion | None:
    """The region of a face: all its points with their 90 % radii, chin to hair line, and a margin.

    Args:
        face: with points of any landmark set. Around points that the mean head does not have, the
            margin is half the size of the face.
        margin: in sizes of the face (`FaceRegion.size`), 0 or more.

    Returns:
        The region; None if the face has no finite point.
    """
    points = face.points.astype(np.float64)
    good = np.all(np.abs(np.nan_to_num(points, nan=np.inf)) < _FAR, axis=1)
    if not good.any():
        return None
    size = max(1.0, float(np.ptp(points[good], axis=0).max()))
    radius = np.nan_to_num(face.radius.astype(np.float64), nan=0.0, posinf=np.inf)
    radius = np.clip(radius, 0, _MAX_RADIUS * size)
    head = _fitted_head(face, good, radius, size)
    if head is None:
        margin += _UNKNOWN_MARGIN
        spots, around = points[good], radius[good]
    else:
        spots = np.concatenate([points[good], head])
        around = np.concatenate([radius[good], np.full(len(head), np.median(radius[good]))])
    center = (spots.min(axis=0) + spots.max(axis=0)) / 2
    reach = ((spots - center) @ _NORMALS.T + around[:, None]).max(axis=0)
    return FaceRegion(center, reach + margin * size, size)


@lru_cache(maxsize=16)
def _on_head(landmarks: LandmarkSet) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Positions (K, 3) of landmarks on the mean head, their deviations (K,), and which it has."""
    every = np.ones((1, 68), dtype=bool)
    shape, known = convert(MEAN_HEAD[None].astype(np.float32), every, IBUG_68, landmarks)
    variance, _ = convert((HEAD_STD[None] ** 2).astype(np.float32), every, IBUG_68, landmarks)
    return shape[0].astype(np.float64), np.sqrt(variance[0].astype(np.float64)), known[0]


def _fitted_head(face: Face, good: NDArray[np.bool_], radius: Array, size: float) -> Array | None:
    """The mean head with its forehead in pixels (n, 2), as its known points lie in the image; None
    if they do not tell."""
    shape, std, known = _on_head(face.landmarks)
    used = known & good
    if used.sum() < 2:
        return None
    points, head = face.points[used].astype(np.float64), np.concatenate([MEAN_HEAD, FOREHEAD])
    unit = size / max(float(np.ptp(shape[used, :2], axis=0).max()), 1e-3)
    weight = 1 / np.hypot(radius[used], np.maximum(std[used], 0.01) * unit)
    if face.visible is not None:
        weight = weight * np.sqrt(visibility_weights(face.visible[used]))
    rows = np.column_stack([shape[used], np.ones(used.sum())]) * weight[:, None]
    camera, _, rank, _ = np.linalg.lstsq(rows, points * weight[:, None], rcond=1e-3)
    if rank == 4:
        fitted = np.column_stack([head, np.ones(len(head))]) @ camera
        if np.ptp(fitted, axis=0).max() < _LARGEST_HEAD * size:
            return fitted
    if min(float(np.ptp(each, axis=0).max()) for each in (points, shape[used, :2])) < 1e-3:
        return None
    matrix = affine.fit_similarity(shape[used, :2], points)
    return affine.apply(matrix, head[:, :2]).astype(np.float64)
