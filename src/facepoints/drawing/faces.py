"""Faces drawn on their picture: points, the edges between them, and how far off each may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.antialiasing import Color, Patch, circle, fill, rectangle, stroke
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_io import composite_on_white, read_image
from facepoints.inference.face import Face

__all__ = ["TRACK_COLORS", "draw"]

TRACK_COLORS: tuple[Color, ...] = (
    (64, 232, 232),
    (255, 184, 56),
    (255, 130, 190),
    (150, 240, 90),
    (178, 156, 255),
    (255, 236, 100),
    (255, 128, 100),
    (110, 190, 255),
)
"""RGB of the tracks in turn; faces without a track have the first. All are light, and what is
drawn has a dark rim, so that each shows on light and dark pictures."""

_INK: Color = (8, 12, 20)  # of rims and of the text on a label
_REACH = 8  # picture sizes from the picture, beyond which points are left out


def draw(
    image: NDArray[np.uint8] | str | Path,
    faces: Sequence[Face],
    *,
    radius: bool = False,
    box: bool = False,
    labels: bool = True,
    color: Color | None = None,
    size: float = 1.0,
) -> NDArray[np.uint8]:
    """A copy of a picture with faces drawn on it: their points and the edges between them.

    Widths go by the size of each face and of the picture. Points that are not finite are
    left out, and so are edges to them.

    Args:
        image: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, or a picture file. Stays
            as it is; what is transparent becomes white.
        faces: in pixels of `image`; none is fine.
        radius: show around each point, as a soft disc, where the true one lies 90 times in 100.
        box: show the box of each face.
        labels: name the track of each face that has one.
        colour: RGB [0, 255] for all faces; None: by their tracks.
        size: factor for all widths.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        DataError: no picture, or a size that is not above 0.
    """
    if not size > 0:
        raise DataError(f"size to draw with must be above 0, is {size}")
    canvas = _rgb(image)
    for face in sorted(faces, key=_extent, reverse=True):  # small ones on top
        pen = _pen(canvas, face, size)
        _face(canvas, face, pen, color or _colour(face), radius=radius, box=box)
    for face in faces if labels else ():  # over everything else
        if face.track_id is not None:
            _label(canvas, face, _pen(canvas, face, size), color or _colour(face))
    return canvas


def _colour(face: Face) -> Color:
    return TRACK_COLORS[(face.track_id or 0) % len(TRACK_COLORS)]


def _rgb(image: NDArray[np.uint8] | str | Path) -> NDArray[np.uint8]:
    """A copy of a picture as RGB."""
    if isinstance(image, str | Path):
        return read_image(image)
    image = np.asarray(image)
    plain = image.ndim == 2 or image.shape[2:] in ((1,), (3,), (4,))
    if image.dtype != np.uint8 or not plain or 0 in image.shape:
        raise DataError(
            f"a picture to draw on must be uint8 (H, W), (H, W, 3) or (H, W, 4), is "
            f"{image.dtype} {image.shape}"
        )
    if image.ndim == 2 or image.shape[2] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    rgb = np.array(image[..., :3])
    return composite_on_white(rgb, image[..., 3]) if image.shape[2] == 4 else rgb


@dataclass(frozen=True)
class _Pen:
    """Widths in pixels: of lines, radius of dots, of the rim around both, height of letters."""

    line: float
    dot: float
    rim: float
    text: float


def _extent(face: Face) -> float:
    """Size of a face: root of its box's area, in pixels."""
    return float(np.sqrt(max(1.0, face.box[2]) * max(1.0, face.box[3])))


def _pen(canvas: NDArray[np.uint8], face: Face, size: float) -> _Pen:
    """Widths that suit a face of 60 pixels as well as one of 2000.

    Large faces get relatively thinner lines, and small ones in a large picture such as can be
    seen when the whole is looked at. Dots keep apart from their neighbours along an edge.
    """
    shown = min(canvas.shape[:2])
    extent = min(_extent(face), 4.0 * max(canvas.shape[:2]))
    line = max(0.5, 0.5 * (extent / 100) ** 0.85, min(shown / 2500, extent / 100))
    dot = 1.9 * line
    ends = np.array(face.landmarks.edge_columns, dtype=int).reshape(-1, 2)
    a, b = ends[_near(canvas, face.points)[ends].all(axis=1)].T
    apart = np.hypot(*(face.points[a] - face.points[b]).T)
    if len(apart):
        dot = min(dot, max(0.6 * line, 0.28 * float(np.median(apart))))
    rim = max(0.4, 0.5 * line)
    text = min(max(8.0, 1.7 * shown**0.3, 0.07 * extent), 0.05 * shown + 6)
    return _Pen(line * size, dot * size, rim * size, text * size)


def _near(canvas: NDArray[np.uint8], points: NDArray) -> NDArray[np.bool_]:
    """Which points, (n, 2), are finite and not so far away that coordinates would overflow."""
    return (np.abs(np.nan_to_num(points, nan=np.inf)) < _REACH * max(canvas.shape[:2])).all(axis=1)


