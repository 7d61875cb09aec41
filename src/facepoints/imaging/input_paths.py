"""Finds the image files that an input names, and names for the outputs of each."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from facepoints._util.files import make_folder
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_header import HEAD_BYTES, kind_of
from facepoints.imaging.image_io import STDIN

__all__ = ["find_images", "make_image_folder", "relative_to_common"]


_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_SUFFIXES |= {".pgm", ".ppm", ".pnm", ".avif"}


def find_images(inputs: Sequence[str | Path], results: Path | None = None) -> list[str]:
    """Paths of the image files that inputs name, each once, in the order of the inputs.

    Args:
        inputs: files, which are taken as they are; folders, which are searched with their
            subfolders, in order of names, for files that are images by content or suffix,
            without hidden ones; patterns such as ``"photos/**/*.jpg"``; "-" for standard input.
        results: folder that is not searched, because images are written to it.

    Raises:
        DataError: there is no such file, no image in a folder, no match of a pattern, or no
            input at all.
    """
    if not inputs:
        raise DataError("expected at least one image or folder of images, got none")
    paths: dict[str, str] = {}
    skipped = os.path.realpath(results) if results is not None else ""
    for given in inputs:
        for path in _of_input(str(given), skipped):
            paths.setdefault(path if path == STDIN else os.path.realpath(path), path)
    return list(paths.values())


def _of_input(given: str, skipped: str) -> list[str]:
    if given == STDIN:
        return [STDIN]
    if os.path.isdir(given):
        paths = list(_in_folder(given, skipped))
        if not paths:
            raise DataError(f"no image in the folder {given}")
        return paths
    if os.path.exists(given):
        return [given]
    if not glob.has_magic(given):
        raise DataError(f"no image or folder at {given}")
    paths = []
    for match in sorted(glob.glob(given, recursive=True)):
        paths += _in_folder(match, skipped) if os.path.isdir(match) else [match]
    if not paths:
        raise DataError(f"no image matches the pattern {given}")
    return paths


def _in_folder(folder: str, skipped: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        if place != folder and os.path.realpath(place) == skipped:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            path = os.path.join(place, file)
            if not file.startswith(".") and _may_be_image(path):
                yield path


def make_image_folder(path: Path) -> Path:
    """Create the folder that images are written to, and its parents.

    Raises:
        SettingsError: its name has the suffix of an image, so a file was meant.
        WriteError: it cannot be created.
    """
    if path.suffix.lower() in _SUFFIXES and not path.is_dir():
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
    if not os.path.isfile(path):  # reading from a pipe would block
        return False
    if os.path.splitext(path)[1].lower() in _SUFFIXES:
        return True
    try:
        with open(path, "rb") as file:
            return bool(kind_of(file.read(HEAD_BYTES)))
    except OSError:
        return False
