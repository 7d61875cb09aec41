"""The coordinate convention, and affine maps that follow it.

Points are (x, y) in pixels; the center of the top-left pixel is (0, 0). So an image of
width W spans x from -0.5 to W-0.5, its mirror maps x to W-1-x, and resizing by k maps x
to (x+0.5)k-0.5. Affine maps are 2x3 float64 matrices from source to destination
pixels: ``destination = matrix[:, :2] @ source + matrix[:, 2]``. Points are never rounded.
"""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError

__all__ = [
    "apply",
    "bounding_box",
    "compose",
    "crop_matrix",
    "fit_similarity",
    "invert",
    "mirror_matrix",
    "needed_region",
    "resize",
    "resize_images",
    "resize_matrix",
    "rotation_matrix",
    "rotation_of",
    "shrink",
    "warp",
]

Matrix = NDArray[np.float64]

_MAX_SIDE = 32_766  # pixels; OpenCV warps no larger images


def apply(matrix: Matrix, points: NDArray) -> NDArray[np.float32]:
    """Map points (..., 2) by an affine (2, 3)."""
    moved = np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved.astype(np.float32)


def compose(*matrices: Matrix) -> Matrix:
    """The affine that applies `matrices` from first to last."""
    whole = np.eye(2, 3)
    for matrix in matrices:
        whole = matrix[:, :2] @ whole
        whole[:, 2] += matrix[:, 2]
    return whole


def invert(matrix: Matrix) -> Matrix:
    """The affine that undoes `matrix`.

    Raises:
        DataError: it maps the plane onto a line or a point.
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    size = a * d - b * c
    if not size:
        raise DataError(
            "an affine that maps the image onto a line cannot be inverted; its scale is 0"
        )
    a, b, c, d = d / size, -b / size, -c / size, a / size
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def resize_matrix(scale_x: float, scale_y: float) -> Matrix:
    """Map to the pixels of the image resized by these factors: x to (x+0.5)k-0.5."""
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2]])


def mirror_matrix(width: int) -> Matrix:
    """Map to the pixels of the mirrored image of this width: x to W-1-x."""
    return np.array([[-1.0, 0, width - 1], [0, 1, 0]])


def rotation_matrix(degrees: float, center: tuple[float, float]) -> Matrix:
    """Rotation about `center`; positive rotates x towards y, clockwise on the screen."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = np.asarray(center, dtype=np.float64)
    return np.column_stack([turn, middle - turn @ middle])


def rotation_of(matrix: Matrix) -> float:
    """Degrees that a similarity (2, 3) rotates by, [-180, 180]; positive is clockwise on the
    screen."""
    return float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def fit_similarity(source: NDArray, target: NDArray, weights: NDArray | None = None) -> Matrix:
    """The similarity (rotation, scale and shift) that maps points (K, 2) closest to others
    (K, 2), by least squares (Umeyama 1991, doi:10.1109/34.88573). It never mirrors.

    Args:
        weights: (K,), 0 or more, of the pairs. None: all equal.

    Raises:
        DataError: no two source points of positive weight differ, so the scale is unknown.
    """
    here, there = (
        np.ascontiguousarray(p, dtype=np.float64).view(np.complex128)[:, 0]
        for p in (source, target)
    )
    share = np.ones(len(here)) if weights is None else np.asarray(weights, dtype=np.float64)
    share = share / max(float(share.sum()), 1e-300)
    center, goal = share @ here, share @ there
    extent = float(share @ np.abs(here - center) ** 2)
    if not extent > 0:
        raise DataError("a similarity needs at least two points at different places")
    # as complex numbers, a rotation with a scale is one factor
    factor = (share * np.conj(here - center)) @ (there - goal) / extent
    shift = goal - factor * center
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def bounding_box(
    points: NDArray, labelled: NDArray[np.bool_] | None = None
) -> tuple[float, float, float, float]:
    """Bounding box (x, y, width, height) of the labeled points (K, 2).

    Raises:
        DataError: no point is labeled.
    """
    chosen = points if labelled is None else points[labelled]
    if len(chosen) == 0:
        raise DataError("a box needs at least one labeled point, got none")
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def crop_matrix(box: tuple[float, float, float, float], size: int, margin: float) -> Matrix:
    """Map from image pixels to the pixels of a square crop around `box`.

    Args:
        box: (x, y, width, height) in image pixels.
        size: side of the crop in pixels.
        margin: by how much the crop's side exceeds the box's longer side, as a fraction of it
            (0.5: half as much again).
    """
    x, y, width, height = box
    side = max(width, height, 1.0) * (1 + margin)
    scale = size / side
    center_x, center_y = x + width / 2, y + height / 2
    middle = (size - 1) / 2
    return np.array([[scale, 0, middle - scale * center_x], [0, scale, middle - scale * center_y]])


