"""Finds the iris of an eye in the image: a dark disc between the lids.

The landmark network places pupils near the middle of the eye, also where the eye is turned. So the
gaze looks for the iris itself: the place where a disc of its size is darkest, compared to the ring
around it. Only pixels between the lids count. An iris measures 11.7 mm across (Rüfer, Schröder &
Erb 2005, doi:10.1097/01.ico.0000148312.01805.53) in an eye that is about 25 mm long on the mean
head.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine

__all__ = ["Iris", "find_iris"]

Array = NDArray[np.floating]

_LENGTH = 48.0  # pixels between the corners of the eye in the crop
_SIZE = 96, 64  # width and height of the crop, in pixels
_RADIUS = 0.234 * _LENGTH  # of the iris
_RING = 1.7  # outer radius of the ring, over that of the iris
_GROWN = 6  # pixels by which the gap between the lids is made taller: lids are predicted narrow
_LEAST_DISC, _LEAST_RING = 0.3, 0.15  # share of the disc and of the ring between the lids
_PEAK = 0.8  # places with at least this part of the best score, and near it, are averaged


class Iris(NamedTuple):
    """An iris in an image.

    Attributes:
        center: (2,) pixels.
        contrast: how much darker than its surroundings it is, in gray values.
    """

    center: NDArray[np.float64]
    contrast: float


def _disc(inner: float, outer: float) -> NDArray[np.float32]:
    """A ring between two radii, with soft edges, as a kernel of odd size."""
    reach = int(np.ceil(outer)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    far = np.hypot(x, y)
    return (np.clip(outer + 0.5 - far, 0, 1) * np.clip(far - inner + 0.5, 0, 1)).astype(np.float32)


_DISC, _AROUND = _disc(-1, _RADIUS), _disc(_RADIUS, _RING * _RADIUS)
_TALL = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1, 2 * _GROWN + 1))


def find_iris(gray: NDArray[np.uint8], corners: Array, lids: Array) -> Iris | None:
    """The iris of an eye; None if nothing between the lids is darker than what is around it.

    Args:
        gray: (H, W) image.
        corners: (2, 2) both corners of the eye, in pixels.
        lids: (n, 2) outline of the eye.
    """
    corners = corners[np.argsort(corners[:, 0])].astype(np.float64)
    middle = (np.array(_SIZE) - 1) / 2
    ends = middle + np.array([[-_LENGTH / 2, 0], [_LENGTH / 2, 0]])
    matrix = affine.fit_similarity(corners, ends)
    crop = affine.warp(gray, matrix, *_SIZE).astype(np.float32)
    crop = cv2.GaussianBlur(crop, (0, 0), 1.0)
    mask = np.zeros(_SIZE[::-1], np.uint8)
    outline = np.rint(affine.apply(matrix, lids) * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, 4)
    between = cv2.dilate(mask, _TALL).astype(np.float32) / 255
    disc, ring = _sums(between, _DISC), _sums(between, _AROUND)
    darker = _sums(crop * between, _AROUND) / np.maximum(ring, 1e-3)
    darker = darker - _sums(crop * between, _DISC) / np.maximum(disc, 1e-3)
    cover = disc / float(_DISC.sum())
    able = (cover > _LEAST_DISC) & (ring > _LEAST_RING * _AROUND.sum()) & (between > 0.5)
    score = np.where(able, darker * np.sqrt(cover), 0)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    if score[row, column] <= 0:
        return None
    y, x = np.indices(score.shape)
    near = np.hypot(x - column, y - row) < _RADIUS / 3
    weight = np.where(near, np.maximum(score - _PEAK * score[row, column], 0), 0)
    place = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    center = affine.apply(affine.invert(matrix), place).astype(np.float64)
    return Iris(center, float(darker[row, column]))


def _sums(image: NDArray[np.floating], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of the kernel's pixels around each place. It is 0 outside the image."""
    plain = image.astype(np.float32)
    summed = cv2.filter2D(plain, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.maximum(np.asarray(summed, np.float32), 0)
