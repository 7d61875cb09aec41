"""Asymmetry: how much the left half of a face differs from the right half."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.radius_calibration import DISC_90
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.pose import HeadPose, head_points
from facepoints.measurement.radius_factors import RADIUS_FACTORS
from facepoints.measurement.uncertainty import Measurement

__all__ = ["MAX_ANGLE", "MAX_HIDDEN", "asymmetry", "frontal", "symmetric_pairs"]

Array = NDArray[np.floating]

MAX_ANGLE = 60.0
"""Degrees of yaw or pitch, beyond which one side is hidden."""
MAX_HIDDEN = 0.2
"""Share of the points that may be hidden: a hidden half would be a guess from the other half."""
_Q90 = 1.2815515655446004  # 90th percentile of a standard normal number


def frontal(points: Array, pose: HeadPose, depth: Array) -> Array:
    """Landmarks as a camera in front of the face would see them.

    Each landmark is assumed to have its depth on the mean head. All other differences to the
    mean head stay.

    Args:
        points: (K, 2) pixels.
        pose: of the head.
        depth: (K,) z on the mean head.

    Returns:
        (K, 2) in units of the mean head.
    """
    flat = (points - pose.shift) / pose.scale - depth[:, None] * pose.turn[:2, 2]
    return np.linalg.solve(pose.turn[:2, :2], flat.T).T


def asymmetry(face: Face, pose: HeadPose) -> Measurement:
    """Procrustes distance between a face, seen from the front, and its mirror image.

    Both are scaled to unit size (root of the summed squares about the center) and aligned
    (Klingenberg, Barluenga & Meyer 2002, doi:10.1111/j.0014-3820.2002.tb00117.x). 0 is a symmetric
    face, 0.05 is much. The landmarks of the jaw are not used, since they lie on a different line of
    the head as it turns. A crooked smile counts as asymmetry too.

    Returns:
        The distance. Note: for asymmetry, `radius` is a noise floor, not an interval: the 90th
        percentile of the distance that landmark errors cause in a symmetric face. A smaller
        distance does not show that a face is asymmetric.

    Raises:
        DataError: the landmarks have no known mirror image, fewer than six can be used, or the
            head is turned by more than 60 degrees.
    """
    if not face.landmarks.mirrorable:
        raise DataError("asymmetry needs points with left and right in their names")
    if max(abs(pose.yaw), abs(pose.pitch)) > MAX_ANGLE:
        raise DataError(f"asymmetry needs a head turned by at most {MAX_ANGLE:.0f} degrees")
    shape = head_points(face.landmarks)[0]
    rows, partner = symmetric_pairs(face.landmarks)
    here = frontal(face.points[rows].astype(np.float64), pose, shape[rows, 2]) @ (1, 1j)
    here -= here.mean()
    size = float(np.linalg.norm(here))
    if len(rows) < 6 or not size > 0:
        raise DataError("asymmetry needs six points that do not all lie in one place")
    there = -np.conj(here[partner])
    fit = float(np.abs(np.vdot(there, here))) / size**2
    distance = float(np.sqrt(max(2 - 2 * min(fit, 1.0), 0)))
    sigma = face.radius[rows].astype(np.float64) / DISC_90 / pose.scale / size
    return Measurement(distance, RADIUS_FACTORS["asymmetry"] * _noise(sigma, partner, pose))


@lru_cache(maxsize=16)
def symmetric_pairs(landmarks: LandmarkSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns (M,) of the usable landmarks, and the index (M,) of each one's mirror partner in
    them."""
    known, mirror = head_points(landmarks)[2], landmarks.mirror
    rows = np.flatnonzero(known & known[mirror])
    return rows, np.searchsorted(rows, mirror[rows])


def _noise(sigma: Array, partner: NDArray[np.int64], pose: HeadPose) -> float:
    """90th percentile of the distance that landmark errors cause in a symmetric face.

    The squared distance is a sum of squares of normal numbers. It is approximated by a scaled
    chi-square of the same mean and variance (Satterthwaite 1946), and that by the formula of
    Wilson and Hilferty (1931).

    Args:
        sigma: (K,) standard deviations of the landmarks' coordinates, as fractions of the face's
            size in the image.
        partner: (K,) index of each landmark's mirror partner.
        pose: of the head.
    """
    back = np.linalg.inv(pose.turn[:2, :2])
    across, down = (back**2).sum(axis=1)
    alone = partner == np.arange(len(partner))
    pair = sigma**2 + sigma[partner] ** 2
    # both rows of a pair differ by both errors; a landmark on the midline differs from its
    # mirror image sideways only, by twice its error
    parts = np.concatenate(
        [pair[~alone] * across, pair[~alone] * down, 4 * sigma[alone] ** 2 * across]
    )
    weights = np.concatenate([np.full(2 * (~alone).sum(), 2.0), np.ones(alone.sum())])
    mean, variance = parts.sum(), 2 * (weights * parts**2).sum()
    if not mean > 0:
        return 0.0
    ninth = variance / mean**2 / 9  # of the variance of the cube root
    return float(np.sqrt(mean * max(1 - ninth + _Q90 * np.sqrt(ninth), 0) ** 3))
