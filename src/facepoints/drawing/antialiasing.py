"""Antialiased lines and dots on a part of an image, at subpixel positions."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.palette import Color
from facepoints.imaging import affine

__all__ = ["Patch", "circle", "fill", "rectangle", "stroke"]

_BITS = 6  # fractional bits of the fixed-point coordinates


class Patch:
    """A part of an image to paint on. Masks are painted at `fine` times its size, then averaged.

    Args:
        canvas: image to paint on.
        low, high: corners of the part, (x, y) in pixels.
        width: of the thinnest line, in pixels.
    """

    def __init__(
        self, canvas: NDArray[np.uint8], low: NDArray, high: NDArray, width: float
    ) -> None:
        height, wide = canvas.shape[:2]
        self.low = np.clip(np.floor(low), 0, (wide, height)).astype(int)
        self.high = np.clip(np.ceil(high) + 1, self.low, (wide, height)).astype(int)
        (x0, y0), (x1, y1) = self.low, self.high
        self.part = canvas[y0:y1, x0:x1]
        largest = max(1, *self.part.shape[:2])
        self.fine = int(np.clip(np.ceil(4 / width), 1, max(2, min(8, 3000 // largest))))

    def place(self, points: NDArray) -> NDArray:
        """Image points (..., 2) in pixels of the enlarged part."""
        return affine.apply(affine.resize_matrix(self.fine, self.fine), points - self.low)

    def cover(self, paint: Callable[[NDArray[np.uint8]], None]) -> NDArray[np.float32]:
        """Share (h, w), [0, 1], of each pixel that `paint` sets to 255."""
        height, width = self.part.shape[:2]
        mask = np.zeros((height * self.fine, width * self.fine), dtype=np.uint8)
        paint(mask)
        small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32) / np.float32(255)

    def lay(self, cover: NDArray[np.float32], color: Color) -> None:
        """Blend a color over the image with the opacity `cover` (h, w), [0, 1]."""
        painted = cover > 0  # lines cover little of a large face
        below = self.part[painted].astype(np.float32)
        mixed = below + (np.array(color, dtype=np.float32) - below) * cover[painted][:, None]
        self.part[painted] = np.rint(mixed).astype(np.uint8)

    @property
    def empty(self) -> bool:
        """True if no pixel of the part lies in the image."""
        return self.part.size == 0


def rectangle(low: NDArray, high: NDArray) -> NDArray:
    """Closed outline (5, 2) of a rectangle."""
    return np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])


def _fixed(points: NDArray) -> NDArray[np.int32]:
    return np.rint(points * (1 << _BITS)).astype(np.int32)


def stroke(mask: NDArray[np.uint8], points: NDArray, width: float) -> None:
    """Draw a line through points (n, 2)."""
    cv2.polylines(mask, [_fixed(points)], False, 255, max(1, round(width)), cv2.LINE_AA, _BITS)


def circle(
    mask: NDArray[np.uint8],
    center: NDArray,
    radius: float,
    width: int = cv2.FILLED,
    color: int = 255,
) -> None:
    """Draw a filled disc, or a ring.

    Args:
        mask: (H, W) to draw into.
        center: (2,) x and y, in pixels of the mask, also between them.
        radius: in pixels, of the middle of a ring.
        width: of the ring in whole pixels; ``cv2.FILLED``: a disc.
        color: gray value in [0, 255].
    """
    (x, y), r = _fixed(center).tolist(), round(radius * (1 << _BITS))
    cv2.circle(mask, (x, y), r, color, width, cv2.LINE_AA, _BITS)


def fill(mask: NDArray[np.uint8], points: NDArray) -> None:
    """Fill the polygon of points (n, 2)."""
    cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _BITS)
