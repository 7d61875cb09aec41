"""Finds the files that inputs name: pictures, archives, Parquet files, lists and videos."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from facepoints._util.words import count_noun
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_header import HEAD_BYTES, kind_of
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.input_paths import find_files
from facepoints.imaging.patterns import matching_paths
from facepoints.sources import stores
from facepoints.sources.braces import expand_braces
from facepoints.sources.faults import MissingFile, retried
from facepoints.sources.store_listing import Entry
from facepoints.sources.suffixes import FileKind, file_kind, has_braces, is_stream, is_url, is_web

__all__ = ["FileFinder", "FoundFile"]

_ORDER: tuple[FileKind, ...] = ("picture", "video", "tar", "parquet")
"""Of a folder, the first of these kinds is read. Tools that make archives put tables of what is in
them beside them."""

_LISTED = 3  # files that are named in a message
_NO_MEDIA = (
    ".json",
    ".txt",
    ".csv",
    ".tsv",
    ".xml",
    ".md",
    ".cls",
    ".npy",
    ".npz",
    ".yaml",
    ".pts",
)
"""Suffixes of files beside pictures, which are not opened to see what they are."""


class FoundFile(NamedTuple):
    """A file that an input names.

    Attributes:
        name: path or address.
        kind: what it is.
        size: bytes; 0 if finding it did not tell.
        tag: what a store says of the content.
        named: whether the user named this very file, and not its folder or a pattern.
    """

    name: str
    kind: FileKind
    size: int = 0
    tag: str = ""
    named: bool = False


@dataclass
class _PassedOver:
    """The files of a folder that are left out: how many, and the names of the first."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < _LISTED:
            self.names.append(os.path.basename(name))

    def __str__(self) -> str:
        more = ", ..." if self.count > _LISTED else ""
        return f"{count_noun(self.count, 'other file')} ({', '.join(self.names)}{more})"


@dataclass
class FileFinder:
    """Finds the files that inputs name, in their order.

    Args:
        is_video: whether a file is a video; None: no file is one.

    Attributes:
        passed_over: a phrase for each folder with files that are left out.
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
        local = not is_url(given)
        if has_braces(given) and not (local and os.path.exists(given)):
            yield from self._braced(given)
        elif local:
            yield from self._local(given)
        else:
            yield from self._in_store(given)

    def _braced(self, given: str) -> Iterator[FoundFile]:
        names = expand_braces(given)
        found, missing = [], []
        for name in names:
            try:
                found.append(self._one(name))
            except MissingFile:
                missing.append(name)
        if missing:
            first = ", ".join(missing[:_LISTED]) + (", ..." if len(missing) > _LISTED else "")
            raise DataError(
                f"missing of the {count_noun(len(names), 'file')} of the pattern {given}: {first}; "
                f"give a pattern of those that are there"
            )
        yield from found

    def _one(self, name: str) -> FoundFile:
        size, tag = stores.size_and_tag(name)
        return FoundFile(name, self._kind(name) or "picture", size, tag, True)

    def _kind(self, name: str) -> FileKind:
        kind = file_kind(name)
        if not kind and self.is_video is not None and not name.lower().endswith(_NO_MEDIA):
            return "video" if self.is_video(name) else ""
        return kind

    def _local(self, given: str) -> Iterator[FoundFile]:
        if os.path.isdir(given):
            yield from self._of_folder(given, lambda: _walk(given))
        elif os.path.exists(given) or not glob.has_magic(given):
            if not os.path.isfile(given):
                find_files([given])  # says what is wrong with the name
            yield self._one(given)
        else:
            matches = matching_paths(given)
            if not matches:
                find_files([given])  # a folder may not be readable
            yield from self._of_pattern(given, _walk_all(matches))

    def _in_store(self, given: str) -> Iterator[FoundFile]:
        store, path = stores.opened(given)
        magic = glob.has_magic(given) and not is_web(given)
        if magic and not retried(lambda: store.exists(path), given):
            yield from self._of_pattern(given, stores.list_matches(given))
            return
        info = retried(lambda: store.info(path), given)
        if info.get("type") == "directory":
            found = stores.list_below(given)
            yield from self._of_folder(given, lambda: found)
        else:
            yield self._one(given)

    def _of_folder(
        self, folder: str, entries: Callable[[], Iterable[Entry]]
    ) -> Iterator[FoundFile]:
        """The files of a folder that are of the first kind of `_ORDER` that it holds."""
        kinds: set[FileKind] = set()
        if any(_is_picture(entry) for entry in entries()):  # ends at the first
            kinds.add("picture")
        else:
            kinds.update(self._kind(entry.path) for entry in entries())
        wanted: FileKind | None = next((kind for kind in _ORDER if kind in kinds), None)
        left = _PassedOver()
        for entry in entries():
            if wanted is None or not self._is_kind(entry, wanted):
                left.add(entry.name)
            else:
                yield _found(entry, wanted)
        if wanted is None:
            rest = f", only {left}" if left.count else ""
            raise DataError(f"no image or archive in the folder {folder}{rest}")
        self._pass_over(left)

    def _is_kind(self, entry: Entry, kind: FileKind) -> bool:
        return _is_picture(entry) if kind == "picture" else self._kind(entry.path) == kind

    def _of_pattern(self, pattern: str, entries: Iterable[Entry]) -> Iterator[FoundFile]:
        """The files that match a pattern, of every kind that can be read."""
        left, some = _PassedOver(), False
        for entry in entries:
            kind = self._kind(entry.path) or ("picture" if _is_picture(entry) else "")
            if kind:
                some = True
                yield _found(entry, kind)
            else:
                left.add(entry.name)
        if not some:
            rest = f", only {left}" if left.count else ""
            raise DataError(f"no image or archive matches the pattern {pattern}{rest}")
        self._pass_over(left)

    def _pass_over(self, left: _PassedOver) -> None:
        if left.count:
            self.passed_over.append(str(left))


def _found(entry: Entry, kind: FileKind) -> FoundFile:
    """A file of a folder or a pattern. Local archives are asked for their size."""
    if kind == "picture" or is_url(entry.path):
        return FoundFile(entry.path, kind, entry.size, entry.tag)
    return FoundFile(entry.path, kind, *stores.size_and_tag(entry.path))


def _is_picture(entry: Entry) -> bool:
    """True if a file of a folder is a picture, by its suffix; by its content if it has none."""
    if file_kind(entry.path) == "picture":
        return True
    if os.path.splitext(entry.path)[1] or is_url(entry.path):
        return False
    try:
        with open(entry.path, "rb") as file:
            return bool(kind_of(file.read(HEAD_BYTES)))
    except OSError:
        return False


def _walk(folder: str) -> Iterator[Entry]:
    """The regular files of a local folder and its subfolders, without hidden ones, in order; and
    the links to folders, which are not searched: they may lead in circles.

    Sizes are not asked for: on a shared disk, each would be a request.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                (entry for entry in found if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"could not read the folder {folder}: {reason}") from error
    for entry in entries:
        if entry.is_file():
            yield Entry(entry.name, entry.path, 0)
        elif entry.is_symlink() and entry.is_dir() and not file_kind(entry.path):
            yield Entry(f"{entry.name}: a link to a folder", entry.path, 0)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)


def _walk_all(matches: Iterable[str]) -> Iterator[Entry]:
    """The files that match a pattern, and those of folders that match it."""
    for match in matches:
        if not file_kind(match) and os.path.isdir(match):
            yield from _walk(match)
        else:
            yield Entry(os.path.basename(match), match, 0)
