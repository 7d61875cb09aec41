"""Kind, size and transparency of an image file, read from its head without decoding it.

Only the necessary part of each format is parsed. Sources: ITU-T T.81 (JPEG), the PNG
specification (W3C), Google's WebP container specification, TIFF 6.0 (Adobe), GIF89a
(CompuServe), Microsoft's BITMAPINFOHEADER, the Netpbm manual, ISO/IEC 14496-12 (AVIF).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["HEAD_BYTES", "KINDS", "Header", "kind_of", "read_header"]


class Header(NamedTuple):
    """The head of an image file.

    Attributes:
        kind: JPEG, PNG, ...
        width, height: in pixels as stored, before any EXIF rotation; 0 if unknown.
        alpha: whether pixels may be transparent.
    """

    kind: str
    width: int
    height: int
    alpha: bool


HEAD_BYTES = 16
"""Number of bytes that `kind_of` needs."""

_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM....\0\0\0\0", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("PNM", re.compile(rb"P[1-6][\s#]")),
    ("AVIF", re.compile(rb"....ftyp(?:avif|avis)", re.DOTALL)),
)

KINDS = tuple(kind for kind, _ in _MAGIC)
"""Known kinds of image files."""


def kind_of(head: bytes) -> str:
    """Kind of an image file by its first `HEAD_BYTES` bytes; empty if it is not an image."""
    return next((kind for kind, magic in _MAGIC if magic.match(head)), "")


def read_header(data: bytes) -> Header | None:
    """The head of an image file; None if `data` is not an image.

    A damaged head, or one that is cut off, gives width and height 0. The decoder reports it.
    """
    kind = kind_of(data[:HEAD_BYTES])
    if not kind:
        return None
    try:
        width, height, alpha = _READERS[kind](data)
    except (struct.error, IndexError, ValueError):
        width, height, alpha = 0, 0, True
    return Header(kind, width, height, alpha)


def _jpeg(data: bytes) -> tuple[int, int, bool]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height, False
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _png(data: bytes) -> tuple[int, int, bool]:
    width, height, _, color = struct.unpack_from(">IIBB", data, 16)
    # color types 4 and 6 have an alpha channel, a tRNS chunk makes some colors transparent
    return width, height, color in (4, 6) or b"tRNS" in data[:65536]


def _webp(data: bytes) -> tuple[int, int, bool]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height, bool(data[20] & 0x10)
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF, False


def _bmp(data: bytes) -> tuple[int, int, bool]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return width, height, False
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return abs(width), abs(height), bits == 32


def _tiff(data: bytes) -> tuple[int, int, bool]:
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(f"{order}H", data, 2)[0] == 43:  # BigTIFF
        (at,), entry, counted, start = struct.unpack_from(f"{order}Q", data, 8), 20, "Q", 8
    else:
        (at,), entry, counted, start = struct.unpack_from(f"{order}I", data, 4), 12, "H", 2
    (count,) = struct.unpack_from(f"{order}{counted}", data, at)
    values = {256: 0, 257: 0, 262: 0, 277: 1, 338: 0}
    widths = {3: "H", 4: "I", 16: "Q"}  # SHORT, LONG, LONG8
    for number in range(min(count, 4096)):
        place = at + start + number * entry
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        if tag in values and kind in widths:
            value = struct.unpack_from(order + widths[kind], data, place + entry // 2 + 2)
            values[tag] = value[0]
    width, height, colors, samples, extra = values.values()
    return width, height, extra > 0 or (colors == 2 and samples == 4)


def _gif(data: bytes) -> tuple[int, int, bool]:
    return *struct.unpack_from("<HH", data, 6), True


def _pnm(data: bytes) -> tuple[int, int, bool]:
    words = re.sub(rb"#[^\n]*", b"", data[:4096]).split()
    return int(words[1]), int(words[2]), False


def _avif(data: bytes) -> tuple[int, int, bool]:
    at = data.index(b"ispe")  # ValueError if there is none
    return *struct.unpack_from(">II", data, at + 8), b"auxC" in data[:65536]


_READERS: dict[str, Callable[[bytes], tuple[int, int, bool]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "BMP": _bmp,
    "TIFF": _tiff,
    "GIF": _gif,
    "PNM": _pnm,
    "AVIF": _avif,
}
