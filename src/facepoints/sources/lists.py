"""Lists of pictures: a path or an address on each line, or in a column of a CSV table.

A line that begins with # is a comment, but not in a table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.sources import stores
from facepoints.sources.faults import StoreError
from facepoints.sources.list_format import (
    LONGEST,
    ListFormat,
    check_quotes,
    format_of,
    row_ends,
    text_of,
)
from facepoints.sources.parts import Part, Picture
from facepoints.sources.suffixes import VIDEO_SUFFIXES, file_kind, has_video_suffix, is_url, is_web

__all__ = ["changed", "divide", "named_in", "relative_to"]

_BLOCK = 4 << 20  # bytes that are divided at once
_ARCHIVES = (b".tar", b".tgz", b".tzst", b".tbz2", b".txz", b".parquet")
_OTHERS = (_ARCHIVES, (*_ARCHIVES, *(suffix.encode() for suffix in VIDEO_SUFFIXES)))
_LAST = np.frombuffer(b"rzt2", np.uint8) | 0x20  # last letters of archives, and of .tar.gz
_LAST_OF_VIDEOS = np.frombuffer(b"ivm4s", np.uint8) | 0x20


def divide(
    name: str, part_size: int, column: str | None, digest: Any, videos: bool = False
) -> Iterator[Part | str]:
    """The parts of a list, and the names of archives and tables that it holds, in order.

    Args:
        name: path or address of the list.
        part_size: names of a part.
        column: name of the column of a table; None: the only one.
        digest: is updated with the content.
        videos: whether names with the suffix of a video are given as well, as archives are.

    Raises:
        DataError: it cannot be read, or the column is not known.
    """
    with stores.open_file(name, ahead=True) as file:
        form = format_of(file, name, column)
        file.seek(0)
        digest.update(file.read(form.start))
        cutter = _Cutter(name, form, part_size, videos, form.start)
        for rows, ends in _rows(file, name, bool(form.separator)):
            digest.update(rows)
            check_quotes(rows, ends, cutter.at, form, name)
            yield from cutter.cut(rows, ends)
        yield from cutter.rest()


def _rows(file: BinaryIO, name: str, table: bool) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Blocks of whole rows, and where each row of a block ends."""
    rest = b""
    while True:
        data = file.read(_BLOCK)
        rest += data
        ends = row_ends(rest, table)
        if not data and rest and (not len(ends) or ends[-1] < len(rest)):
            ends = np.append(ends, len(rest))
        if np.diff(ends, prepend=0, append=len(rest)).max() > LONGEST:
            raise DataError(
                f"{name} has a line of more than {LONGEST} bytes; expected a path or an address "
                f"on each line"
            )
        if len(ends):
            yield rest[: ends[-1]], ends
            rest = rest[ends[-1] :]
        if not data:
            return


@dataclass
class _Cutter:
    """Cuts rows into parts.

    Attributes:
        name, form, part_size, videos: see `divide`.
        start: where the next part begins, in bytes of the list.
        at: how far the list is read.
        count: names since `start`.
    """

    name: str
    form: ListFormat
    part_size: int
    videos: bool
    start: int
    count: int = 0
    at: int = -1

    def __post_init__(self) -> None:
        self.at = self.start

    def cut(self, rows: bytes, ends: NDArray[np.int64]) -> Iterator[Part | str]:
        """The parts that end in a block of rows, and the archives in it."""
        full = _full(rows, ends, self.form)
        if self._may_name_others(rows, ends):
            yield from self._one_by_one(rows, ends, full)
            return
        counts = self.count + np.cumsum(full)
        for end in ends[full & (counts % self.part_size == 0)].tolist():
            yield self._part(self.at + end, self.part_size)
        self.count = int(counts[-1] % self.part_size)
        self.at += len(rows)

    def _one_by_one(
        self, rows: bytes, ends: NDArray[np.int64], full: NDArray[np.bool_]
    ) -> Iterator[Part | str]:
        before = 0
        for end, named in zip(ends.tolist(), full.tolist(), strict=True):
            row, before = rows[before:end], end
            text = text_of(row, self.form)
            video = self.videos and has_video_suffix(text)
            if named and (video or file_kind(text) in ("tar", "parquet")):
                yield from self.rest()
                self.at += len(row)
                self.start = self.at
                yield stores.join(relative_to(self.name), text)
                continue
            self.at += len(row)
            self.count += named
            if self.count == self.part_size:
                yield self._part(self.at, self.count)
                self.count = 0

    def _may_name_others(self, rows: bytes, ends: NDArray[np.int64]) -> bool:
        """False if no row names anything but a picture."""
        simple = not self.form.separator and b"?" not in rows  # no query follows a suffix
        if simple and not _may_end_so(rows, ends, self.videos):
            return False
        lower = rows.lower()
        return any(suffix in lower for suffix in _OTHERS[self.videos])

    def rest(self) -> Iterator[Part]:
        """The part of the names that wait."""
        if self.count:
            yield self._part(self.at, self.count)
            self.count = 0

    def _part(self, stop: int, count: int) -> Part:
        column = f"{self.form.cell}{self.form.separator}" if self.form.separator else ""
        part = Part(0, "list", self.name, self.start, stop, count, column)
        self.start = stop
        return part


