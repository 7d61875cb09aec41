"""Labels in pixels of their pictures, and the offset and the scale that their errors follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facepoints.audit.geometry import Complex, to_complex
from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import DISC_50

__all__ = ["PictureFit", "fit_pictures", "in_picture", "per_pixel"]

_ROUNDS = 10  # of the robust regression
_BEND = 2.0  # robust standard deviations from which an error counts less


@dataclass(frozen=True)
class PictureFit:
    """An offset and a scale in pixels that errors of faces follow.

    Attributes:
        shift: pixels of the picture that the labels lie right (real) and below (imaginary part).
        scale: share by which they lie too far from the picture's first pixel.
        shift_error, scale_error: their standard errors.
        spread: what is left, in eye distances.
    """

    shift: complex
    scale: float
    shift_error: float
    scale_error: float
    spread: float


def per_pixel(faces: Samples, a: Complex) -> Complex:
    """Eye distances on the upright face (N,) that one pixel of the picture is, to the right."""
    if faces.frame is None:
        return a
    return np.asarray(a / (faces.frame[:, 0, 0] + 1j * faces.frame[:, 1, 0]))


def in_picture(faces: Samples) -> Complex:
    """The labels (N, K) in pixels of the pictures."""
    points = faces.points.astype(np.float64)
    if faces.frame is not None:
        turned = np.einsum("nij,nkj->nki", faces.frame[:, :, :2], points)
        points = turned + faces.frame[:, None, :, 2]
    return to_complex(points)


def fit_pictures(
    errors: Complex, pixel: Complex, middle: Complex, *, shift: bool, scale: bool
) -> PictureFit:
    """Fit errors = habit + pixel * (shift + scale * middle), robustly.

    Args:
        errors: (N,) mean error of the labels of each face, in its frame.
        pixel: (N,) of `per_pixel`.
        middle: (N,) middle of the labels in pixels of the picture.
        shift, scale: what may differ from 0.
    """
    columns = [np.ones(len(errors), complex), np.full(len(errors), 1j)]
    columns += [pixel, 1j * pixel] if shift else []
    columns += [pixel * middle] if scale else []
    design: Complex = np.stack(columns, axis=1).astype(np.complex128)
    stacked = np.concatenate([design.real, design.imag])
    target = np.concatenate([errors.real, errors.imag])
    weights = np.ones(len(errors))
    spread, found = 1e-6, np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(np.concatenate([weights, weights]))
        found = np.linalg.lstsq(stacked * root[:, None], target * root, rcond=None)[0]
        left = np.abs(errors - design @ found)
        spread = max(float(np.median(left)) / DISC_50, 1e-6)
        weights = np.minimum(1, _BEND * spread / np.maximum(left, 1e-9)) ** 2
    total = np.concatenate([weights, weights])
    gram = (stacked * total[:, None]).T @ stacked
    # of Huber's and Hampel's weights, 1.15 times as wide as with all rows
    error = 1.15 * spread * np.sqrt(np.maximum(np.diag(np.linalg.pinv(gram)), 0))
    place = 2 + 2 * shift
    return PictureFit(
        shift=complex(found[2], found[3]) if shift else 0j,
        scale=float(found[place]) if scale else 0.0,
        shift_error=float(max(error[2], error[3])) if shift else 0.0,
        scale_error=float(error[place]) if scale else 0.0,
        spread=spread,
    )
