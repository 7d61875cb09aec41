"""Which image files an input names, and how outputs are named after them."""

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
    """Paths of the picture files that inputs name, each once, in the order of the inputs.

    Args:
        inputs: files, taken as they are; folders, searched with all folders below, in
            order of names, for files that are pictures by content or call themselves
            so, hidden ones left out; patterns such as ``"photos/**/*.jpg"``; "-".
        results: folder that is passed over in searching, because pictures are written to it.

    Raises:
        DataError: no such file, a folder without a picture, a pattern that nothing fits,
            or no input at all.
    """
    if not inputs:
        raise DataError("expected at least one picture or folder of pictures, none came")
    found: dict[str, str] = {}
    skipped = os.path.realpath(results) if results is not None else ""
    for given in inputs:
        for path in _of_input(str(given), skipped):
            found.setdefault(path if path == STDIN else os.path.realpath(path), path)
    return list(found.values())


def _of_input(given: str, skipped: str) -> list[str]:
    if given == STDIN:
        return [STDIN]
    if os.path.isdir(given):
        paths = list(_in_folder(given, skipped))
        if not paths:
            raise DataError(f"no picture in the folder {given}")
        return paths
    if os.path.exists(given):
        return [given]
    if not glob.has_magic(given):
        raise DataError(f"no picture or folder at {given}")
    paths = []
    for match in sorted(glob.glob(given, recursive=True)):
        paths += _in_folder(match, skipped) if os.path.isdir(match) else [match]
    if not paths:
        raise DataError(f"no picture fits the pattern {given}")
    return paths


def _in_folder(folder: str, skipped: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        if place != folder and os.path.realpath(place) == skipped:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            path = os.path.join(place, file)
            if not file.startswith(".") and _may_be_picture(path):
                yield path


def make_image_folder(path: Path) -> Path:
    """Create the folder that pictures are written to, and its parents.

    Raises:
        SettingsError: it is called as a picture is, so that one file was expected.
        WriteError: it cannot be created.
    """
    if path.suffix.lower() in _SUFFIXES and not path.is_dir():
        raise SettingsError(f"pictures go to a folder, {path} is the name of a file")
    return make_folder(path)


def relative_to_common(paths: Sequence[str]) -> list[PurePath]:
    """Paths of files below the folder that holds them all; standard input is ``stdin``.

    >>> [str(p) for p in below_common(["photos/a.jpg", "photos/new/b.jpg", "-"])]
    ['a.jpg', 'new/b.jpg', 'stdin']
    """
    whole = [PurePath(os.path.abspath(path)) for path in paths if path != STDIN]
    try:
        base = os.path.commonpath([path.parent for path in whole]) if whole else ""
    except ValueError:  # on several drives
        base = ""
    places = iter([p.relative_to(base) if base else PurePath(p.name) for p in whole])
    return [PurePath("stdin") if path == STDIN else next(places) for path in paths]


def _may_be_picture(path: str) -> bool:
    """Whether a file is a picture, or calls itself one: then it is for the reader to say
    that it is none."""
    if not os.path.isfile(path):  # reading from a pipe would wait for ever
        return False
    if os.path.splitext(path)[1].lower() in _SUFFIXES:
        return True
    try:
        with open(path, "rb") as file:
            return bool(kind_of(file.read(HEAD_BYTES)))
    except OSError:
        return False
