"""Finds the files that inputs name: pictures, archives, Parquet files, lists and videos."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from facepoints._util.words import count_noun
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.input_paths import find_files, listed_files
from facepoints.sources import stores
from facepoints.sources.braces import expand_braces
from facepoints.sources.faults import MissingFile, retried
from facepoints.sources.suffixes import FileKind, file_kind, has_braces, is_stream, is_url

__all__ = ["Finder", "FoundFile"]


class FoundFile(NamedTuple):
    """A file that an input names.

    Attributes:
        name: path or address.
        kind: "picture", "tar", "parquet", "list" or "video".
        size: bytes; 0 if they are not known.
        tag: what a store says of the content.
        named: whether the user named this very file, and not its folder or a pattern.
    """

    name: str
    kind: FileKind | str
    size: int = 0
    tag: str = ""
    named: bool = False


@dataclass
class Finder:
    """Finds the files that inputs name, in their order.

    Args:
        is_video: whether a file is a video; None: no file is one.

    Attributes:
        passed_over: sentences on the files of folders that are left out.
    """

    is_video: Callable[[str], bool] | None = None
    passed_over: list[str] = field(default_factory=list)

    def files(self, given: str) -> Iterator[FoundFile]:
        """The files of an input.

        Raises:
            DataError, StoreError: there is none, or they cannot be found.
            SettingsError: the input cannot be divided into parts.
        """
        if given == STDIN or is_stream(given):
            what = "standard input" if given == STDIN else f"the stream {given}"
            raise SettingsError(f"{what} cannot be read in parts; name files, folders or lists")
        if has_braces(given) and not (not is_url(given) and os.path.exists(given)):
            yield from self._braced(given)
        elif is_url(given):
            yield from self._in_store(given)
        else:
            yield from self._local(given)

    def _braced(self, given: str) -> Iterator[FoundFile]:
        names = expand_braces(given)
        found, missing = [], []
        for name in names:
            try:
                found.append(self._one(name))
            except MissingFile:
                missing.append(name)
        if missing:
            first = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise DataError(
                f"{len(missing)} of the {count_noun(len(names), 'file')} of the pattern {given} "
                f"are missing: {first}; give a pattern of those that are there"
            )
        yield from found

    def _one(self, name: str) -> FoundFile:
        size, tag = stores.size_and_tag(name)
        return FoundFile(name, self._kind(name) or "picture", size, tag, True)

    def _kind(self, name: str) -> FileKind | str:
        kind = file_kind(name)
        if not kind and self.is_video is not None and self.is_video(name):
            return "video"
        return kind

    def _local(self, given: str) -> Iterator[FoundFile]:
        if os.path.isfile(given):
            yield self._one(given)
            return
        archive = ("tar", "parquet", "video")
        # to the search, archives are videos: it passes them over in a folder of pictures
        found = find_files([given], is_video=lambda path: self._kind(path) in archive)
        pattern = glob.has_magic(given) and not os.path.exists(given)
        lists = [path for path in found.images if file_kind(path) == "list"] if pattern else []
        if found.images and not pattern:
            self._pass_over([*found.videos, *found.others])
            names = found.images
        else:
            self._pass_over(found.others)
            names = sorted([*found.images, *found.videos]) if pattern else found.videos
        for name in names:
            kind = self._kind(name) if name in lists or name not in found.images else "picture"
            yield FoundFile(name, kind or "picture", os.stat(name).st_size)

    def _pass_over(self, names: list[str]) -> None:
        if names:
            self.passed_over.append(listed_files(names))

    def _in_store(self, given: str) -> Iterator[FoundFile]:
        store, path = stores.opened(given)
        magic = glob.has_magic(given) and not given.lower().startswith(("http://", "https://"))
        if not magic or retried(lambda: store.exists(path), given):
            info = retried(lambda: store.info(path), given)
            if info.get("type") != "directory":
                yield self._one(given)
                return
        found = self._matches(given) if magic else self._below(given)
        yield from self._chosen(given, found, magic)

    def _chosen(self, given: str, found: list[stores.Entry], pattern: bool) -> Iterator[FoundFile]:
        """Of the files of a folder the pictures, else the archives; of a pattern, all known."""
        kinds = [self._kind(one.name) for one in found]
        wanted = {"picture"} if "picture" in kinds and not pattern else {"tar", "parquet", "video"}
        if pattern:
            wanted |= {"picture", "list"}
        some = [(one, kind) for one, kind in zip(found, kinds, strict=True) if kind in wanted]
        others = [one.path for one, kind in zip(found, kinds, strict=True) if kind not in wanted]
        if not some:
            where = "matches the pattern" if pattern else "in the folder"
            rest = f", only {listed_files(others)}" if others else ""
            raise DataError(f"no image or archive {where} {given}{rest}")
        self._pass_over(others)
        for one, kind in some:
            yield FoundFile(one.path, kind, one.size, one.tag)

    def _below(self, folder: str) -> list[stores.Entry]:
        return stores.list_below(folder)

    def _matches(self, pattern: str) -> list[stores.Entry]:
        return stores.list_matches(pattern)
