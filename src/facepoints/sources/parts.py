"""Parts of a source, and the pictures that they give."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["Kind", "Listing", "Part", "Picture", "pack_names", "unpack_names"]

Kind = Literal["files", "list", "tar", "parquet", "video", "error"]


class Picture(NamedTuple):
    """A picture of a part.

    Attributes:
        name: a path or an address, which no other picture of the source has unless a list names a
            picture twice. ``shard.tar/name`` for a member of an archive, ``file.parquet#5`` for
            the bytes in row 5 (from 0) of a Parquet file.
        data: the bytes of the image file; None if they cannot be read.
        error: why they cannot; empty if they can.
    """

    name: str
    data: bytes | None
    error: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a source: what one worker reads at a time. It is small, and can be pickled.

    Attributes:
        number: its place among all parts, from 0.
        kind: "files" are pictures by name; "list" is a range of a text file of names; "tar" an
            archive; "parquet" a range of rows; "video" a video; "error" a file that could not be
            listed, which gives one picture with an error.
        source: path or address of the list, archive, Parquet file or video; empty for "files".
        start, stop: range of bytes of a list, or of rows of a Parquet file.
        pictures: how many it holds; None if only reading tells (archives, videos).
        column: name of the column of a Parquet file, number of the cell in a row of a list.
        names: names of "files", compressed; see `unpack_names`.
        error: of a part of kind "error".
    """

    number: int
    kind: Kind
    source: str = ""
    start: int = 0
    stop: int = 0
    pictures: int | None = None
    column: str = ""
    names: bytes = field(default=b"", repr=False)
    error: str = ""


@dataclass(frozen=True)
class Listing:
    """A source that is divided into parts.

    Attributes:
        parts: in the order of the inputs; `Part.number` is the place.
        digest: hexadecimal; another one if the inputs, their order, the contents of lists, the
            part size or the column change, or the sizes of archives, of files in stores, or of
            the first 100,000 local pictures. Other bytes of the same number in a file are noticed
            only where the store gives a checksum, and files that a list names are not looked at.
        part_size: pictures of a part at most, of lists and files.
        note: a sentence on the files of folders that are passed over; empty if none is.
    """

    parts: tuple[Part, ...]
    digest: str
    part_size: int
    note: str = ""


def pack_names(names: Sequence[str]) -> bytes:
    """Names, compressed: a hundred million names fit in the memory of one machine."""
    return zlib.compress("\0".join(names).encode("utf-8", "surrogateescape"), 1)


def unpack_names(packed: bytes) -> list[str]:
    """The names that `pack_names` was given."""
    return zlib.decompress(packed).decode("utf-8", "surrogateescape").split("\0")
