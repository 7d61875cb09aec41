"""Finds the image files that an input names, and names for the outputs of each."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from facepoints._util.files import make_folder, names_a_file
from facepoints._util.words import count_noun
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_header import HEAD_BYTES, kind_of
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.patterns import matching_paths

__all__ = [
    "IMAGE_SUFFIXES",
    "FoundFiles",
    "find_files",
    "find_images",
    "listed_files",
    "make_image_folder",
    "relative_to_common",
]

_LISTED = 3  # files that are named in a message

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
IMAGE_SUFFIXES |= {".pgm", ".ppm", ".pnm", ".avif", ".heic", ".heif"}


@dataclass(frozen=True)
class FoundFiles:
    """The files that inputs name, each once, in the order of the inputs.

    Attributes:
        images: image files.
        videos: video files.
        others: other files of folders, and links to folders, which are passed over.
        named: the videos that an input names itself, and not its folder or a pattern.
    """

    images: list[str]
    videos: list[str]
    others: list[str]
    named: list[str]


def find_images(inputs: Sequence[str | Path], results: Path | None = None) -> list[str]:
    """Paths of the image files that inputs name, each once, in the order of the inputs.

    Args:
        inputs: files, which are taken as they are; folders, which are searched with their
            subfolders, in order of names, for files that are images by content or suffix,
            without hidden ones; patterns such as ``"photos/**/*.jpg"``; "-" for standard input.
        results: folder that is not searched, because images are written to it.

    Raises:
        DataError: there is no such file, no image in a folder, no match of a pattern, or no
            input at all; or a folder cannot be read.
    """
    return find_files(inputs, results).images


def find_files(
    inputs: Sequence[str | Path],
    results: Path | None = None,
    is_video: Callable[[str], bool] = lambda path: False,
) -> FoundFiles:
    """The files that inputs name, by their kind.

    Args:
        inputs, results: see `find_images`.
        is_video: whether a file is a video.

    Raises:
        DataError: there is no such file, neither image nor video in a folder, no match of a
            pattern, or no input at all; or a folder cannot be read.
    """
    if not inputs:
        raise DataError("expected at least one image or folder of images, got none")
    images: dict[str, str] = {}
    videos: dict[str, str] = {}
    others: dict[str, str] = {}
    named = []
    skipped = os.path.realpath(results) if results is not None else ""
    for given in map(str, inputs):
        found = list(_of_input(given, skipped))
        usable = False
        for path, searched in found:
            video = path != STDIN and is_video(path)
            image = not video and (not searched or _may_be_image(path))
            kind = videos if video else images if image else others
            kind.setdefault(path if path == STDIN else os.path.realpath(path), path)
            usable = usable or video or image
            if video and path == given:
                named.append(path)
        if not usable:
            raise DataError(_nothing_in(given, [path for path, _ in found]))
    return FoundFiles(list(images.values()), list(videos.values()), list(others.values()), named)


def _nothing_in(folder: str, files: Sequence[str]) -> str:
    """The error message for a folder without an image, which says what it holds instead."""
    if not files:
        return f"no image in the folder {folder}"
    return f"no image in the folder {folder}, only {listed_files(files, folder)}"


def listed_files(files: Sequence[str], folder: str = "") -> str:
    """A count of files with the names of the first: "5 other files (a.txt, b.pdf, c.doc, ...)"."""
    names = [os.path.relpath(file, folder) if folder else os.path.basename(file) for file in files]
    names = [
        f"{name}: a link to a folder" if os.path.isdir(file) else name
        for name, file in zip(names[:_LISTED], files, strict=False)
    ]
    more = ", ..." if len(files) > _LISTED else ""
    return f"{count_noun(len(files), 'other file')} ({', '.join(names)}{more})"


def _of_input(given: str, skipped: str) -> Iterator[tuple[str, bool]]:
    """The files of an input, and whether a folder was searched for each."""
    if given == STDIN:
        yield STDIN, False
    elif os.path.isdir(given):
        for path in _in_folder(given, skipped):
            yield path, True
    elif os.path.exists(given):
        yield given, False
    elif not glob.has_magic(given):
        raise _missing(given)
    else:
        matches = matching_paths(given)
        if not matches:
            raise _no_match(given)
        for match in matches:
            inside = _in_folder(match, skipped) if os.path.isdir(match) else [match]
            for path in inside:
                yield path, path != match


def _missing(given: str) -> DataError:
    try:
        os.stat(given)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # no permission, a name that is too long
        return DataError(f"could not read {given}: {error.strerror or error}")
    except ValueError as error:
        return DataError(f"could not read {given!r}: {error}")
    return DataError(f"no image or folder at {given}")


def _no_match(pattern: str) -> DataError:
    """The error for a pattern without a match. Patterns pass over folders without permission."""
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    if os.path.isdir(folder or ".") and not os.access(folder or ".", os.R_OK | os.X_OK):
        return DataError(f"could not read the folder {folder}: {os.strerror(errno.EACCES)}")
    return DataError(f"no image matches the pattern {pattern}")


def _in_folder(folder: str, skipped: str) -> Iterator[str]:
    """The regular files of a folder and its subfolders, without hidden ones; and the links to
    folders, which are not searched: they may lead in circles."""

    def refuse(error: OSError) -> None:
        raise DataError(f"could not read the folder {error.filename}: {error.strerror or error}")

    for place, folders, files in os.walk(folder, onerror=refuse):
        if place != folder and os.path.realpath(place) == skipped:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for path in (os.path.join(place, name) for name in folders):
            if os.path.islink(path) and os.path.splitext(path)[1].lower() not in IMAGE_SUFFIXES:
                yield path
        for file in sorted(files):
            path = os.path.join(place, file)
            if not file.startswith(".") and os.path.isfile(path):  # reading a pipe would block
                yield path


def make_image_folder(path: Path) -> Path:
    """Create the folder that images are written to, and its parents.

    Raises:
        SettingsError: its name has the suffix of a file, so a file was meant.
        WriteError: it cannot be created.
    """
    if names_a_file(path) or (path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()):
        raise SettingsError(f"images go to a folder, {path} is the name of a file; name a folder")
    return make_folder(path)


def relative_to_common(paths: Sequence[str]) -> list[PurePath]:
    """Paths relative to the folder that holds all the files; standard input is ``stdin``.

    Examples:
        >>> [str(p) for p in relative_to_common(["photos/a.jpg", "photos/new/b.jpg", "-"])]
        ['a.jpg', 'new/b.jpg', 'stdin']
    """
    whole = [PurePath(os.path.abspath(path)) for path in paths if path != STDIN]
    try:
        base = os.path.commonpath([path.parent for path in whole]) if whole else ""
    except ValueError:  # on several drives
        base = ""
    places = iter([p.relative_to(base) if base else PurePath(p.name) for p in whole])
    return [PurePath("stdin") if path == STDIN else next(places) for path in paths]


def _may_be_image(path: str) -> bool:
    """True if the suffix or the content of a file is that of an image. If only the suffix is, the
    reader reports the file."""
    if os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES:
        return True
    try:
        with open(path, "rb") as file:
            return bool(kind_of(file.read(HEAD_BYTES)))
    except OSError:
        return False
