"""The parts of an image that the network of the built-in detector sees."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine

__all__ = ["MULTIPLE", "OVERLAP", "PADDING", "RESIZE_TOLERANCE", "TILE", "cut", "resized", "tiles"]

MULTIPLE = 32
"""The network's input has sides of a multiple of this, in pixels: its coarsest stride."""
TILE = 1536
"""Pixels; a larger image is searched in tiles of about this side at most, to save memory."""
OVERLAP = 192
"""Pixels that two tiles share; larger faces are found in passes with fewer pixels."""
PADDING = 128
"""Gray value of the padding; the network normalizes it to 0."""
RESIZE_TOLERANCE = 1.1
"""An image may be larger or smaller than the wanted side by this factor."""


def resized(gray: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Resize an image for the network. Shrinking by a whole number is preferred: it is far faster.

    Args:
        gray: (H, W).
        side: longer side of the result in pixels, kept to `RESIZE_TOLERANCE`.

    Returns:
        The image, padded at the right and below to multiples of `MULTIPLE`, and the factors (x, y)
        of the resizing.
    """
    height, width = gray.shape
    longest = max(height, width)
    factor = max(1, longest // side)
    small = affine.shrink(gray, factor)
    across, down = min(factor, width), min(factor, height)
    scale = 1 / across, 1 / down
    if not 1 / RESIZE_TOLERANCE <= longest / (side * factor) <= RESIZE_TOLERANCE:
        rows, columns = small.shape
        part = side / max(rows, columns)
        new = max(1, round(columns * part)), max(1, round(rows * part))
        small = np.asarray(cv2.resize(small, new, interpolation=cv2.INTER_LINEAR), np.uint8)
        scale = new[0] / (columns * across), new[1] / (rows * down)
    fitted = np.full([-(-n // MULTIPLE) * MULTIPLE for n in small.shape], PADDING, np.uint8)
    fitted[: small.shape[0], : small.shape[1]] = small
    return fitted, scale


def tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Overlapping parts, rows and columns, that cover an image. Sides stay multiples of
    `MULTIPLE`."""
    starts = []
    for length in shape:
        count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
        step = -(-(length - OVERLAP) // (count * MULTIPLE)) * MULTIPLE
        starts.append([(k * step, min(k * step + step + OVERLAP, length)) for k in range(count)])
    for top, bottom in starts[0]:
        for left, right in starts[1]:
            yield slice(top, bottom), slice(left, right)


def cut(gray: NDArray[np.uint8], matrix: affine.Matrix, side: int) -> NDArray[np.uint8]:
    """A square part of a gray image, of `side` pixels after an affine map (2, 3)."""
    rows, columns, moved = affine.needed_region(gray.shape, matrix, side, side)
    return affine.warp(gray[rows, columns], moved, side, side)
