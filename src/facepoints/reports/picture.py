"""Pictures inside a report: images as data URIs, with points and lines drawn over them in SVG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Mark", "Picture", "crop_around", "data_uri", "dots", "edge_lines", "path_of"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Mark:
    """Something drawn over a picture: an SVG path with a class of the style.

    Attributes:
        kind: class of the style.
        path: in pixels of the picture.
        label: tooltip; empty: none.
        tag: short text beside the mark, at `at`; empty: none.
    """

    kind: str
    path: str
    label: str = ""
    tag: str = ""
    at: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Picture:
    """An image with marks. The center of its top-left pixel is (0, 0).

    Attributes:
        uri: the image as a data URI; empty: a plain background.
        width, height: in pixels.
        marks: drawn over it, in order.
        title: says what it shows, for those who do not see it.
        caption: below it; empty: none.
        name: in the caption, such as the file; empty: none.
        text: size of the tags' letters, in pixels of the picture.
    """

    uri: str
    width: int
    height: int
    marks: Sequence[Mark]
    title: str
    caption: str = ""
    name: str = ""
    text: float = 12.0


def data_uri(image: NDArray[np.uint8], quality: int = 88) -> str:
    """An image (H, W) gray or (H, W, 3) RGB as a JPEG in a data URI."""
    pixels = image if image.ndim == 2 else image[..., ::-1]
    good, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert good, "OpenCV writes JPEG"
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def crop_around(
    image: NDArray[np.uint8], points: Array, side: int = 480, margin: float = 0.35
) -> tuple[NDArray[np.uint8], affine.Matrix]:
    """The part of an image around points, scaled down to at most `side` pixels.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        points: (n, 2) in pixels of the image.
        side: longest side of the result.
        margin: room around the box of the points, as a share of its longer side.

    Returns:
        The part, and the (2, 3) map from pixels of the image to pixels of the part. Nothing
        outside the image is made up. An image that the points lie outside of is returned whole.
    """
    height, width = image.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    room = margin * max(float((high - low).max()), 8.0)
    left, top = np.clip(np.floor(low - room), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(high + room) + 1, 1, (width, height)).astype(int)
    if right - left < 4 or bottom - top < 4:
        left, top, right, bottom = 0, 0, width, height
    part = image[top:bottom, left:right]
    scale = min(1.0, side / max(part.shape[:2]))
    matrix = np.array([[1, 0, -left], [0, 1, -top]], dtype=np.float64)
    if scale < 1:
        size = [max(1, round(length * scale)) for length in part.shape[1::-1]]
        shrink = affine.resize_matrix(size[0] / part.shape[1], size[1] / part.shape[0])
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix = affine.compose(matrix, shrink)
    return np.ascontiguousarray(part), matrix


def dots(points: Array) -> str:
    """A path of dots at points (n, 2): lines without length and round ends."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points if np.isfinite(x + y))


def edge_lines(points: Array, landmarks: LandmarkSet, shown: NDArray[np.bool_]) -> str:
    """A path of the edges of a landmark set whose ends are both shown (K,)."""
    pairs = [(a, b) for a, b in landmarks.edge_columns if shown[a] and shown[b]]
    return "".join(path_of(points[[a, b]]) for a, b in pairs)


def path_of(points: Array) -> str:
    """A path through points (n, 2)."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
