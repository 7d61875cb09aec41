"""Kind, size and transparency of an image file, read from its head without decoding it.

Only the necessary part of each format is parsed. Sources: ITU-T T.81 (JPEG), the PNG
specification (W3C), Google's WebP container specification, TIFF 6.0 (Adobe), GIF89a
(CompuServe), Microsoft's BITMAPINFOHEADER, the Netpbm manual, ISO/IEC 14496-12 and 23008-12
(AVIF, HEIC).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from facepoints.imaging import tiff_tags

__all__ = ["HEAD_BYTES", "KINDS", "Header", "foreign_kind", "kind_of", "read_header"]


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


HEAD_BYTES = 256
"""Number of bytes that `kind_of` and `foreign_kind` need."""

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS |= {b"mif1", b"mif2", b"msf1", b"avci", b"avcs", b"jpeg"}

_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM....\0\0\0\0", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("PNM", re.compile(rb"P[1-6][\s#]")),
)

KINDS = (*(kind for kind, _ in _MAGIC), "AVIF", "HEIC")
"""Known kinds of image files."""

_FOREIGN: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a JPEG XL image", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("a JPEG 2000 image", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    (
        "a raw photo of a camera",
        re.compile(rb"II\*\0....CR|....ftypcrx |FUJIFILM|II(?:U\0|RO|RS)", re.S),
    ),
    ("a Photoshop file", re.compile(rb"8BPS")),
    ("an OpenEXR image", re.compile(rb"\x76\x2f\x31\x01")),
    ("a Radiance HDR image", re.compile(rb"#\?(?:RADIANCE|RGBE)")),
    ("an icon file", re.compile(rb"\0\0[\1\2]\0[^\0]\0")),
    ("a PDF document", re.compile(rb"%PDF")),
    ("an SVG drawing", re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<svg")),
    ("a DICOM file", re.compile(rb".{128}DICM", re.DOTALL)),
    ("a zip archive", re.compile(rb"PK\x03\x04")),
)
"""Files that are not read, for messages."""


def kind_of(head: bytes) -> str:
    """Kind of an image file by its first `HEAD_BYTES` bytes; empty if it is not an image."""
    if foreign_kind(head):
        return ""
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIC" if head[8:12] in _HEIF_BRANDS or b"mif1" in brands else ""
    return next((kind for kind, magic in _MAGIC if magic.match(head)), "")


def foreign_kind(head: bytes) -> str:
    """The kind of a file that facepoints does not read, as in "a PDF document"; empty: unknown."""
    return next((kind for kind, magic in _FOREIGN if magic.match(head)), "")


def _brands(head: bytes) -> set[bytes]:
    """The major brand and the compatible brands of an ISO media file."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


def read_header(data: bytes) -> Header | None:
    """The head of an image file; None if `data` is not an image.

    A damaged head, or one that is cut off, gives width and height 0. The decoder reports it.
    """
    kind = kind_of(data[:HEAD_BYTES])
    if not kind:
        return None
    try:
        width, height, alpha = _READERS[kind](data)
        if width < 0 or height < 0:  # of a format that writes them as text, or with a sign
            raise ValueError("a negative size")
    except (struct.error, IndexError, ValueError):
        width, height, alpha = 0, 0, True
    return Header(kind, width, height, alpha)


def _jpeg(data: bytes) -> tuple[int, int, bool]:
    at = 2
    while True:
        at = data.index(0xFF, at)  # decoders skip bytes between segments, too
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # without a length
            at += 2
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
    tags = tiff_tags.read_page(data).tags
    width, height = tags.get(tiff_tags.WIDTH, 0), tags.get(tiff_tags.HEIGHT, 0)
    rgba = tags.get(tiff_tags.PHOTOMETRIC) == 2 and tags.get(tiff_tags.SAMPLES) == 4
    return width, height, tags.get(tiff_tags.EXTRA_SAMPLES, 0) > 0 or rgba


def _gif(data: bytes) -> tuple[int, int, bool]:
    return *struct.unpack_from("<HH", data, 6), True


def _pnm(data: bytes) -> tuple[int, int, bool]:
    words = re.sub(rb"#[^\n]*", b"", data[:4096]).split()
    return int(words[1]), int(words[2]), False


def _heif(data: bytes) -> tuple[int, int, bool]:
    # the sizes of all items are listed, tiles and previews too; the image is the largest
    sizes = [
        struct.unpack_from(">II", data, match.end() + 4)
        for match in re.finditer(b"ispe", data[:1_000_000])
    ]
    width, height = max(sizes, key=lambda size: size[0] * size[1])  # ValueError if there is none
    return width, height, b"auxC" in data[:65536]


_READERS: dict[str, Callable[[bytes], tuple[int, int, bool]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "BMP": _bmp,
    "TIFF": _tiff,
    "GIF": _gif,
    "PNM": _pnm,
    "AVIF": _heif,
    "HEIC": _heif,
}
