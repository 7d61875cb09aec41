"""Reads the tags of TIFF files, which say how the pixels of each page are stored.

Sources: TIFF 6.0 (Adobe), the BigTIFF design (libtiff), the Digital Negative specification (Adobe).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "BITS",
    "CLASSIC",
    "COMPRESSION",
    "DNG_VERSION",
    "EXTRA_SAMPLES",
    "FLOATS",
    "HEIGHT",
    "ORIENTATION",
    "PHOTOMETRIC",
    "PREDICTOR",
    "REDUCED",
    "SAMPLES",
    "SAMPLE_FORMAT",
    "SIGNED",
    "UNSIGNED",
    "WIDTH",
    "Page",
    "iter_pages",
    "read_page",
]

REDUCED, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT = 274, 277, 317, 338, 339
DNG_VERSION = 50706
_WANTED = {REDUCED, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, SAMPLES}
_WANTED |= {PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT, DNG_VERSION}

UNSIGNED, SIGNED, FLOATS = 1, 2, 3
"""Values of the tag SampleFormat."""

CLASSIC = 42
"""Version of files that are not BigTIFF."""

_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # BYTE, SHORT, LONG, LONG8
_MAX_TAGS = 4096
_MAX_PAGES = 100_000


class Page(NamedTuple):
    """A page of a TIFF file.

    Attributes:
        tags: the first value of each tag that this module names.
        next: place of the next page in the file; 0 after the last.
    """

    tags: dict[int, int]
    next: int


def read_page(data: bytes, at: int | None = None) -> Page:
    """A page.

    Args:
        data: the file.
        at: place of the page in it; None: the first page.

    Raises:
        struct.error: the file is cut off, or the place lies outside.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    place, counted, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    if at is None:
        (at,) = struct.unpack_from(order + place, data, 8 if big else 4)
        assert at is not None
    (count,) = struct.unpack_from(order + counted, data, at)
    start = at + struct.calcsize(counted)
    tags: dict[int, int] = {}
    for number in range(min(count, _MAX_TAGS)):
        here = start + number * entry
        tag, kind = struct.unpack_from(f"{order}HH", data, here)
        if tag in _WANTED and kind in _TYPES:
            (values,) = struct.unpack_from(order + place, data, here + 4)
            inside = here + entry - struct.calcsize(place)
            if values * struct.calcsize(_TYPES[kind]) > struct.calcsize(place):
                (inside,) = struct.unpack_from(order + place, data, inside)
            tags[tag] = struct.unpack_from(order + _TYPES[kind], data, inside)[0]
    (following,) = struct.unpack_from(order + place, data, start + count * entry)
    return Page(tags, following)


def iter_pages(data: bytes) -> Iterator[Page]:
    """All pages of a file, up to the first that is damaged or was there before."""
    known: set[int] = set()
    at: int | None = None
    while at != 0 and at not in known and len(known) < _MAX_PAGES:
        try:
            page = read_page(data, at)
        except struct.error:
            return
        known.add(at or 0)
        yield page
        at = page.next