def warp(
    image: NDArray[np.uint8],
    matrix: Matrix,
    width: int,
    height: int,
    border: Literal["repeat", "black"] = "repeat",
) -> NDArray[np.uint8]:
    """Warp an image (H, W) or (H, W, C) by an affine into (height, width).

    Shrinking by more than a factor of two averages first, so that fine texture does not alias.

    Args:
        matrix: from image pixels to pixels of the result.
        border: pixels outside the image repeat its border, or are black.
    """
    if max(image.shape[:2]) > _MAX_SIDE:
        rows, columns, matrix = needed_region(image.shape, matrix, width, height)
        image = image[rows, columns]
    (a, b), (c, d) = matrix[:, :2].tolist()
    scale = abs(a * d - b * c) ** 0.5
    if 0 < scale < 0.5:
        height_before, width_before = image.shape[:2]
        factor = _blocks(1 / scale)
        image = shrink(image, factor)
        back = resize_matrix(min(factor, width_before), min(factor, height_before))
        matrix = compose(back, matrix)
    mode = cv2.BORDER_REPLICATE if border == "repeat" else cv2.BORDER_CONSTANT
    warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=mode)
    return np.asarray(warped, dtype=np.uint8)


def _blocks(shrinking: float) -> int:
    """Side in pixels of the blocks that `warp` averages into one pixel. A last digit of the
    shrinking, which differs between processors, must not decide it."""
    return max(1, math.ceil(0.5 * shrinking - 1e-9))


def needed_region(
    shape: tuple[int, ...], matrix: Matrix, width: int, height: int
) -> tuple[slice, slice, Matrix]:
    """The part of an image that `warp` reads: its rows and columns, and the affine from there.

    Args:
        shape: (H, W, ...) of the image.
        matrix, width, height: as for `warp`.

    Raises:
        DataError: the affine maps the plane onto a line or a point.
    """
    (a, b, right), (c, d, down) = invert(matrix).tolist()
    area = a * d - b * c
    block = _blocks(math.sqrt(abs(area)))
    margin = 2 * block
    low, high = [], []
    for along, across, shift, limit in ((a, b, right, shape[1]), (c, d, down, shape[0])):
        ends = [along * x + across * y + shift for x in (-1, width) for y in (-1, height)]
        first = min(max(math.floor(min(ends)) - margin, 0), limit - 1)
        last = min(max(math.ceil(max(ends)) + margin + 1, first + 1), limit)
        low.append(first)
        high.append(min(last + (first - last) % block, limit))
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ low
    return slice(low[1], high[1]), slice(low[0], high[0]), moved


def shrink(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Shrink an image (H, W) or (H, W, C) by averaging blocks of `factor` x `factor` pixels.

    Points follow ``resize_matrix(1 / min(factor, W), 1 / min(factor, H))``. A side of fewer
    pixels than `factor` becomes one pixel. Otherwise, incomplete blocks at the right and lower
    border are dropped. It is many times faster than `resize` by a factor that is not whole.

    Args:
        factor: 1 or more.
    """
    if factor == 1:
        return image
    down, across = (min(factor, side) for side in image.shape[:2])
    height, width = image.shape[0] // down, image.shape[1] // across
    whole = image[: height * down, : width * across]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image to (height, width); points follow `resize_matrix`."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width < image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def resize_images(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize images (N, H, W) to (N, height, width). Returns the same array if they have that
    size."""
    if images.shape[1:] == (height, width):
        return images
    out = np.empty((len(images), height, width), dtype=np.uint8)
    for row, image in enumerate(images):
        out[row] = resize(image, width, height)
    return out
