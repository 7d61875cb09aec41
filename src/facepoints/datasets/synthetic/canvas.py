"""A gray canvas with more pixels than the image, and drawing in the image's coordinates."""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID", "Canvas", "blob", "curve", "noise"]

Array = NDArray[np.float64]
Field = NDArray[np.float32]
_SHIFT = 6  # fractional bits of coordinates in the drawing calls
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
GRID = 64
"""Side of the coarse grid for the computation of light and shadow."""


def blob(middle: Array, radius_x: float, radius_y: float, angle: float = 0.0) -> Array:
    """Outline (20, 2) of an ellipse."""
    cos, sin = np.cos(angle), np.sin(angle)
    return middle + (_CIRCLE * (radius_x, radius_y)) @ np.array([[cos, sin], [-sin, cos]])


@cache
def _noise_bank(kind: str) -> Field:
    """Fixed noise (768, 768) with mean 0 and standard deviation 1, from which `noise` cuts."""
    rng = np.random.default_rng(["fine", "soft", "strands"].index(kind))
    raw = rng.normal(size=(768, 768)).astype(np.float32)
    if kind == "soft":
        raw = cv2.GaussianBlur(raw, (0, 0), 6).astype(np.float32)
    elif kind == "strands":
        raw = cv2.GaussianBlur(raw, (0, 0), sigmaX=1.0, sigmaY=9).astype(np.float32)
    raw /= raw.std()
    raw.setflags(write=False)
    return raw


def noise(kind: str, height: int, width: int, rng: np.random.Generator) -> Field:
    """Cut a random piece (height, width) of the noise "fine", "soft" or "strands"."""
    bank = _noise_bank(kind)
    if max(height, width) > bank.shape[0]:
        side = max(height, width)
        bank = np.asarray(cv2.resize(bank, (side, side)), dtype=np.float32)
    top = int(rng.integers(bank.shape[0] - height + 1))
    left = int(rng.integers(bank.shape[1] - width + 1))
    return bank[top : top + height, left : left + width]


@lru_cache(maxsize=64)
def _weights(count: int, steps: int, closed: bool) -> Array:
    """Weights (curve points, `count` control points) of a Catmull-Rom spline."""
    spans = count if closed else count - 1
    t = np.arange(steps) / steps
    basis = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3],
        axis=1,
    )
    weights = np.zeros((spans * steps + (not closed), count))
    for span in range(spans):
        for tap in range(4):
            control = span + tap - 1
            control = control % count if closed else min(max(control, 0), count - 1)
            weights[span * steps : (span + 1) * steps, control] += basis[:, tap]
    if not closed:
        weights[-1, -1] = 1
    return weights


def curve(points: Array, steps: int = 4, closed: bool = False) -> Array:
    """A smooth curve (M, 2) through the points (n, 2), with `steps` points per span."""
    return _weights(len(points), steps, closed) @ points


class Canvas:
    """Gray pixels (size * fine, size * fine) uint8. All coordinates are those of the image.

    Attributes:
        size: side of the image in pixels.
        fine: canvas pixels per image pixel, a whole number.
        pixels: the canvas.
    """

    def __init__(self, size: int, fine: int) -> None:
        self.size, self.fine = size, fine
        self.pixels: NDArray[np.uint8] = np.zeros((size * fine, size * fine), dtype=np.uint8)

    def at(self, points: Array) -> NDArray[np.int32]:
        """Fixed-point canvas coordinates of image points, by the half-pixel rule."""
        placed = (points + 0.5) * self.fine - 0.5
        return np.rint(placed * (1 << _SHIFT)).astype(np.int32)

    def fill(self, outline: Array, tone: float) -> None:
        """Fill a closed outline (M, 2) with a gray tone [0, 255]."""
        cv2.fillPoly(self.pixels, [self.at(outline)], _gray(tone), cv2.LINE_AA, _SHIFT)

    def line(self, path: Array, tone: float, width: float, closed: bool = False) -> None:
        """Draw along a path (M, 2); `width` in image pixels."""
        thick = max(1, round(width * self.fine))
        cv2.polylines(self.pixels, [self.at(path)], closed, _gray(tone), thick, cv2.LINE_AA, _SHIFT)

    def mask(self, *outlines: Array) -> NDArray[np.uint8]:
        """Coverage [0, 255] of closed outlines, with the shape of the pixels."""
        cover = np.zeros_like(self.pixels)
        for outline in outlines:
            cv2.fillPoly(cover, [self.at(outline)], (255.0,), cv2.LINE_AA, _SHIFT)
        return cover

    def window(self, outline: Array, border: float = 1.0) -> tuple[slice, slice]:
        """Canvas rows and columns around an outline, clipped to the canvas."""
        low = (outline.min(axis=0) - border) * self.fine
        high = (outline.max(axis=0) + border + 1) * self.fine
        limit = self.size * self.fine
        x0, y0 = (int(v) for v in np.clip(low, 0, limit))
        x1, y1 = (int(v) for v in np.clip(high, 0, limit))
        return slice(y0, y1), slice(x0, x1)

    def blend(self, cover: NDArray, other: NDArray, where: tuple[slice, slice]) -> None:
        """Mix `other` into a window of the canvas; `cover` 0 keeps the canvas, 255 replaces it."""
        if 0 in cover.shape:
            return
        share = cover.astype(np.float32) * (1 / 255)
        below = self.pixels[where]
        self.pixels[where] = np.clip(below + (other - below.astype(np.float32)) * share, 0, 255)

    def soften(self, sigma: float) -> None:
        """Blur the canvas; `sigma` in image pixels."""
        cv2.GaussianBlur(self.pixels, (0, 0), sigma * self.fine, dst=self.pixels)


def _gray(tone: float) -> tuple[float]:
    return (float(min(max(tone, 0), 255)),)
