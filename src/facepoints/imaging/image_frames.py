"""Counts the frames of animations and the pages of TIFF files, without decoding them.

Sources: GIF89a (CompuServe), the PNG specification (W3C, animations), Google's WebP container
specification, ISO/IEC 14496-12 (AVIF and HEIC sequences).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from facepoints.imaging import tiff_tags

__all__ = ["count_frames", "is_cut_off", "iter_boxes", "whole_frames"]


def count_frames(data: bytes, kind: str) -> int:
    """Number of frames or pages of an image file; 1 for a still image, and if it is damaged.

    A file that is cut off has one more than the whole ones that are there: more are not known.

    Args:
        data: the file.
        kind: of the file (`image_header.kind_of`).
    """
    counts = {"GIF": _gif, "PNG": _apng, "WebP": _webp, "AVIF": _sequence, "HEIC": _sequence}
    try:
        if kind == "TIFF":
            pages = list(tiff_tags.iter_pages(data))
            return max(1, len(pages) + (bool(pages) and pages[-1].next >= len(data)))
        return max(1, counts[kind](data)) if kind in counts else 1
    except (struct.error, IndexError, ValueError):
        return 1


def whole_frames(data: bytes, kind: str) -> bytes:
    """An animated GIF or WebP that is cut off, shortened to its whole frames.

    A decoder refuses such a file, although all but its last frames are there.

    Args:
        data: the file.
        kind: of the file (`image_header.kind_of`).

    Returns:
        The shortened file; `data` itself if it is not cut off, has no whole frame, or is of
        another kind.
    """
    try:
        if kind == "GIF":
            ends, complete = _gif_frames(data)
            return data if complete or not ends else data[: ends[-1]] + b";"
        if kind == "WebP" and data[12:16] == b"VP8X":
            ends = [end for name, end in _webp_chunks(data) if name == b"ANMF" and end <= len(data)]
            if ends and 8 + struct.unpack_from("<I", data, 4)[0] > len(data):
                return data[:4] + struct.pack("<I", ends[-1] - 8) + data[8 : ends[-1]]
    except (struct.error, IndexError):
        pass
    return data


def _gif(data: bytes) -> int:
    ends, complete = _gif_frames(data)
    return len(ends) + (not complete)


def _gif_frames(data: bytes) -> tuple[list[int], bool]:
    """The ends of the whole frames of a GIF, and whether nothing of a further frame is there."""
    at = 13 + _color_table(data[10])
    ends: list[int] = []
    while at < len(data) and data[at] != 0x3B:  # up to the trailer
        is_frame = data[at] == 0x2C
        if is_frame:  # descriptor, colors, code size, blocks
            if at + 9 >= len(data):
                return ends, False
            at += 10 + _color_table(data[at + 9]) + 1
        elif data[at] == 0x21:  # an extension: label, blocks
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        if at >= len(data):
            return ends, False
        at += 1
        if is_frame:
            ends.append(at)
    return ends, at < len(data)


def _color_table(flags: int) -> int:
    """Bytes of the color table that a byte of flags announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _apng(data: bytes) -> int:
    at = 8
    while data[at + 4 : at + 8] not in (b"acTL", b"IDAT", b""):
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return struct.unpack_from(">I", data, at + 8)[0] if data[at + 4 : at + 8] == b"acTL" else 1


def _webp(data: bytes) -> int:
    chunks = list(_webp_chunks(data))
    frames = sum(name == b"ANMF" for name, _ in chunks)
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    cut_between_chunks = bool(frames) and chunks[-1][1] <= len(data) < end
    return frames + cut_between_chunks


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The chunks of a WebP file, each as (name, its end), which may lie behind the file's end."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8 + size + size % 2
        yield name, at


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
    """True if the boxes of an ISO media file (AVIF, HEIC) reach beyond its end."""
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