def _face(
    canvas: NDArray[np.uint8], face: Face, pen: _Pen, colour: Color, *, radius: bool, box: bool
) -> None:
    points = face.points.astype(np.float64)
    shown = _near(canvas, points)
    corners = np.array(face.box[:2]), np.array(face.box[:2]) + face.box[2:]
    box = box and bool(_near(canvas, np.array(corners)).all())
    around = [points[shown], np.array(corners)] if box else [points[shown]]
    every = np.concatenate(around)
    if not len(every):
        return
    room = pen.dot + pen.line + 2 * pen.rim + 2
    patch = Patch(canvas, every.min(axis=0) - room, every.max(axis=0) + room, pen.line)
    if radius:
        _discs(canvas, points[shown], face.radius[shown], pen, colour)
    if patch.empty:
        return
    lines = [points[[a, b]] for a, b in face.landmarks.edge_columns if shown[a] and shown[b]]
    frame = [rectangle(*corners)] if box else []
    placed = patch.place(points[shown])

    def strokes(widths: float, dots: float) -> NDArray[np.float32]:
        def paint(mask: NDArray[np.uint8]) -> None:
            for ends in lines + frame if widths else ():
                stroke(mask, patch.place(ends), widths * patch.fine)
            for point in placed if dots else ():
                circle(mask, point, dots * patch.fine)

        return patch.cover(paint)

    patch.lay(0.6 * strokes(pen.line + 2 * pen.rim, pen.dot + pen.rim), _INK)
    patch.lay(0.9 * strokes(pen.line, 0), colour)
    patch.lay(strokes(0, pen.dot), _paler(colour))


def _paler(colour: Color) -> Color:
    red, green, blue = (round(c + (255 - c) * 0.7) for c in colour)
    return red, green, blue


def _discs(
    canvas: NDArray[np.uint8],
    points: NDArray,
    radii: NDArray[np.float32],
    pen: _Pen,
    colour: Color,
) -> None:
    """Discs that fade from the middle out, and a fine ring at the radius. All discs are one
    layer and all rings another, so that neighbours do not add up to a blot."""
    finite = np.isfinite(radii) & (radii > 0)
    points, radii = points[finite], np.minimum(radii[finite], float(max(canvas.shape)))
    if not len(points):
        return
    room = radii[:, None] + pen.line + 2
    patch = Patch(canvas, (points - room).min(axis=0), (points + room).max(axis=0), pen.line)
    if patch.empty:
        return
    placed = patch.place(points)

    def rings(mask: NDArray[np.uint8]) -> None:
        for point, r in zip(placed, radii, strict=True):
            circle(mask, point, r * patch.fine, max(1, round(0.8 * pen.line * patch.fine)))

    patch.lay(_fading(patch, points, radii), colour)
    patch.lay(0.45 * patch.cover(rings), colour)


_COARSE = 24  # pixels: radius that is enough for a disc that fades, which is then enlarged


def _fading(patch: Patch, points: NDArray, radii: NDArray) -> NDArray[np.float32]:
    """Cover of all discs, (h, w): 0.42 in their middle and less outwards."""
    height, width = patch.part.shape[:2]
    step = max(1.0, float(np.median(radii)) / _COARSE)
    small = max(1, round(width / step)), max(1, round(height / step))
    shrink = affine.resize_matrix(small[0] / width, small[1] / height)
    cover = np.zeros(small[::-1], dtype=np.float32)
    for (x, y), r in zip(affine.apply(shrink, points - patch.low), radii / step, strict=True):
        reach = r + 2
        x0, x1 = np.clip([x - reach, x + reach + 1], 0, small[0]).astype(int)
        y0, y1 = np.clip([y - reach, y + reach + 1], 0, small[1]).astype(int)
        far = np.hypot(np.arange(x0, x1) - x, (np.arange(y0, y1) - y)[:, None])
        soft = np.clip(r + 0.5 - far, 0, 1) * (0.42 - 0.26 * np.minimum(far / r, 1))
        part = cover[y0:y1, x0:x1]
        np.maximum(part, soft, out=part)
    return np.asarray(cv2.resize(cover, (width, height)), dtype=np.float32)


def _label(canvas: NDArray[np.uint8], face: Face, pen: _Pen, colour: Color) -> None:
    """The track's number on a tag above the face, moved into the picture."""
    font, text = cv2.FONT_HERSHEY_DUPLEX, str(face.track_id)
    picture_height, picture_width = canvas.shape[:2]
    (letters, tall), _ = cv2.getTextSize(text, font, 4.0, 8)
    scale = pen.text / tall
    pad = 0.45 * pen.text
    tag = np.array([letters * scale + 2 * pad, pen.text + 2 * pad])
    x, y, width, height = face.box
    if not (-width < x < picture_width and -height < y < picture_height):
        return
    low = np.array([x, y - tag[1] - 0.5 * pen.text])
    low = np.clip(low, 0, np.maximum(0, (picture_width, picture_height) - tag - 1))
    patch = Patch(canvas, low - 1, low + tag + 1, 1.0)
    if patch.empty:
        return
    corner = patch.place(low)

    def back(mask: NDArray[np.uint8]) -> None:
        round_ = pad * patch.fine
        x, y = corner + round_
        right, under = corner + tag * patch.fine - round_
        outline = rectangle(np.array([x, y]), np.array([right, under]))
        stroke(mask, outline, 2 * round_)
        fill(mask, outline)

    def front(mask: NDArray[np.uint8]) -> None:
        x, y = np.rint(corner + np.array([pad, pad + pen.text]) * patch.fine).astype(int).tolist()
        thick = max(1, round(0.14 * pen.text * patch.fine))
        cv2.putText(mask, text, (x, y), font, 4 * scale * patch.fine, 255, thick, cv2.LINE_AA)

    patch.lay(0.9 * patch.cover(back), colour)
    patch.lay(patch.cover(front), _INK)
