"""Yaw, size and sharpness of labelled faces, to sort them into bands."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.head_fit import angles, fit_heads
from facepoints.measurement.pose import MIN_POINTS, head_points

from .faces import FaceSet

__all__ = ["sharpness_of", "yaw_of"]

_SIDE = 64  # pixels of the crop that sharpness is measured in


def yaw_of(faces: FaceSet) -> NDArray[np.float64]:
    """Yaw (N,) in degrees of the mean head fitted to the labelled points; NaN if there are fewer
    than `MIN_POINTS`."""
    shape, std, fixed = head_points(IBUG_68)
    known = faces.labelled[:, :68] & fixed
    enough = known.sum(axis=1) >= MIN_POINTS
    yaw = np.full(len(faces), np.nan)
    if enough.any():
        sigma = np.where(known, 0.0, np.inf)[enough][:, fixed]
        fit = fit_heads(faces.points[enough][:, :68][:, fixed], sigma, shape[fixed], std[fixed])
        yaw[enough] = angles(fit.turn)[:, 0]
    return yaw


def sharpness_of(file: Path, points: NDArray[np.float64]) -> float:
    """Sharpness of a face: standard deviation of the Laplacian of its gray crop of 64 pixels over
    that of the crop itself. Lower is more blurred.

    Args:
        points: (n, 2), its labelled points in pixels.
    """
    image = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    matrix = affine.crop_matrix(affine.bounding_box(points), _SIDE, 0.0)
    crop = affine.warp(image, matrix, _SIDE, _SIDE).astype(np.float64)
    return float(cv2.Laplacian(crop, cv2.CV_64F).std() / max(crop.std(), 1e-6))
