"""Portraits whose faces make known movements: the photo's own pixels, moved.

The points that the model finds in a frontal portrait at rest are moved as in
`synthetic.actions.act`, and a thin-plate spline (Bookstein 1989) moves the pixels with them. Lids
that meet would be one place with the pixels of two, so no spline closes an eye: the upper lid
slides over it (`acting`). What is not seen at rest, such as teeth, is not painted: an opened mouth
shows stretched lips.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from acting import closed_eye
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from facepoints.datasets.synthetic.actions import act
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.expression_features import EYE_DISTANCE

__all__ = ["moved_photo", "moved_points"]

Array = NDArray[np.float64]

GRID = 4
"""Pixels between the places at which the motion is computed."""
MARGIN = 0.35
"""From the face to where nothing moves, as a fraction of its size; above, 1.6 times that."""


def moved_photo(photo: NDArray[np.uint8], face: Face, actions: Mapping[str, float]) -> NDArray:
    """The photo (H, W, ...) of a face at rest, seen from the front, that makes movements.

    Args:
        photo: (H, W) or (H, W, 3).
        face: in pixels of the photo.
        actions: 0 to 1 by name, as in `synthetic.ACTIONS`.
    """
    points = face.as_landmarks(IBUG_68).points.astype(np.float64)
    closed = {side: actions.get(f"eyeBlink{side.title()}", 0.0) for side in ("left", "right")}
    others = {name: value for name, value in actions.items() if not name.startswith("eyeBlink")}
    moved = moved_points(face, others)
    photo = _warp(photo, points, moved - points)
    for side, how_far in closed.items():
        if how_far:
            photo = closed_eye(photo, moved, side, how_far)
    return photo


def moved_points(face: Face, actions: Mapping[str, float]) -> Array:
    """The 68 points (68, 2) of a face after the movements, in pixels."""
    points = face.as_landmarks(IBUG_68).points.astype(np.float64)
    right, left = points[[36, 39]].mean(axis=0), points[[42, 45]].mean(axis=0)
    unit = float(np.hypot(*(left - right)))
    along = (left - right) / unit
    axes = np.stack([along, [-along[1], along[0]]])
    flat = (points - (right + left) / 2) @ axes.T / unit
    shape = np.column_stack([flat, MEAN_HEAD[:, 2] / EYE_DISTANCE])
    return points + (act(shape, actions)[:, :2] - flat) * unit @ axes


def _warp(photo: NDArray[np.uint8], points: Array, moves: Array) -> NDArray:
    """Move the pixels at the points (K, 2) by moves (K, 2), and those around them smoothly."""
    height, width = photo.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    (x0, y0), (x1, y1) = low - MARGIN * (high - low), high + MARGIN * (high - low)
    y0 -= 0.6 * MARGIN * (high - low)[1]
    across, down = np.linspace(x0, x1, 6), np.linspace(y0, y1, 6)
    still = [(x, y) for x in across for y in (y0, y1)] + [(x, y) for y in down for x in (x0, x1)]
    goals = np.round(np.concatenate([points + moves, still]), 3)
    back = np.concatenate([-moves, np.zeros((len(still), 2))])
    goals, first = np.unique(goals, axis=0, return_index=True)  # lips that meet
    spline = RBFInterpolator(goals, back[first], kernel="thin_plate_spline", smoothing=0.01)
    rows, columns = np.mgrid[0 : height + GRID : GRID, 0 : width + GRID : GRID]
    coarse = spline(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64))
    coarse = coarse.reshape(*rows.shape, 2).astype(np.float32)
    fine = cv2.resize(coarse, (coarse.shape[1] * GRID, coarse.shape[0] * GRID))[:height, :width]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return cv2.remap(
        photo, x + fine[..., 0], y + fine[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
