"""Divides what inputs name into numbered parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace

from facepoints.errors import DataError, SettingsError
from facepoints.sources import lists, parquet_rows
from facepoints.sources.faults import StoreError
from facepoints.sources.file_finder import FileFinder, FoundFile
from facepoints.sources.layouts import with_layouts
from facepoints.sources.parquet_rows import Layout
from facepoints.sources.parts import Listing, Part, pack_names
from facepoints.sources.suffixes import file_kind, is_url

__all__ = ["list_parts"]

_SIZES = 100_000
"""Local pictures whose sizes are part of the digest. On a shared disk, that takes half a minute."""


def list_parts(
    inputs: Sequence[str],
    *,
    part_size: int = 1000,
    column: str | None = None,
    is_video: Callable[[str], bool] | None = None,
) -> Listing:
    """Divide a source into numbered parts. The same source gives the same parts.

    An archive is a part, and so is a video. A Parquet file is a part per row group; small ones
    share a part. Lists, and the pictures of folders and patterns, are cut after `part_size` names.

    Args:
        inputs: pictures, folders, patterns, lists (.txt, .csv), archives (.tar), Parquet files;
            local paths or addresses of a store. A folder gives its pictures with those of its
            subfolders, or, if it has none, its archives and Parquet files.
        part_size: pictures of a part.
        column: name of the column of tables that holds paths or images; None: the only one.
        is_video: whether a file is a video; None: no file is one.

    Raises:
        DataError: an input does not exist, is damaged, or holds nothing to read.
        StoreError: a store cannot be read now.
        SettingsError: a part size below 1, an input that cannot be divided, or a column
            although no input is a table.
        MissingExtraError: a package for the addresses or for Parquet files is not installed.
    """
    if part_size < 1:
        raise SettingsError(f"a part holds one picture or more, got a part size of {part_size}")
    if not inputs:
        raise DataError("expected at least one image, folder, list or archive, got none")
    builder = _Builder(part_size, column, is_video is not None, set() if len(inputs) > 1 else None)
    finder = FileFinder(is_video)
    for given in map(str, inputs):
        builder.begin_input()
        for found, layout in with_layouts(finder.files(given), lambda file: file.name):
            builder.add(found, layout)
    builder.end_names()
    if column is not None and not any(p.column or p.kind == "error" for p in builder.parts):
        raise SettingsError(
            f"there is no column '{column}': no input is a table (.csv, .tsv, .parquet); leave "
            f"--column out"
        )
    note = f"passed over: {'; '.join(finder.passed_over)}" if finder.passed_over else ""
    return Listing(tuple(builder.parts), builder.digest.hexdigest(), part_size, note)


class _Builder:
    """Collects parts and their digest.

    Args:
        part_size, column: see `list_parts`.
        videos: whether there are videos among the files.
        seen: names that were added, so that none is added twice; None: no input names a file
            twice.
    """

    def __init__(
        self, part_size: int, column: str | None, videos: bool, seen: set[str] | None
    ) -> None:
        self.parts: list[Part] = []
        self.digest = hashlib.blake2b(digest_size=16)
        self._size, self._column, self._seen = part_size, column, seen
        self._names: list[str] = []
        self._same, self._videos = column, videos
        self._asked = 0
        self._note("part size", part_size, column or "")

    def begin_input(self) -> None:
        """Begin an input. Its Parquet files have one column of pictures, that of the first."""
        self._same = self._column

    def add(self, found: FoundFile, layout: Future[Layout] | None) -> None:
        """Add the parts of a file."""
        if self._seen is not None:
            name = found.name if is_url(found.name) else os.path.realpath(found.name)
            if name in self._seen:
                return
            self._seen.add(name)
        self._note(found.kind, found.name, found.size or self._size_of(found.name), found.tag)
        if found.kind == "picture":
            self._add_name(found.name)
        else:
            self._add_file(found, layout)

    def _size_of(self, name: str) -> int:
        """Bytes of a local file; 0 after the first of them, because each is a request."""
        if is_url(name) or self._asked >= _SIZES:
            return 0
        self._asked += 1
        with suppress(OSError):
            return os.stat(name).st_size
        return 0

    def end_names(self) -> None:
        """End the part of the names that wait."""
        if self._names:
            names = pack_names(self._names)
            self._add(Part(0, "files", pictures=len(self._names), names=names))
            self._names = []

    def _add_name(self, name: str) -> None:
        self._names.append(name)
        if len(self._names) == self._size:
            self.end_names()

    def _add_file(self, found: FoundFile, layout: Future[Layout] | None) -> None:
        self.end_names()
        try:
            if found.kind == "list":
                self._add_list(found.name)
            elif layout is not None:
                self._add_table(found.name, layout.result())
            elif found.kind == "tar":
                self._add(Part(0, "tar", found.name))
            else:
                self._add(Part(0, "video", found.name))
        except DataError as error:
            if found.named or isinstance(error, StoreError):
                raise
            self._note(str(error))
            self._add(Part(0, "error", found.name, pictures=1, error=str(error)))

    def _add_table(self, name: str, layout: Layout) -> None:
        parts, state = parquet_rows.divide(name, layout, self._size, self._same)
        self._same = parts[0].column
        self._note(state)
        self._add(*parts)

    def _add_list(self, name: str) -> None:
        before = len(self.parts)
        items = lists.divide(name, self._size, self._column, self.digest, self._videos)
        for item, layout in with_layouts(items, lambda item: item if isinstance(item, str) else ""):
            if isinstance(item, Part):
                self._add(item)
            else:  # an archive, a table or a video
                self._add_file(FoundFile(item, file_kind(item) or "video"), layout)
        if len(self.parts) == before:
            raise DataError(f"{name} names no image; expected one path or address on each line")

    def _add(self, *parts: Part) -> None:
        for part in parts:
            self.parts.append(replace(part, number=len(self.parts)))

    def _note(self, *what: object) -> None:
        text = "\0".join(map(str, what)) + "\n"
        self.digest.update(text.encode("utf-8", "surrogateescape"))
