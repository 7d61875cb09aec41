"""How much the left of a face differs from its right."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.pose import DISC, HeadPose, head_points
from facepoints.measurement.radius_factors import RADIUS_FACTORS
from facepoints.measurement.uncertainty import Measurement

__all__ = ["asymmetry", "frontal"]

Array = NDArray[np.floating]

_WIDEST = 60.0  # degrees from the line of sight, beyond which a side cannot be seen
_Q90 = 1.2815515655446004  # standard deviations below which a normal number lies 9 times in 10


def frontal(points: Array, pose: HeadPose, depth: Array) -> Array:
    """Points (K, 2) as a camera in front of the face would see them, in units of the head.

    Each is taken to lie as deep as the mean head has it, `depth` (K,); what the picture
    shows beside that is kept.
    """
    flat = (points - pose.shift) / pose.scale - depth[:, None] * pose.turn[:2, 2]
    return np.linalg.solve(pose.turn[:2, :2], flat.T).T


def asymmetry(face: Face, pose: HeadPose) -> Measurement:
    """Procrustes distance between a face, seen from in front, and its mirror image.

    Both are of unit size (root of the summed squares about the middle) and laid onto each
    other (Klingenberg, Barluenga & Meyer 2002, doi:10.1111/j.0014-3820.2002.tb00117.x); 0 is
    a symmetric face, 0.05 much. The points of the jaw do not count, for they lie on another
    line of the head as it turns. A crooked smile counts like a crooked face.

    Returns:
        The distance; its radius is not about it but above 0: what the points' errors make of
        a symmetric face stays below it 90 times in 100. A distance within says nothing.

    Raises:
        DataError: the points have no known mirror image, or the head is turned by more than
            60 degrees.
    """
    if not face.landmarks.mirrorable:
        raise DataError("asymmetry needs points whose names say left and right")
    if max(abs(pose.yaw), abs(pose.pitch)) > _WIDEST:
        raise DataError(f"asymmetry needs a head turned by at most {_WIDEST:.0f} degrees")
    shape = head_points(face.landmarks)[0]
    rows, partner = _pairs(face.landmarks)
    here = frontal(face.points[rows].astype(np.float64), pose, shape[rows, 2]) @ (1, 1j)
    here -= here.mean()
    size = float(np.linalg.norm(here))
    if len(rows) < 6 or not size > 0:
        raise DataError("asymmetry needs six points that do not lie in one place")
    there = -np.conj(here[partner])
    fit = float(np.abs(np.vdot(there, here))) / size**2
    distance = float(np.sqrt(max(2 - 2 * min(fit, 1.0), 0)))
    sigma = face.radius[rows].astype(np.float64) / DISC / pose.scale / size
    return Measurement(distance, RADIUS_FACTORS["asymmetry"] * _noise(sigma, partner, pose))


@lru_cache(maxsize=16)
def _pairs(landmarks: LandmarkSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns of the points that count, and for each the place of its partner among them."""
    known, mirror = head_points(landmarks)[2], landmarks.mirror
    rows = np.flatnonzero(known & known[mirror])
    return rows, np.searchsorted(rows, mirror[rows])


def _noise(sigma: Array, partner: NDArray[np.int64], pose: HeadPose) -> float:
    """Distance below which 90 in 100 symmetric faces stay whose points' coordinates are off
    by `sigma` (K,), parts of the face's size in the picture.

    The squared distance is a sum of squares of normal numbers; a scaled chi-square of as much
    mean and variance stands for it (Satterthwaite 1946), in the approximation of Wilson and
    Hilferty (1931).
    """
    back = np.linalg.inv(pose.turn[:2, :2])
    across, down = (back**2).sum(axis=1)
    alone = partner == np.arange(len(partner))
    pair = sigma**2 + sigma[partner] ** 2
    # of a pair, each of two rows is off by both errors; a point of the middle differs from
    # its mirror image sideways only, and by twice its error
    parts = np.concatenate(
        [pair[~alone] * across, pair[~alone] * down, 4 * sigma[alone] ** 2 * across]
    )
    weights = np.concatenate([np.full(2 * (~alone).sum(), 2.0), np.ones(alone.sum())])
    mean, variance = parts.sum(), 2 * (weights * parts**2).sum()
    if not mean > 0:
        return 0.0
    ninth = variance / mean**2 / 9  # of the variance of the cube root
    return float(np.sqrt(mean * max(1 - ninth + _Q90 * np.sqrt(ninth), 0) ** 3))
