"""Decodes the bytes of image files: OpenCV decodes all kinds but HEIC."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util.memory import free_memory
from facepoints.errors import DataError
from facepoints.imaging import tiff_tags
from facepoints.imaging.bit_depth import to_uint8
from facepoints.imaging.heif import decode_heic
from facepoints.imaging.image_frames import count_frames
from facepoints.imaging.image_header import HEAD_BYTES, KINDS, Header, foreign_kind, read_header

__all__ = [
    "MAX_PIXELS",
    "DecodedImage",
    "composite_on_white",
    "decode",
    "decode_pages",
    "not_an_image",
    "out_of_memory",
    "quiet_opencv",
]

MAX_PIXELS = 2**28
"""Pixels of the largest image that is decoded (268 million, 0.8 GB as RGB). A file of a few bytes
may claim any size, and memory is allocated before its pixels are read."""

_DEEP = {"PNG", "TIFF", "PNM"}  # kinds with more than 8 bits, which are scaled here
_PREVIEW = 5  # bits of the tag REDUCED: a smaller copy, or a mask
_SMALL = 2**24  # bytes of pixels, which fit in the memory of any machine
_NO_MEMORY = -4  # OpenCV's code of this error


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
    _check_pixels(name, header.width, header.height, max_pixels)
    size = 3 * header.width * header.height
    free = free_memory() if size > _SMALL else None  # asking takes a fifth of a millisecond
    if free is not None and size > free:
        raise out_of_memory(name, header.width, header.height)
    try:
        return _decode(data, name, header, max_pixels)
    except (MemoryError, cv2.error) as error:
        if isinstance(error, MemoryError) or error.code == _NO_MEMORY:
            raise out_of_memory(name, header.width, header.height) from error
        raise _undecodable(name, header.kind, data) from error


def _check_pixels(name: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        raise DataError(
            f"{name} claims {width} x {height} pixels, at most {most / 1e6:.3g} million are read; "
            f"shrink it first"
        )


def out_of_memory(name: str, width: int, height: int) -> DataError:
    """The error for an image that does not fit in memory."""
    return DataError(
        f"not enough memory for this picture ({width} x {height}): {name}; shrink it, or allow "
        f"the program more memory"
    )


def not_an_image(data: bytes, name: str) -> DataError:
    """The error for a file that is no image, by its first bytes."""
    if not data:
        return DataError(f"{name} is empty (0 bytes)")
    known = ", ".join(KINDS)
    if foreign := foreign_kind(data[:HEAD_BYTES]):
        return DataError(
            f"{name} is {foreign}, which is not read; save it as one of these: {known}"
        )
    return DataError(f"{name} is not an image of a known kind ({known})")


def _decode(data: bytes, name: str, header: Header, max_pixels: int) -> DecodedImage:
    if header.kind == "HEIC":
        pixels, note = decode_heic(data, name)
        if pixels.shape[2] == 4:
            pixels = composite_on_white(pixels[..., :3], pixels[..., 3])
        return DecodedImage(pixels, note)
    if header.kind == "TIFF":
        return _decode_tiff(data, name, header, max_pixels)
    color = cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if header.kind in _DEEP else 0)
    bgr = _opencv(data, color, header)
    if bgr is None or bgr.ndim != 3:
        raise _undecodable(name, header.kind, data)
    rgb, note = _to_rgb(bgr, data, name, header)
    if header.kind == "AVIF":
        rgb = _turned_avif(rgb, data)
    frames = count_frames(data, header.kind)
    if frames > 1:
        animation = f"is an animation of {frames} frames, of which the first was read"
        note = "; ".join(filter(None, (note, f"{animation} (--video reads all)")))
    return DecodedImage(rgb, note)


def _to_rgb(bgr: NDArray, data: bytes, name: str, header: Header) -> tuple[NDArray[np.uint8], str]:
    """RGB of 8 bits from what OpenCV decoded, composited on white, with a note on its range."""
    alpha = None
    if header.alpha:
        stored = _opencv(data, cv2.IMREAD_UNCHANGED, header)
        if stored is not None and stored.ndim == 3 and stored.shape[2] == 4:
            alpha, _ = to_uint8(_alpha(bgr, stored), name)
    rgb, note = to_uint8(bgr, name)
    cv2.cvtColor(rgb, cv2.COLOR_BGR2RGB, dst=rgb)
    return (rgb if alpha is None else composite_on_white(rgb, alpha)), note


def _decode_tiff(data: bytes, name: str, header: Header, max_pixels: int) -> DecodedImage:
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
    # the header is that of the first page
    width, height = tags.get(tiff_tags.WIDTH, 0), tags.get(tiff_tags.HEIGHT, 0)
    _check_pixels(name, width, height, max_pixels)
    stored = _tiff_page(data, chosen, tags, header)
    if stored is None or stored.ndim != 3:
        raise _undecodable(name, "TIFF", data, tags)
    if chosen:  # its transparency is not read
        header = header._replace(alpha=False)
    rgb, note = _to_rgb(stored, data, name, header)
    left = [str(number + 1) for number in full[1:]]
    if left:
        some = ", ".join(left) if len(left) < 4 else f"{left[0]} to {left[-1]}"
        plural = "pages" if len(left) > 1 else "page"
        verb = "were" if len(left) > 1 else "was"
        pages_note = f"has {len(pages)} pages; {plural} {some} {verb} left out (--video reads all)"
        note = "; ".join(filter(None, (note, pages_note)))
    return DecodedImage(rgb, note)


def decode_pages(data: bytes, name: str) -> Iterator[NDArray[np.uint8]]:
    """The pages of a TIFF file that are not previews, each (H, W, 3) RGB.

    The iteration ends at the first page that cannot be decoded.

    Raises:
        DataError: a page is too large or does not fit in memory, or holds floats out of range.
    """
    pages = [page.tags for page in tiff_tags.iter_pages(data)]
    for number, tags in enumerate(pages):
        if tags.get(tiff_tags.REDUCED, 0) & _PREVIEW:
            continue
        width, height = tags.get(tiff_tags.WIDTH, 0), tags.get(tiff_tags.HEIGHT, 0)
        if width * height > MAX_PIXELS:
            raise DataError(f"{name}, page {number + 1}: {width} x {height} pixels are too many")
        header = Header("TIFF", width, height, False)
        try:
            stored = _tiff_page(data, number, tags, header)
        except MemoryError as error:
            raise out_of_memory(name, width, height) from error
        if stored is None or stored.ndim != 3:
            return
        yield _to_rgb(stored, data, name, header)[0]


def _tiff_page(data: bytes, number: int, tags: dict[int, int], header: Header) -> NDArray | None:
    """A page (H, W, 3) BGR as stored, upright."""
    floats = tags.get(tiff_tags.SAMPLE_FORMAT) == 3
    # OpenCV decodes gray floats only as gray
    flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_ANYCOLOR if floats else cv2.IMREAD_COLOR)
    if number:
        _, pages = _quietly(
            lambda: cv2.imdecodemulti(
                np.frombuffer(data, np.uint8), flags, range=(number, number + 1)
            )
        ) or (False, ())
        image = pages[0] if pages else None
    else:
        image = _opencv(data, flags, header)
    if image is None:
        return None
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    deep = image.dtype.kind in "iu" and image.dtype != np.uint8
    if deep and tags.get(tiff_tags.PHOTOMETRIC) == 0:  # 0 is white; OpenCV inverts only 8 bits
        image = np.iinfo(image.dtype).max - image
    return np.ascontiguousarray(image)


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


def _undecodable(
    name: str, kind: str, data: bytes, tags: dict[int, int] | None = None
) -> DataError:
    stored = ""
    if tags:
        numbers = {1: "integers", 2: "signed integers", 3: "floats"}
        form = numbers.get(tags.get(tiff_tags.SAMPLE_FORMAT, 1), "numbers")
        compression = tags.get(tiff_tags.COMPRESSION, 1)
        stored = f" ({tags.get(tiff_tags.BITS, 1)}-bit {form}, compression {compression})"
    return DataError(
        f"{name} could not be decoded: its {kind} data{stored} is damaged, cut off, or a "
        f"variant that OpenCV {cv2.__version__} does not read"
    )


def _opencv(data: bytes, flags: int, header: Header) -> NDArray | None:
    """What OpenCV decodes; None if it cannot. Raises MemoryError."""
    image = _quietly(lambda: cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags))
    if image is None and header.width:
        # OpenCV does not tell damage from a lack of memory
        np.empty((header.height, header.width, 3), np.uint8)
    return image


def _quietly(decoder):
    with quiet_opencv():
        try:
            return decoder()
        except cv2.error as error:
            if error.code == _NO_MEMORY:
                raise
            return None


def _alpha(bgr: NDArray, stored: NDArray) -> NDArray:
    """Opacity (H, W) of an image (H, W, 3) with its EXIF rotation applied.

    OpenCV returns alpha only without the rotation. The rotation is found by comparing colors.

    Args:
        bgr: of 8 or 16 bits, rotated.
        stored: (h, w, 4) BGRA of the same type, as the file holds it.
    """
    turns = [np.rot90(side, k) for side in (stored, stored[:, ::-1]) for k in range(4)]
    fitting = [turn for turn in turns if turn.shape[:2] == bgr.shape[:2]]
    same = (t for t in fitting if np.array_equal(t[..., 0], bgr[..., 0]))
    return next(same, fitting[0])[..., 3]


def composite_on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Composite an image (H, W, 3) on white by its opacity `alpha` (H, W), [0, 255]."""
    if not alpha.any():  # an unused channel, as in many BMP files
        return rgb
    cover = alpha.astype(np.uint16)
    out = np.empty_like(rgb)
    for channel in range(3):
        mixed = rgb[..., channel] * cover + 255 * (255 - cover)
        out[..., channel] = (mixed + 127) // 255
    return out


_lock = threading.Lock()
_quiet = {"depth": 0, "level": 0}


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log. Its level is global, so the threads inside are counted."""
    with _lock:
        if _quiet["depth"] == 0:
            _quiet["level"] = cv2.utils.logging.getLogLevel()
            cv2.utils.logging.setLogLevel(0)
        _quiet["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _quiet["depth"] -= 1
            if _quiet["depth"] == 0:
                cv2.utils.logging.setLogLevel(_quiet["level"])