def _full(rows: bytes, ends: NDArray[np.int64], form: ListFormat) -> NDArray[np.bool_]:
    """True for the rows that are neither blank nor comments."""
    lengths = np.diff(ends, prepend=0)
    letters = np.frombuffer(rows, np.uint8)
    last = letters[ends - 1]
    ended = last == ord("\n")
    before = letters[np.maximum(ends - 2, 0)]
    blank = (ended & (lengths == 1)) | (ended & (lengths == 2) & (before == ord("\r")))
    if form.separator:
        return ~blank
    return ~(blank | (letters[ends - lengths] == ord("#")))


def _may_end_so(rows: bytes, ends: NDArray[np.int64], videos: bool) -> bool:
    """False if no row ends like the name of an archive, as its last letters tell soonest."""
    letters = np.frombuffer(rows, np.uint8) | 0x20  # in lower case
    last = ends - 2
    last = np.maximum(last - (letters[last] == ord("\r") | 0x20), 0)
    at_end = letters[last]
    possible = np.isin(at_end, _LAST) | (letters[ends - 1] != ord("\n") | 0x20)
    if videos:
        before = (letters[np.maximum(last - back, 0)] == ord("m") for back in (2, 3))  # .mpg, .mpeg
        possible |= np.isin(at_end, _LAST_OF_VIDEOS) | np.any(list(before), axis=0)
    return bool(possible.any())


def named_in(part: Part) -> Iterator[Picture]:
    """The pictures of a part of a list, by name. Relative paths are relative to the list's folder.

    Raises:
        DataError, StoreError: the list cannot be read, or has changed.
    """
    rows = stores.read_range(part.source, part.start, part.stop)
    form = ListFormat(part.column[-1:], int(part.column[:-1] or 0), 0)
    folder = relative_to(part.source)
    ends, before = row_ends(rows, bool(form.separator)), 0
    if not len(ends) or ends[-1] < len(rows):
        ends = np.append(ends, len(rows))
    full = _full(rows, ends, form) if rows else np.zeros(0, np.bool_)
    if len(rows) < part.stop - part.start or full.sum() != part.pictures:
        raise changed(part)
    for end, named in zip(ends.tolist(), full.tolist(), strict=True):
        row, start, before = rows[before:end], part.start + before, end
        if not named:
            continue
        if text := text_of(row, form):
            yield Picture(stores.join(folder, text), None)
        else:
            name = f"{part.source}@{start}"
            yield Picture(name, None, f"{part.source} names no image in the row at byte {start}")


def changed(part: Part) -> StoreError:
    """The error for a part whose file is another one than when it was listed."""
    return StoreError(f"{part.source} has changed since it was listed; run the command again")


def relative_to(name: str) -> str:
    """The folder of a list or a table, which its paths are relative to."""
    if not is_url(name):
        return os.path.dirname(name)
    return (name.partition("?")[0] if is_web(name) else name).rpartition("/")[0]
