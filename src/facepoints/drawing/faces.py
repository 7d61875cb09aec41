"""Faces drawn on their image: points, the edges between them, and the radius of each point.

A point that is visible, or whose visibility is unknown, is a filled dot. A hidden one is a ring,
and its edges are pale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.antialiasing import Patch, circle, fill, rectangle, stroke
from facepoints.drawing.canvas import rgb_canvas
from facepoints.drawing.legend import Mark, draw_legend
from facepoints.drawing.palette import Color, as_color, edges, hidden_points, track_color
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_input import ImageInput
from facepoints.inference.face import Face
from facepoints.inference.face_list import as_faces

__all__ = ["draw"]

_INK: Color = (8, 12, 20)  # of rims and of the text on a label
_REACH = 8  # points farther from the image than this many image sides are left out


def draw(
    image: ImageInput,
    faces: Face | Sequence[Face],
    *,
    radius: bool = False,
    box: bool = False,
    hidden: bool = True,
    labels: bool = True,
    color: Color | None = None,
    size: float = 1.0,
    legend: bool = False,
) -> NDArray[np.uint8]:
    """A copy of an image with faces drawn on it: their points and the edges between them.

    Widths depend on the size of each face and of the image. Hidden points (visibility below 0.5)
    are rings instead of dots, and their edges are pale. Points that are not finite are left out,
    and so are their edges.

    Args:
        image: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8; or a file, its bytes or a
            Pillow image. It is not changed. Transparent pixels become white.
        faces: one face or several, in pixels of `image`; may be empty.
        radius: draw the 90 % radius of each point as a soft disc.
        box: draw the box of each face.
        hidden: draw hidden points. False: they are left out, with their edges and radii.
        labels: write the track number of each face that has one.
        color: RGB [0, 255] for all faces; None: a color per track.
        size: factor for all widths.
        legend: say in the lower left corner what the discs and the rings of hidden points mean,
            if there are any and the image is large enough.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        DataError: not an image, not faces, a color that is not RGB, or a size that is not a
            number above 0.
    """
    if not isinstance(size, Real) or not 0 < size < math.inf:
        raise DataError(f"size to draw with must be a number above 0, is {size!r:.40}")
    color = None if color is None else as_color(color)
    faces = as_faces(faces)
    canvas = rgb_canvas(image)
    for face in sorted(faces, key=_extent, reverse=True):  # small ones on top
        pen = _pen(canvas, face, size)
        _face(
            canvas,
            face,
            pen,
            color or track_color(face.track_id),
            radius=radius,
            box=box,
            hidden=hidden,
        )
    for face in faces if labels else ():  # over everything else
        if face.track_id is not None:
            pen = _pen(canvas, face, size)
            _label(canvas, face, pen, color or track_color(face.track_id))
    if legend and faces:
        rings = hidden and any(hidden_points(face).any() for face in faces)
        _legend(canvas, radius, rings, color or track_color(faces[0].track_id), size)
    return canvas


def _legend(
    canvas: NDArray[np.uint8], radius: bool, rings: bool, color: Color, size: float
) -> None:
    rows: list[tuple[Mark, Color, str]] = []
    if radius:
        rows.append(("disc", color, "holds the true point in 90 %"))
    if rings:
        rows.append(("ring", color, "hidden point"))
    if rows:
        draw_legend(canvas, rows, size)


@dataclass(frozen=True)
class _Pen:
    """Sizes in pixels: width of lines, radius of dots, width of the rim around both, height of
    digits."""

    line: float
    dot: float
    rim: float
    text: float


def _extent(face: Face) -> float:
    """Size of a face in pixels: the square root of the area of its box."""
    return float(np.sqrt(max(1.0, face.box[2]) * max(1.0, face.box[3])))


def _pen(canvas: NDArray[np.uint8], face: Face, size: float) -> _Pen:
    """The pen for a face. It suits faces of 60 pixels and of 2000.

    Lines of large faces are relatively thinner. Lines of small faces in a large image are thick
    enough to be seen when the whole image is shown. Dots do not touch their neighbors on an edge.
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
    """Mask (n,) of points (n, 2) that are finite and near enough not to overflow when drawn."""
    return (np.abs(np.nan_to_num(points, nan=np.inf)) < _REACH * max(canvas.shape[:2])).all(axis=1)


