"""Estimate the points that a data set does not label, to frame faces of all sets alike.

A set that labels 30 of 68 points (profiles) or 12 of them cannot be aligned to the mean face as it
is: the mean of a part of a face lies elsewhere, and a profile is narrow. So the mean head
(`facepoints.landmarks.mean_head`) is fitted to the labeled points of a face, and its projection
gives the others. They serve to crop faces, and as the position of points that the head itself
hides; they are never taken for labels of visible points.

The pose is chosen from a grid. A free fit (`facepoints.measurement.pose`) takes the features of a
person for a pose where only half of a face is labeled, and moves the hidden half far away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD

__all__ = ["fit_heads_to", "full_points", "yaw_of_half"]

_MIN_POINTS = 5
_YAWS, _PITCHES = np.arange(-90, 91, 7.5), np.arange(-30, 31, 7.5)
_PITCH_STD = 10.0  # degrees, of heads in photos; keeps people's features from looking like a nod
_LABEL_STD = 0.02  # of a coordinate of a label, in distances of the outer eye corners


HALF_YAW, HALF_YAW_STD = 65.0, 15.0
"""Degrees: yaw of faces whose labels are those of the visible half alone, estimated by eye on 30
photos of CFP."""


def yaw_of_half(labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Expected yaw (N, 2) of faces with labels (N, 68), as in `fit_heads`.

    If the points of one half of the face are labeled and those of the other are not, the other is
    hidden, so the head is turned far. Otherwise nothing is known.
    """
    side = np.array([("left" in n) - ("right" in n) for n in IBUG_68.names])
    left, right = (labelled & (side == s) for s in (1, -1))
    near = right.any(axis=1) * 1.0 - left.any(axis=1)  # right half seen: turned to the left
    return np.stack([HALF_YAW * near, np.where(near == 0, np.inf, HALF_YAW_STD)], axis=1)


def fit_heads_to(
    points: NDArray[np.floating], labelled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the mean head to partly labeled faces.

    Args:
        points: (N, 68, 2) pixels, iBUG's order.
        labelled: (N, 68).

    Returns:
        Projected heads (N, 68, 2) in pixels, NaN for faces with under five labels; and yaw (N,) in
        degrees, positive where the nose points to the right of the image.
    """
    weights = labelled / (HEAD_STD**2 + _LABEL_STD**2)
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    seen = np.where(labelled, points[..., 0] + 1j * points[..., 1], 0)
    center = (share * seen).sum(axis=1, keepdims=True)
    expected = yaw_of_half(labelled)
    best = np.full(len(points), np.inf)
    projected = np.full(points.shape[:2], complex(np.nan, np.nan))
    turned = np.full(len(points), np.nan)
    for yaw in _YAWS:
        for pitch in _PITCHES:
            head = _projected(yaw, pitch)
            middle = (share @ head)[:, None]
            away = head[None] - middle
            size = (weights * np.abs(away) ** 2).sum(axis=1, keepdims=True)
            turn = (weights * away.conj() * (seen - center)).sum(axis=1, keepdims=True)
            turn = turn / np.maximum(size, 1e-9)
            off = np.abs(seen - center - turn * away) / np.maximum(np.abs(turn), 1e-9)
            cost = (weights * off**2).sum(axis=1) + (pitch / _PITCH_STD) ** 2
            cost += ((yaw - expected[:, 0]) / expected[:, 1]) ** 2
            better = (cost < best) & (labelled.sum(axis=1) >= _MIN_POINTS)
            best[better], turned[better] = cost[better], yaw
            projected[better] = (center + turn * away)[better]
    return np.stack([np.real(projected), np.imag(projected)], axis=-1), turned


def _projected(yaw: float, pitch: float) -> NDArray[np.complex128]:
    """The mean head (68,) as x + i y, turned by degrees."""
    y, p = np.deg2rad(yaw), np.deg2rad(pitch)
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    x, y_, _ = about_y @ about_x @ MEAN_HEAD.T
    return x + 1j * y_


def full_points(points: NDArray[np.floating], labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All points of partly labeled faces: the labels where there are some, else the mean head
    fitted to them.

    Args:
        points: (N, 68, 2) pixels, iBUG's order.
        labelled: (N, 68).

    Returns:
        (N, 68, 2) pixels; NaN where a face has too few labels to fit a head.
    """
    projected, _ = fit_heads_to(points, labelled)
    return np.where(labelled[..., None], points, projected)
