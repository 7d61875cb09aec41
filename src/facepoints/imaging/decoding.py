"""Decodes the bytes of image files: OpenCV decodes all kinds but HEIC."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util.memory import free_memory
from facepoints.errors import DataError
from facepoints.imaging.colors import composite_on_white, to_rgb
from facepoints.imaging.heif import decode_heic
from facepoints.imaging.image_frames import count_frames, whole_frames
from facepoints.imaging.image_header import HEAD_BYTES, KINDS, Header, foreign_kind, read_header
from facepoints.imaging.opencv_decoder import (
    NO_MEMORY,
    check_pixels,
    decode_with_opencv,
    out_of_memory,
    undecodable,
)
from facepoints.imaging.tiff import decode_tiff

__all__ = ["MAX_PIXELS", "DecodedImage", "decode", "not_an_image"]

MAX_PIXELS = 2**28
"""Pixels of the largest image that is decoded (268 million, 0.8 GB as RGB). A file of a few bytes
may claim any size, and memory is allocated before its pixels are read."""

_DEEP = {"PNG", "PNM"}  # kinds with more than 8 bits, which are scaled here
_SMALL = 2**24  # bytes of pixels, which fit in the memory of any machine


class DecodedImage(NamedTuple):
    """An image that was read.

    Attributes:
        pixels: (H, W, 3) RGB, upright.
        note: what was left out or taken for something else; empty if nothing was.
    """

    pixels: NDArray[np.uint8]
    note: str


def decode(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode an image file.

    Args:
        data: the file.
        name: of the file, for messages.
        max_pixels: of the largest image that is decoded.

    Raises:
        DataError: the data is not an image, damaged or cut off, has more than `max_pixels`, or
            does not fit in memory.
    """
    header = read_header(data)
    if header is None:
        raise not_an_image(data, name)
    check_pixels(name, header.width, header.height, max_pixels)
    size = 3 * header.width * header.height
    free = free_memory() if size > _SMALL else None  # asking takes a fifth of a millisecond
    if free is not None and size > free:
        raise out_of_memory(name, header.width, header.height)
    try:
        return _decode(data, name, header, max_pixels)
    except (MemoryError, cv2.error) as error:
        if isinstance(error, MemoryError) or error.code == NO_MEMORY:
            raise out_of_memory(name, header.width, header.height) from error
        raise undecodable(name, header.kind) from error


_VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".webm")


def not_an_image(data: bytes, name: str) -> DataError:
    """The error for a file that is no image, by its first bytes."""
    if not data:
        return DataError(f"{name} is empty (0 bytes)")
    known = ", ".join(KINDS)
    if foreign := foreign_kind(data[:HEAD_BYTES]):
        return DataError(
            f"{name} is {foreign}, which is not read; save it as one of these: {known}"
        )
    nor = " nor a video: it does not begin as one" if name.lower().endswith(_VIDEOS) else ""
    return DataError(f"{name} is not an image of a known kind ({known}){nor}")


def _decode(data: bytes, name: str, header: Header, max_pixels: int) -> DecodedImage:
    if header.kind == "HEIC":
        pixels, note = decode_heic(data, name)
        if pixels.shape[2] == 4:
            pixels = composite_on_white(pixels[..., :3], pixels[..., 3])
        return DecodedImage(pixels, note)
    if header.kind == "TIFF":
        return DecodedImage(*decode_tiff(data, name, header, max_pixels))
    if header.kind == "PNM":
        data += b"\n"  # OpenCV refuses numbers as text without an end of the last line
    frames = count_frames(data, header.kind)
    data = whole_frames(data, header.kind)
    color = cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if header.kind in _DEEP else 0)
    bgr = decode_with_opencv(data, color, header)
    if bgr is None or bgr.ndim != 3:
        raise undecodable(name, header.kind)
    rgb, note = to_rgb(bgr, data, name, header)
    if header.kind == "AVIF":
        rgb = _turned_avif(rgb, data)
    if frames > 1:
        left = count_frames(data, header.kind)
        cut = f" cut off after frame {left}," if left < frames else ""
        animation = f"is an animation of {frames} frames,{cut} of which the first was read"
        note = "; ".join(filter(None, (note, f"{animation} (--video reads all)")))
    return DecodedImage(rgb, note)


def _turned_avif(image: NDArray[np.uint8], data: bytes) -> NDArray[np.uint8]:
    """An image turned and mirrored as its file says (ISO/IEC 23008-12); OpenCV does neither."""
    head = data[:65536]
    at = head.find(b"irot")
    if at >= 0:  # quarter turns counterclockwise
        image = np.rot90(image, data[at + 4] & 3)
    at = head.find(b"imir")
    if at >= 0:  # axis 0: top and bottom change places; 1: left and right
        image = image[:, ::-1] if data[at + 4] & 1 else image[::-1]
    return np.ascontiguousarray(image)