def _face(
    canvas: NDArray[np.uint8],
    face: Face,
    pen: _Pen,
    color: Color,
    *,
    radius: bool,
    box: bool,
    hidden: bool,
) -> None:
    points, guesses = face.points.astype(np.float64), hidden_points(face)
    shown = _near(canvas, points) & (hidden | ~guesses)
    corners = np.array(face.box[:2]), np.array(face.box[:2]) + face.box[2:]
    box = box and bool(_near(canvas, np.array(corners)).all())
    around = [points[shown], np.array(corners)] if box else [points[shown]]
    every = np.concatenate(around)
    if not len(every):
        return
    room = pen.dot + pen.line + 2 * pen.rim + 2
    patch = Patch(canvas, every.min(axis=0) - room, every.max(axis=0) + room, pen.line)
    if radius:
        _discs(canvas, points[shown], face.radius[shown], pen, color)
    if patch.empty:
        return
    pairs = edges(face.landmarks, shown)
    lines = [points[[a, b]] for a, b in pairs if not (guesses[a] or guesses[b])]
    frame = [rectangle(*corners)] if box else []
    if (shown & guesses).any():
        guessed = [points[[a, b]] for a, b in pairs if guesses[a] or guesses[b]]
        _hidden(patch, points[shown & guesses], guessed, pen, color)
    placed = patch.place(points[shown & ~guesses])

    def strokes(widths: float, dots: float) -> NDArray[np.float32]:
        def paint(mask: NDArray[np.uint8]) -> None:
            for ends in lines + frame if widths else ():
                stroke(mask, patch.place(ends), widths * patch.fine)
            for point in placed if dots else ():
                circle(mask, point, dots * patch.fine)

        return patch.cover(paint)

    patch.lay(0.6 * strokes(pen.line + 2 * pen.rim, pen.dot + pen.rim), _INK)
    patch.lay(0.9 * strokes(pen.line, 0), color)
    patch.lay(strokes(0, pen.dot), _paler(color))


def _hidden(
    patch: Patch, points: NDArray, lines: Sequence[NDArray], pen: _Pen, color: Color
) -> None:
    """Hidden points as rings, and pale edges to them."""
    placed = patch.place(points)

    def edges_of(width: float) -> NDArray[np.float32]:
        def paint(mask: NDArray[np.uint8]) -> None:
            for ends in lines:
                stroke(mask, patch.place(ends), width * patch.fine)
            for point in placed:  # nothing shows inside a ring
                circle(mask, point, pen.dot * patch.fine, color=0)

        return patch.cover(paint)

    def rings(width: float) -> NDArray[np.float32]:
        def paint(mask: NDArray[np.uint8]) -> None:
            for point in placed:
                circle(mask, point, pen.dot * patch.fine, max(1, round(width * patch.fine)))

        return patch.cover(paint)

    patch.lay(0.3 * edges_of(pen.line + 2 * pen.rim), _INK)
    patch.lay(0.35 * edges_of(pen.line), color)
    patch.lay(0.6 * rings(0.7 * pen.line + pen.rim), _INK)
    patch.lay(rings(0.7 * pen.line), _paler(color))


def _paler(color: Color) -> Color:
    red, green, blue = (round(c + (255 - c) * 0.7) for c in color)
    return red, green, blue


def _discs(
    canvas: NDArray[np.uint8],
    points: NDArray,
    radii: NDArray[np.float32],
    pen: _Pen,
    color: Color,
) -> None:
    """Discs that fade outwards, and a fine ring at the radius. All discs are one layer and all
    rings another, so that neighbors do not add up to a blot."""
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

    patch.lay(_fading(patch, points, radii), color)
    patch.lay(0.45 * patch.cover(rings), color)


_COARSE = 24  # radius in pixels at which fading discs are drawn before they are enlarged


def _fading(patch: Patch, points: NDArray, radii: NDArray) -> NDArray[np.float32]:
    """Opacity (h, w) of all discs: 0.42 in the center, less outwards."""
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


def _label(canvas: NDArray[np.uint8], face: Face, pen: _Pen, color: Color) -> None:
    """The track number on a tag above the face, moved into the image."""
    font, text = cv2.FONT_HERSHEY_DUPLEX, str(face.track_id)
    image_height, image_width = canvas.shape[:2]
    (letters, tall), _ = cv2.getTextSize(text, font, 4.0, 8)
    scale = pen.text / tall
    pad = 0.45 * pen.text
    tag = np.array([letters * scale + 2 * pad, pen.text + 2 * pad])
    x, y, width, height = face.box
    if not (-width < x < image_width and -height < y < image_height):
        return
    low = np.array([x, y - tag[1] - 0.5 * pen.text])
    low = np.clip(low, 0, np.maximum(0, (image_width, image_height) - tag - 1))
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

    patch.lay(0.9 * patch.cover(back), color)
    patch.lay(patch.cover(front), _INK)
