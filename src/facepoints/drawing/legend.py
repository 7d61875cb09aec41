"""A small legend in the corner of a drawing: what its discs and rings mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.antialiasing import Patch, circle, fill, rectangle
from facepoints.drawing.palette import Color

__all__ = ["Mark", "draw_legend"]

Mark = Literal["dot", "ring", "disc"]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER: Color = (255, 255, 255)
_INK: Color = (24, 24, 24)
_LARGEST_SHARE = 0.5  # of the width or height of the image; a legend that needs more is left out


def draw_legend(
    canvas: NDArray[np.uint8], rows: Sequence[tuple[Mark, Color, str]], size: float = 1.0
) -> bool:
    """Draw a legend into the lower left corner of an image, in place.

    Args:
        canvas: RGB uint8 (H, W, 3).
        rows: a mark, its color and its meaning for each line; at least one.
        size: factor for the size of the text, which depends on that of the image.

    Returns:
        False if the image is too small for a legend that can be read; nothing is drawn then.
    """
    height, width = canvas.shape[:2]
    letter = size * float(np.clip(0.018 * min(height, width), 8, 60))
    (_, tall), _ = cv2.getTextSize("H", _FONT, 4.0, 4)
    scale = letter / tall
    texts = [cv2.getTextSize(text, _FONT, 4.0, 4)[0][0] * scale for *_, text in rows]
    line, pad = 1.9 * letter, 0.8 * letter
    box = np.array([max(texts) + 2 * line + pad, line * len(rows) + pad])
    if (box + 2 * pad > _LARGEST_SHARE * np.array([width, height])).any():
        return False
    low = np.array([pad, height - pad - box[1]])
    patch = Patch(canvas, low - 1, low + box + 1, 1.0)
    corners = patch.place(rectangle(low, low + box))
    patch.lay(0.8 * patch.cover(lambda mask: fill(mask, corners)), _PAPER)
    for number, (mark, color, text) in enumerate(rows):
        middle = low + np.array([line, 0.5 * pad + (number + 0.5) * line])
        _mark(patch, mark, middle, 0.55 * letter, color)
        corner = patch.place(middle + np.array([line, 0.5 * letter]))
        _text(patch, text, corner, 4 * scale * patch.fine, letter)
    return True


def _mark(patch: Patch, mark: Mark, middle: NDArray, radius: float, color: Color) -> None:
    center, fine = patch.place(middle), patch.fine
    wide = radius if mark == "dot" else 1.35 * radius
    rim = max(1, round(0.4 * radius * fine))
    if mark != "ring":
        cover = patch.cover(lambda mask: circle(mask, center, wide * fine))
        patch.lay((1.0 if mark == "dot" else 0.45) * cover, color)
    ring = patch.cover(lambda mask: circle(mask, center, wide * fine, rim))
    patch.lay(0.75 * ring, _INK if mark == "dot" else color)


def _text(patch: Patch, text: str, corner: NDArray, scale: float, letter: float) -> None:
    x, y = np.rint(corner).astype(int).tolist()
    thick = max(1, round(0.12 * letter * patch.fine))

    def paint(mask: NDArray[np.uint8]) -> None:
        cv2.putText(mask, text, (x, y), _FONT, scale, 255, thick, cv2.LINE_AA)

    patch.lay(patch.cover(paint), _INK)
