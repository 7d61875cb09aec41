"""Color profile and EXIF data of an image file, for a changed copy of it.

Only what cannot show the picture is copied. Thumbnails, makers' notes, XMP and other blocks may
hold a smaller copy of the picture as it was before the change; they are left out.

Sources: the Exif 2.32 standard (CIPA DC-008), TIFF 6.0 (Adobe), ITU-T T.81 (JPEG), the PNG
specification (W3C), the ICC.1:2022 specification.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["copy_metadata"]

_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION, _EXIF_IFD, _GPS_IFD = 0x0112, 0x8769, 0x8825
_POINTERS = (_EXIF_IFD, _GPS_IFD)
_LEFT_OUT = {
    *(0x0100, 0x0101, 0x0111, 0x0117, 0x014A, 0x0201, 0x0202),  # size, strips, pictures inside
    *(0x02BC, 0x83BB, 0x8649, 0x8773),  # XMP, IPTC, Photoshop, ICC
    *(0x927C, 0xA005, 0xC4A5, 0xA002, 0xA003),  # maker's note, interoperability, printing, size
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes
_MOST_TAGS = 1000
_SEGMENT = 65_500  # bytes of a segment of JPEG

_Tags = dict[int, tuple[int, int, bytes]]  # tag: type, count, values


def copy_metadata(source: bytes, copy: bytes, *, exif: bool) -> bytes:
    """A changed copy of an image file with the color profile of its source.

    Args:
        source: the file that the copy was made of: JPEG or PNG. Of other kinds nothing is copied.
        copy: the new file, of the same kind, upright, in RGB.
        exif: also copy camera, exposure, times, place and texts of the EXIF data. The turn becomes
            "upright".

    Returns:
        The new file with these blocks. What is damaged in the source is left out.
    """
    if source[:2] == copy[:2] == b"\xff\xd8":
        return copy[:2] + b"".join(_jpeg_segments(source, exif)) + copy[2:]
    if source[:8] == copy[:8] == _PNG:
        head = 8 + 25  # signature and IHDR
        return copy[:head] + b"".join(_png_chunks(source, exif)) + copy[head:]
    return copy


def _jpeg_segments(data: bytes, exif: bool) -> Iterator[bytes]:
    """The segments to copy from a JPEG file."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            return
        body = data[at + 4 : at + 2 + length]
        if exif and data[at + 1] == 0xE1 and body.startswith(_EXIF):
            block = _EXIF + _without_pictures(body[len(_EXIF) :])
            if len(_EXIF) < len(block) <= _SEGMENT:
                yield b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
                exif = False
        # a profile of several segments begins in the first
        if data[at + 1] == 0xE2 and body.startswith(_ICC) and _is_rgb(data):
            yield data[at : at + 2 + length]
        at += 2 + length


def _is_rgb(jpeg: bytes) -> bool:
    """True if the color profile of a JPEG file is for RGB, and not for CMYK or gray."""
    at = jpeg.find(_ICC)
    profile = at + len(_ICC) + 2  # number and count of the segments
    return jpeg[profile + 16 : profile + 20] == b"RGB "


def _png_chunks(data: bytes, exif: bool) -> Iterator[bytes]:
    """The chunks to copy from a PNG file."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND" or at + 12 + length > len(data):
            return
        body = data[at + 8 : at + 8 + length]
        if kind in (b"gAMA", b"cHRM", b"sRGB") or (kind == b"iCCP" and _is_rgb_chunk(body)):
            yield data[at : at + 12 + length]
        if exif and kind == b"eXIf" and (block := _without_pictures(body)):
            yield struct.pack(">I", len(block)) + kind + block + _crc(kind + block)
        at += 12 + length


def _is_rgb_chunk(body: bytes) -> bool:
    _, _, packed = body.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], 20)[16:20] == b"RGB "
    except zlib.error:
        return False


def _crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _without_pictures(tiff: bytes) -> bytes:
    """EXIF data (a TIFF file) with the first directory and those of the exposure and of the place,
    upright; empty if it is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return b""
    nested: dict[int, _Tags] = {}
    try:
        main = _read(tiff, _number(tiff, 4, order), order)
        for pointer in _POINTERS:
            if pointer in main:
                nested[pointer] = _read(tiff, _number(main[pointer][2], 0, order), order)
    except struct.error:
        return b""
    main[_ORIENTATION] = (3, 1, struct.pack(f"{order}H", 1))
    main |= {tag: (4, 1, bytes(4)) for tag in nested}
    start = 8
    end = start + len(_packed(main, order, start))
    parts = []
    for tag, tags in nested.items():
        main[tag] = (4, 1, struct.pack(f"{order}I", end))
        parts.append(_packed(tags, order, end))
        end += len(parts[-1])
    head = tiff[:2] + struct.pack(f"{order}HI", 42, start)
    return head + _packed(main, order, start) + b"".join(parts)


def _number(data: bytes, at: int, order: str) -> int:
    return struct.unpack_from(f"{order}I", data, at)[0]


def _read(tiff: bytes, at: int, order: str) -> _Tags:
    """The tags of a directory, without those that are left out. Raises struct.error."""
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    tags: _Tags = {}
    for number in range(min(count, _MOST_TAGS)):
        here = at + 2 + 12 * number
        tag, kind, values = struct.unpack_from(f"{order}HHI", tiff, here)
        size = _SIZES.get(kind, 0) * values
        place = here + 8 if size <= 4 else _number(tiff, here + 8, order)
        if 0 < size <= len(tiff) - place and tag not in _LEFT_OUT:
            tags[tag] = (kind, values, tiff[place : place + size])
    return tags


def _packed(tags: _Tags, order: str, start: int) -> bytes:
    """A directory that begins at a place of the TIFF file, with its values behind it."""
    table = struct.pack(f"{order}H", len(tags))
    after = start + 2 + 12 * len(tags) + 4
    values = b""
    for tag, (kind, count, data) in sorted(tags.items()):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", after + len(values))
            values += data + bytes(len(data) % 2)
    return table + bytes(4) + values
