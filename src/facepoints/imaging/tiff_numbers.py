"""Number types of TIFF pages that OpenCV reads only under the name of another type.

OpenCV decodes integers of 16 bits and floats of 32 and 64 bits, with any compression, but neither
floats of 16 bits nor integers of 32 and 64 bits. With the tag SampleFormat changed, it decodes
the same bits, and NumPy gives them their own type.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from facepoints.imaging import tiff_tags

__all__ = ["StoredType", "stored_type", "with_sample_format"]


class StoredType(NamedTuple):
    """The number type of a page.

    Attributes:
        numbers: NumPy's type.
        read_as: the SampleFormat under which OpenCV decodes numbers of this size.
    """

    numbers: type[np.generic]
    read_as: int


_TYPES = {
    # bits, SampleFormat
    (16, tiff_tags.FLOATS): StoredType(np.float16, tiff_tags.UNSIGNED),
    (32, tiff_tags.UNSIGNED): StoredType(np.uint32, tiff_tags.FLOATS),
    (32, tiff_tags.SIGNED): StoredType(np.int32, tiff_tags.FLOATS),
    (64, tiff_tags.UNSIGNED): StoredType(np.uint64, tiff_tags.FLOATS),
    (64, tiff_tags.SIGNED): StoredType(np.int64, tiff_tags.FLOATS),
}
_FLOAT_PREDICTOR = 3  # bytes of floats in another order, which only a reader of floats puts back


def stored_type(tags: dict[int, int]) -> StoredType | None:
    """The type of a page that OpenCV reads only as another; None if it has none of these.

    Args:
        tags: of the page (`tiff_tags.Page`).
    """
    if tags.get(tiff_tags.PREDICTOR) == _FLOAT_PREDICTOR:
        return None
    form = tags.get(tiff_tags.SAMPLE_FORMAT, tiff_tags.UNSIGNED)
    return _TYPES.get((tags.get(tiff_tags.BITS, 1), form))


def with_sample_format(data: bytes, number: int, form: int) -> bytes | None:
    """A copy of a file in which one page comes first, with another SampleFormat.

    Args:
        data: the file.
        number: of the page, from 0.
        form: the SampleFormat of all its samples.

    Returns:
        The copy; None for a damaged file and for a BigTIFF.
    """
    try:
        return _with_sample_format(data, number, form)
    except struct.error:
        return None


def _with_sample_format(data: bytes, number: int, form: int) -> bytes | None:
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(f"{order}H", data, 2)[0] != tiff_tags.CLASSIC:
        return None
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    for _ in range(number):
        at = tiff_tags.read_page(data, at).next
    samples = max(1, tiff_tags.read_page(data, at).tags.get(tiff_tags.SAMPLES, 1))
    (count,) = struct.unpack_from(f"{order}H", data, at)
    entries = [data[at + 2 + 12 * k : at + 14 + 12 * k] for k in range(count)]
    if samples > 16 or len(entries[-1]) < 12:
        return None
    padded = data + b"\0" * (len(data) % 2)
    formats = struct.pack(f"{order}{samples}H", *[form] * samples)
    value = formats.ljust(4, b"\0")
    if samples > 2:  # more than four bytes stand elsewhere
        value = struct.pack(f"{order}I", len(padded))
        padded += formats + b"\0" * (len(formats) % 2)
    changed = struct.pack(f"{order}HHI", tiff_tags.SAMPLE_FORMAT, 3, samples) + value
    by_tag = {struct.unpack_from(f"{order}H", entry)[0]: entry for entry in entries}
    by_tag[tiff_tags.SAMPLE_FORMAT] = changed
    page = struct.pack(f"{order}H", len(by_tag))
    page += b"".join(entry for _, entry in sorted(by_tag.items())) + bytes(4)
    return padded[:4] + struct.pack(f"{order}I", len(padded)) + padded[8:] + page
