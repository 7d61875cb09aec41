"""Decodes TIFF files: all pages, previews left out, every usual number type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import tiff_tags
from facepoints.imaging.colors import to_rgb
from facepoints.imaging.image_header import Header
from facepoints.imaging.opencv_decoder import (
    check_pixels,
    decode_with_opencv,
    out_of_memory,
    quietly,
    undecodable,
)
from facepoints.imaging.tiff_numbers import stored_type, with_sample_format

__all__ = ["TiffImage", "decode_tiff", "decode_tiff_pages"]

_PREVIEW = 5  # bits of the tag REDUCED: a smaller copy, or a mask


class TiffImage(NamedTuple):
    """A page of a TIFF file.

    Attributes:
        pixels: (H, W, 3) RGB, upright.
        note: what was left out or taken for something else; empty if nothing was.
    """

    pixels: NDArray[np.uint8]
    note: str


def decode_tiff(data: bytes, name: str, header: Header, max_pixels: int) -> TiffImage:
    """Decode the first page of a TIFF file that is not a preview.

    Args:
        data: the file.
        name: of the file, for messages.
        header: of the file, which is that of its first page.
        max_pixels: of the largest page that is decoded.

    Raises:
        DataError: it is damaged, too large, a raw photo, or holds only a preview or values in no
            known range.
    """
    pages = [page.tags for page in tiff_tags.iter_pages(data)]
    if any(tiff_tags.DNG_VERSION in tags for tags in pages):
        raise DataError(
            f"{name} is a raw photo of a camera (DNG), of which only a preview could be read; "
            f"save it as JPEG or TIFF"
        )
    full = [n for n, tags in enumerate(pages) if not tags.get(tiff_tags.REDUCED, 0) & _PREVIEW]
    if pages and not full:
        raise DataError(
            f"{name} holds only a preview and no whole image, as raw photos of cameras do; save "
            f"it as JPEG or TIFF"
        )
    chosen = full[0] if full else 0
    tags = pages[chosen] if pages else {}
    width, height = tags.get(tiff_tags.WIDTH, 0), tags.get(tiff_tags.HEIGHT, 0)
    check_pixels(name, width, height, max_pixels)
    stored = _read_page(data, chosen, tags, header)
    if stored is None or stored.ndim != 3:
        raise undecodable(name, "TIFF", _stored_as(tags) if tags else "")
    if chosen:  # its transparency is not read
        header = header._replace(alpha=False)
    rgb, note = to_rgb(stored, data, name, header)
    left = [str(number + 1) for number in full[1:]]
    if left:
        some = ", ".join(left) if len(left) < 4 else f"{left[0]} to {left[-1]}"
        plural = "pages" if len(left) > 1 else "page"
        verb = "were" if len(left) > 1 else "was"
        pages_note = f"has {len(pages)} pages; {plural} {some} {verb} left out (--video reads all)"
        note = "; ".join(filter(None, (note, pages_note)))
    return TiffImage(rgb, note)


def decode_tiff_pages(data: bytes, name: str, max_pixels: int) -> Iterator[NDArray[np.uint8]]:
    """The pages of a TIFF file that are not previews, each (H, W, 3) RGB.

    The iteration ends at the first page that cannot be decoded.

    Raises:
        DataError: a page has more than `max_pixels`, does not fit in memory, or holds values in no
            known range.
    """
    pages = [page.tags for page in tiff_tags.iter_pages(data)]
    for number, tags in enumerate(pages):
        if tags.get(tiff_tags.REDUCED, 0) & _PREVIEW:
            continue
        width, height = tags.get(tiff_tags.WIDTH, 0), tags.get(tiff_tags.HEIGHT, 0)
        if width * height > max_pixels:
            raise DataError(f"{name}, page {number + 1}: {width} x {height} pixels are too many")
        header = Header("TIFF", width, height, False)
        try:
            stored = _read_page(data, number, tags, header)
        except MemoryError as error:
            raise out_of_memory(name, width, height) from error
        if stored is None or stored.ndim != 3:
            return
        yield to_rgb(stored, data, name, header)[0]


def _read_page(data: bytes, number: int, tags: dict[int, int], header: Header) -> NDArray | None:
    """A page (H, W, 3) BGR as stored, upright; None if it cannot be decoded."""
    image = _decode_page(data, number, tags, header)
    if image is None:
        image = _decode_as_other_type(data, number, tags, header)
    if image is None:
        return None
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    deep = image.dtype.kind in "iu" and image.dtype != np.uint8
    if deep and tags.get(tiff_tags.PHOTOMETRIC) == 0:  # 0 is white; OpenCV inverts only 8 bits
        image = np.subtract(np.iinfo(str(image.dtype)).max, image, dtype=image.dtype)
    return np.ascontiguousarray(image)


def _decode_as_other_type(
    data: bytes, number: int, tags: dict[int, int], header: Header
) -> NDArray | None:
    """A page whose number type OpenCV reads only under the name of another (`tiff_numbers`)."""
    kind = stored_type(tags)
    other = None if kind is None else with_sample_format(data, number, kind.read_as)
    if kind is None or other is None:
        return None
    read = _decode_page(other, 0, {**tags, tiff_tags.SAMPLE_FORMAT: kind.read_as}, header)
    if read is None or read.dtype.itemsize != np.dtype(kind.numbers).itemsize:
        return None
    return read.view(kind.numbers)


def _decode_page(data: bytes, number: int, tags: dict[int, int], header: Header) -> NDArray | None:
    floats = tags.get(tiff_tags.SAMPLE_FORMAT) == tiff_tags.FLOATS
    # OpenCV decodes gray floats only as gray
    flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_ANYCOLOR if floats else cv2.IMREAD_COLOR)
    if not number:
        return decode_with_opencv(data, flags, header)
    pixels = np.frombuffer(data, np.uint8)
    _, pages = quietly(lambda: cv2.imdecodemulti(pixels, flags, range=(number, number + 1))) or (
        False,
        (),
    )
    return pages[0] if pages else None


def _stored_as(tags: dict[int, int]) -> str:
    """The way in which a page stores its pixels, for a message."""
    numbers = {1: "integers", 2: "signed integers", 3: "floats"}
    form = numbers.get(tags.get(tiff_tags.SAMPLE_FORMAT, 1), "numbers")
    compression = tags.get(tiff_tags.COMPRESSION, 1)
    return f" ({tags.get(tiff_tags.BITS, 1)}-bit {form}, compression {compression})"
