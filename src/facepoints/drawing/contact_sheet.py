"""Labeled faces side by side on one sheet, with labels and predictions drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.drawing.palette import DARK, Color, edges
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_writer import write_image
from facepoints.landmarks import metrics
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["LABEL", "PREDICTION", "draw_points", "draw_sheet"]

Image = NDArray[np.uint8]

LABEL: Color = (64, 224, 120)
"""Color of labels: green."""

PREDICTION: Color = (255, 96, 64)
"""Color of predictions: red orange. It is darker than the green and drawn on top, so that people
who do not see red and green well can tell them apart."""

_BITS = 6  # fractional bits of the fixed-point coordinates


def draw_points(
    image: Image,
    points: NDArray,
    landmarks: LandmarkSet,
    labelled: NDArray[np.bool_] | None = None,
    *,
    radius: NDArray | None = None,
    dot: float | None = None,
    color: Color = PREDICTION,
    scale: int = 1,
) -> Image:
    """A copy of an image with its points as dots and the edges of the landmark set as lines.

    Args:
        image: (H, W) gray or (H, W, 3) RGB, uint8. It is not changed.
        points: (K, 2) in pixels of `image`; they are not rounded.
        landmarks: names the K points; its edges are drawn where both ends are.
        labelled: (K,) the points to draw; None: all. Points that are not finite are left out.
        radius: (K,) radius of a soft disc around each point, in pixels of `image`; None: none.
        dot: radius of the dots in pixels of the result; None: depends on its size.
        color: RGB [0, 255].
        scale: size of the result relative to `image`, a whole number.

    Returns:
        RGB uint8 (H * scale, W * scale, 3).

    Raises:
        DataError: image, points, labelled or radius of another shape, or scale below 1.
    """
    shown = np.ones(len(points), dtype=bool) if labelled is None else labelled
    _check(image, points, landmarks, shown, radius, scale)
    height, width = image.shape[0] * scale, image.shape[1] * scale
    canvas = affine.resize(_rgb(image), width, height).copy()
    placed = affine.apply(affine.resize_matrix(scale, scale), points)
    # Far outside, fixed-point coordinates would overflow; such points are not visible.
    near = (np.abs(placed) < 10 * max(height, width)).all(axis=1)
    shown = shown & np.isfinite(placed).all(axis=1) & near
    size = max(0.9, min(height, width) / 125) if dot is None else dot
    if radius is not None:
        _discs(canvas, placed, shown, radius * scale, color)
    line = max(1, round(size * 0.5))
    overlay = canvas.copy()
    for a, b in edges(landmarks, shown):
        ends = _fixed(placed[a]), _fixed(placed[b])
        cv2.line(overlay, *ends, color, line, cv2.LINE_AA, _BITS)
    cv2.addWeighted(overlay, 0.55, canvas, 0.45, 0, dst=canvas)
    rim = size + max(0.6, size * 0.35)
    for grown, tone in ((rim, DARK), (size, color)):  # the dark rim shows on light skin
        for k in np.flatnonzero(shown):
            _disc(canvas, placed[k], grown, tone)
    return canvas


def _check(
    image: Image,
    points: NDArray,
    landmarks: LandmarkSet,
    labelled: NDArray,
    radius: NDArray | None,
    scale: int,
) -> None:
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.shape[2:] == (3,)):
        raise DataError(
            f"an image to draw on must be uint8 (H, W) or (H, W, 3), is {image.dtype} {image.shape}"
        )
    k = len(landmarks)
    shapes = [("points", points, (k, 2)), ("labelled", labelled, (k,))]
    shapes += [] if radius is None else [("radius", radius, (k,))]
    for name, array, want in shapes:
        if array.shape != want:
            raise DataError(f"{name} to draw must have shape {want}, has {array.shape}")
    if scale < 1:
        raise DataError(f"scale must be a whole number of 1 or more, is {scale}")


def _rgb(image: Image) -> Image:
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def _fixed(point: NDArray) -> tuple[int, int]:
    x, y = np.rint(np.asarray(point, dtype=np.float64) * (1 << _BITS))
    return int(x), int(y)


def _disc(canvas: Image, point: NDArray, radius: float, color: Color) -> None:
    """A round dot, blended by the covered share of each pixel. Small dots of OpenCV are square."""
    height, width = canvas.shape[:2]
    low = np.floor(point - radius - 1).astype(int)
    high = np.ceil(point + radius + 2).astype(int)
    (x0, y0), (x1, y1) = low.clip(0), np.minimum(high, (width, height))
    if x0 >= x1 or y0 >= y1:
        return
    across, down = np.arange(x0, x1) - point[0], np.arange(y0, y1) - point[1]
    cover = np.clip(radius + 0.5 - np.hypot(across[None], down[:, None]), 0, 1)[..., None]
    below = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = np.rint(below + (np.array(color) - below) * cover)


def _discs(canvas: Image, points: NDArray, shown: NDArray, radii: NDArray, color: Color) -> None:
    """Soft discs, all in one layer so that neighbors do not add up to a blot."""
    layer = canvas.copy()
    widest = float(max(canvas.shape))
    for k in np.flatnonzero(shown & np.isfinite(radii)):
        _disc(layer, points[k], float(np.clip(radii[k], 0, widest)), color)
    cv2.addWeighted(layer, 0.3, canvas, 0.7, 0, dst=canvas)


_GAP = 6  # pixels between faces
_PAPER = 250  # gray level of the background
_TEXT = 13  # height of a caption in pixels


def draw_sheet(
    samples: Samples,
    path: Path | None = None,
    *,
    predicted: NDArray | None = None,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    scale: int | None = None,
) -> Image:
    """Faces side by side with their labels (green) and predictions (red orange).

    With predictions, a line at the lower edge says what the colors and the numbers mean.

    Args:
        samples: the faces; all are drawn.
        path: PNG file to write; None: none.
        predicted: (N, K, 2) in pixels; None: only labels.
        columns: faces per row; None: about six columns to four rows.
        captions: a line under each face; None: its name and, with predictions, its mean error
            in pixels.
        scale: enlargement of the faces, a whole number; None: to about 190 pixels.

    Returns:
        The sheet, RGB uint8.

    Raises:
        DataError: predictions or captions do not fit the samples.
        WriteError: `path` cannot be written.
    """
    n = len(samples)
    if predicted is not None and predicted.shape != samples.points.shape:
        raise DataError(
            f"predictions to draw must have shape {samples.points.shape}, have {predicted.shape}"
        )
    if captions is not None and len(captions) != n:
        raise DataError(f"a sheet of {n} faces needs {n} captions, got {len(captions)}")
    height, width = samples.size
    scale = scale or max(1, round(190 / max(height, width)))
    texts = _captions(samples, predicted) if captions is None else captions
    across = columns or max(1, min(n, round((1.5 * n) ** 0.5)))
    tile_h, tile_w = height * scale + _TEXT + 4 + _GAP, width * scale + _GAP
    down = max(1, -(-n // across))
    key = np.zeros((0, 0, 3), dtype=np.uint8)
    if predicted is not None:
        key = _key(across * tile_w - _GAP, errors=captions is None)
    whole_h, whole_w = down * tile_h + _GAP + len(key), across * tile_w + _GAP
    whole = np.full((whole_h, whole_w, 3), _PAPER, dtype=np.uint8)
    whole[whole_h - len(key) :, _GAP : _GAP + key.shape[1]] = key
    for row in range(n):
        face = _face(samples, row, predicted, scale)
        top, left = (row // across) * tile_h + _GAP, (row % across) * tile_w + _GAP
        whole[top : top + height * scale, left : left + width * scale] = face
        below = top + height * scale
        whole[below : below + _TEXT + 4, left : left + width * scale] = _line_of_text(
            texts[row], width * scale
        )
    if path is not None:
        write_image(path, whole)
    return whole


def _face(samples: Samples, row: int, predicted: NDArray | None, scale: int) -> Image:
    image, landmarks = samples.images[row], samples.landmarks
    labelled = samples.labelled[row]
    face = draw_points(image, samples.points[row], landmarks, labelled, color=LABEL, scale=scale)
    if predicted is None:
        return face
    moved = affine.apply(affine.resize_matrix(scale, scale), predicted[row])
    return draw_points(face, moved, landmarks, color=PREDICTION)


def _key(width: int, errors: bool) -> Image:
    """The legend (h, width, 3) of a sheet with predictions, in as many lines as it needs."""
    entries: list[tuple[Color | None, str]] = [(LABEL, "label"), (PREDICTION, "prediction")]
    if errors:
        entries.append((None, "px: mean distance to label"))
    line, left = _TEXT + 6, 0
    rows: list[list[tuple[int, Color | None, str]]] = [[]]
    for color, text in entries:
        wide = (0 if color is None else 12) + _width_of(text) + 18
        if left and left + wide > width:
            rows.append([])
            left = 0
        rows[-1].append((left, color, text))
        left += wide
    key = np.full((line * len(rows), width, 3), _PAPER, dtype=np.uint8)
    for number, row in enumerate(rows):
        for left, color, text in row:
            start = left
            if color is not None:
                middle = np.array([left + 5.0, number * line + _TEXT / 2 + 3])
                _disc(key, middle, 4.6, DARK)
                _disc(key, middle, 3.4, color)
                start += 12
            room = min(_width_of(text) + 4, width - start)
            if room > 0:
                part = _line_of_text(text, room)
                key[number * line : number * line + len(part), start : start + room] = part
    return key


def _width_of(text: str) -> int:
    """Width of a line of text in pixels."""
    return -(-cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.36 * 3, 2)[0][0] // 3)


def _captions(samples: Samples, predicted: NDArray | None) -> list[str]:
    names = [str(name) for name in samples.names]
    if predicted is None:
        return names
    rows = np.flatnonzero(samples.labelled.any(axis=1))
    some = (predicted[rows], samples.points[rows], samples.labelled[rows])
    for row, error in zip(rows, metrics.nme(*some, np.ones(len(rows))), strict=True):
        names[row] = f"{names[row]}  {error:.1f} px"
    return names


def _line_of_text(text: str, width: int) -> Image:
    """A caption (_TEXT + 4, width, 3) in dark gray; its middle is cut out if it is too long."""
    font, fine = cv2.FONT_HERSHEY_SIMPLEX, 3
    size = 0.36 * fine

    def wide(words: str) -> int:
        return cv2.getTextSize(words, font, size, fine - 1)[0][0]

    room, keep = (width - 2) * fine, len(text)
    line = text
    while wide(line) > room and keep > 2:
        keep -= 1
        tail = min(keep // 2 + 3, keep)
        line = text[: keep - tail] + ".." + text[len(text) - tail :]
    strip = np.full(((_TEXT + 4) * fine, width * fine, 3), _PAPER, dtype=np.uint8)
    cv2.putText(strip, line, (0, _TEXT * fine), font, size, (40, 40, 40), fine - 1, cv2.LINE_AA)
    return affine.resize(strip, width, _TEXT + 4)
