"""Counts the frames of animations and the pages of TIFF files, without decoding them.

Sources: GIF89a (CompuServe), the PNG specification (W3C, animations), Google's WebP container
specification, ISO/IEC 14496-12 (AVIF and HEIC sequences).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from facepoints.imaging import tiff_tags

__all__ = ["count_frames", "is_cut_off", "iter_boxes"]


def count_frames(data: bytes, kind: str) -> int:
    """Number of frames or pages of an image file; 1 for a still image, and if it is damaged.

    Args:
        data: the file.
        kind: of the file (`image_header.kind_of`).
    """
    counts = {"GIF": _gif, "PNG": _apng, "WebP": _webp, "AVIF": _sequence, "HEIC": _sequence}
    try:
        if kind == "TIFF":
            return max(1, sum(1 for _ in tiff_tags.iter_pages(data)))
        return max(1, counts[kind](data)) if kind in counts else 1
    except (struct.error, IndexError, ValueError):
        return 1


def _gif(data: bytes) -> int:
    at = 13 + _color_table(data[10])
    frames = 0
    while at < len(data) and data[at] != 0x3B:  # up to the trailer
        if data[at] == 0x2C:  # an image: descriptor, colors, code size, blocks
            frames += 1
            at += 10 + _color_table(data[at + 9]) + 1
        elif data[at] == 0x21:  # an extension: label, blocks
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _color_table(flags: int) -> int:
    """Bytes of the color table that a byte of flags announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _apng(data: bytes) -> int:
    at = 8
    while data[at + 4 : at + 8] not in (b"acTL", b"IDAT", b""):
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return struct.unpack_from(">I", data, at + 8)[0] if data[at + 4 : at + 8] == b"acTL" else 1


def _webp(data: bytes) -> int:
    at, frames = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        frames += name == b"ANMF"
        at += 8 + size + size % 2
    return frames


def iter_boxes(
    data: bytes, start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of an ISO media file, each as (type, start of its content, its end).

    The end lies behind that of the file if the file is cut off.

    Raises:
        ValueError: a box has an impossible size.
    """
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif size == 0:  # up to the end
            size = end - start
        if start + size < body:
            raise ValueError(f"a box of {size} bytes")
        yield name, body, start + size
        start += size


def is_cut_off(data: bytes) -> bool:
    """Whether the boxes of an ISO media file (AVIF, HEIC) reach beyond its end."""
    try:
        last = max((end for _, _, end in iter_boxes(data)), default=0)
    except (struct.error, ValueError):
        return True
    return last > len(data)


def _sequence(data: bytes) -> int:
    """Samples of the first track of an image sequence; 0 if there is none."""
    if b"moov" not in (name for name, _, _ in iter_boxes(data)):
        return 0
    at = data.index(b"stsz")  # version and flags, size of all, count
    return struct.unpack_from(">I", data, at + 12)[0]
