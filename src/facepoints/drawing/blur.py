"""Faces made unrecognizable: blurred, pixelated, masked or covered by a box.

What is left of a face has a limit that does not depend on its size in pixels. A region that is
blurred holds about three cycles per face, and a pixelated one five cells across a face. People, and
networks that were not trained for it need 8 to 16 (Parker & Costen 1999, Current Psychology 18,
118-127). A mask and a box leave nothing but the place and size of the face: take them if a
network may be trained on the very people (McPherson et al. 2016, arXiv:1609.00408).

Before a face is sampled in cells, everything finer than a cell is filtered out. So the frames of a
video, which sample a moving face in other places, do not add up to more detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.canvas import rgb_canvas
from facepoints.drawing.face_region import FaceRegion, face_region
from facepoints.drawing.palette import Color, as_color
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_input import ImageInput
from facepoints.inference.face import Face
from facepoints.inference.face_list import as_faces

__all__ = ["BLUR_STYLES", "BlurStyle", "blur_faces", "blur_regions", "check_blur"]

BlurStyle = Literal["blur", "pixelate", "mask", "box"]
BLUR_STYLES: tuple[BlurStyle, ...] = get_args(BlurStyle)

_SIGMA = 1 / 6  # of the Gaussian filter of "blur", in face sizes, at strength 1
_CELL = 1 / 5  # side of the cells of "pixelate", in face sizes, at strength 1
_CELL_SIGMA = 0.5  # of the filter before cells are sampled, in cells
_FINE = 48  # pixels per face at which faces are filtered: enough for the coarse result
_STRONGEST = 10.0
_LARGEST_MARGIN = 5.0  # face sizes
_BITS = 4  # fractional bits of the fixed-point corners
_FAR = 100_000  # pixels; corners farther out would overflow


def blur_faces(
    image: ImageInput,
    faces: Face | Sequence[Face],
    *,
    style: BlurStyle = "blur",
    strength: float = 1.0,
    margin: float = 0.1,
    color: Color = (0, 0, 0),
) -> NDArray[np.uint8]:
    """A copy of an image in which faces cannot be recognized.

    The region of a face reaches from the chin to the hair line and covers the 90 % radius of every
    point (`face_region.face_region`). Everything outside stays as it is, up to a soft edge of one
    pixel. Hair, clothes and places may still tell who somebody is.

    Examples:
        >>> hidden = facepoints.blur_faces("photo.jpg", model("photo.jpg"))  # doctest: +SKIP

    Args:
        image: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8; or a file, its bytes or a
            Pillow image. It is not changed. Transparent pixels become white.
        faces: one face or several, in pixels of `image`; may be empty.
        style: "blur" (a Gaussian filter, standard deviation 1/6 of the face's size), "pixelate"
            (square cells, side 1/5 of it), "mask" (the region in one color) or "box" (the
            upright rectangle around it in one color). The size of a face is the longer side of
            the box of its points.
        strength: factor on the filter and on the cells, from 1 to 10.
        margin: around the region, in sizes of the face, from 0 to 5.
        color: RGB [0, 255] of a mask or box.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        DataError: not an image, not faces, or a color that is not RGB.
        SettingsError: an unknown style, or a strength or margin out of range.
    """
    check_blur(style, strength, margin)
    regions = [face_region(face, margin) for face in as_faces(faces)]
    known = [region for region in regions if region is not None]
    return blur_regions(image, known, style=style, strength=strength, color=color)


def check_blur(style: str, strength: float, margin: float) -> None:
    """Raises SettingsError for an unknown style, or a number out of range."""
    if style not in BLUR_STYLES:
        raise SettingsError(f"no blur style {style!r:.40}; choose one of: {', '.join(BLUR_STYLES)}")
    if not isinstance(strength, Real) or not 1 <= strength <= _STRONGEST:
        raise SettingsError(
            f"strength is a number from 1 to {_STRONGEST:g}, got {strength!r:.40}; below 1, faces "
            f"could be recognized"
        )
    if not isinstance(margin, Real) or not 0 <= margin <= _LARGEST_MARGIN:
        raise SettingsError(
            f"margin is a number of face sizes from 0 to {_LARGEST_MARGIN:g}, got {margin!r:.40}"
        )


def blur_regions(
    image: ImageInput,
    regions: Sequence[FaceRegion],
    *,
    style: BlurStyle = "blur",
    strength: float = 1.0,
    color: Color = (0, 0, 0),
) -> NDArray[np.uint8]:
    """A copy of an image with regions made unrecognizable; otherwise as `blur_faces`."""
    check_blur(style, strength, 0)
    color = as_color(color)
    source = rgb_canvas(image)
    canvas = source.copy()
    for region in sorted(regions, key=lambda one: one.size):  # large ones last, the strongest
        _cover(canvas, source, region, style, strength, color)
    return canvas


def _cover(
    canvas: NDArray[np.uint8],
    source: NDArray[np.uint8],
    region: FaceRegion,
    style: BlurStyle,
    strength: float,
    color: Color,
) -> None:
    """Paint over a region of the canvas, with what the source shows there."""
    height, width = canvas.shape[:2]
    corners = np.clip(region.polygon(), -_FAR, _FAR)
    if style == "box":
        low, high = corners.min(axis=0), corners.max(axis=0)
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, (width, height)).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, 0, (width, height)).tolist()
    if x0 >= x1 or y0 >= y1:
        return
    mask = _mask(corners - (x0, y0), (y1 - y0, x1 - x0))
    part = canvas[y0:y1, x0:x1]
    if style in ("mask", "box"):
        paint = np.broadcast_to(np.array(color, dtype=np.float32), part.shape)
    elif style == "pixelate":
        paint = _cells(source, region, (x0, y0, x1, y1), strength)
    else:
        paint = _filtered(source, region.size * _SIGMA * strength, (x0, y0, x1, y1), region.size)
    touched = mask > 0
    below = part[touched].astype(np.float32)
    mixed = below + (paint[touched] - below) * mask[touched][:, None]
    part[touched] = np.rint(mixed).astype(np.uint8)


def _mask(corners: NDArray, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Cover (h, w) of a convex polygon: 1 inside, and a soft edge outside of it."""
    mask = np.zeros(shape, dtype=np.uint8)
    fixed = np.rint(corners * (1 << _BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_8, _BITS)
    soft = cv2.blur(cv2.dilate(mask, np.ones((3, 3), np.uint8)), (3, 3))
    return np.asarray(np.maximum(mask, soft), dtype=np.float32) / np.float32(255)


def _filtered(
    source: NDArray[np.uint8], sigma: float, part: tuple[int, int, int, int], size: float
) -> NDArray[np.float32]:
    """The source after a Gaussian filter, in a part (x0, y0, x1, y1) of it: (h, w, 3).

    The filter runs at `_FINE` pixels per face, which is fine enough for its smooth result.
    """
    x0, y0, x1, y1 = part
    height, width = source.shape[:2]
    room = round(3 * sigma) + 1
    left, top = max(0, x0 - room), max(0, y0 - room)
    around = source[top : min(height, y1 + room), left : min(width, x1 + room)]
    factor = min(1.0, _FINE / size)
    small_size = [max(1, round(n * factor)) for n in around.shape[1::-1]]
    small = cv2.resize(around, small_size, interpolation=cv2.INTER_AREA).astype(np.float32)
    across, down = (new / old for new, old in zip(small_size, around.shape[1::-1], strict=True))
    smooth = cv2.GaussianBlur(
        small, (0, 0), sigmaX=sigma * across, sigmaY=sigma * down, borderType=cv2.BORDER_REPLICATE
    )
    shift = np.array([[1.0, 0, x0 - left], [0, 1, y0 - top]])
    matrix = affine.compose(shift, affine.resize_matrix(across, down))
    back = cv2.warpAffine(
        smooth, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(back, dtype=np.float32)


def _cells(
    source: NDArray[np.uint8],
    region: FaceRegion,
    part: tuple[int, int, int, int],
    strength: float,
) -> NDArray[np.float32]:
    """Square cells of one color each, in a part (x0, y0, x1, y1) of the image: (h, w, 3).

    The middle of a cell is at the region's center, so the cells move with the face.
    """
    x0, y0, x1, y1 = part
    side = max(2.0, region.size * _CELL * strength)
    smooth = _filtered(source, _CELL_SIGMA * side, part, region.size)
    columns, rows = (
        _centers(low, high, float(middle), side)
        for low, high, middle in ((x0, x1, region.center[0]), (y0, y1, region.center[1]))
    )
    return smooth[rows][:, columns]


def _centers(low: int, high: int, middle: float, side: float) -> NDArray[np.intp]:
    """For each pixel from `low` to `high`, the place of its cell's center, counted from `low`."""
    places = np.arange(low, high)
    centers = middle + np.floor((places - middle) / side + 0.5) * side
    return np.clip(np.rint(centers), low, high - 1).astype(np.intp) - low
