"""Reads data sets of images and label files from a zip, as CVAT and Roboflow export them."""

from __future__ import annotations

import shutil
import stat
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import ARCHIVE_DAMAGE, damaged
from facepoints.datasets.readers.image_finder import IMAGE_SUFFIXES
from facepoints.datasets.readers.label_files import open_regular
from facepoints.datasets.readers.notes import Notes
from facepoints.datasets.readers.options import Options
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError

__all__ = ["holds_images", "read_zip"]

_LABELS = (".json", ".xml", ".pts", ".csv", ".txt", ".mat", ".npz")
_LARGEST = 64 << 30  # bytes of all files of a zip
_SQUEEZED = 1000  # times that they may be larger than the zip; all zeros reach about 1030
_SURE = 256 << 20  # bytes that are unpacked whatever their compression


def holds_images(path: Path) -> bool:
    """True if a zip has image files, or label files that are no tables."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            suffixes = (*IMAGE_SUFFIXES, ".json", ".xml", ".pts", ".mat", ".npz")
            return any(m.filename.lower().endswith(suffixes) for m in _members(archive))
    except (*ARCHIVE_DAMAGE, ValueError, OSError):
        return False  # the reader of tables reports the damage


def read_zip(
    path: Path, options: Options, read: Callable[[Path, Options], Samples | Photos]
) -> Samples | Photos:
    """Unpack a zip into a temporary folder, and read that.

    The folder is removed when its images are no longer needed.

    Args:
        path: the zip.
        options: for the reader.
        read: reads the folder.

    Raises:
        DataError: the zip is damaged or would be too large, or its files cannot be read.
    """
    folder = _TemporaryFolder()
    notes = Notes()
    try:
        _unpack(path, folder.path)
        data = read(_only_folder(folder.path), replace(options, notes=notes))
    except DataError as error:
        raise DataError(str(error).replace(str(folder.path), str(path))) from error
    for line in notes.lines():
        options.notes.say(line.replace(str(folder.path), str(path)))
    if isinstance(data, Samples):
        return data
    return replace(data, read_images=_Unpacked(folder, data.read_images))


class _TemporaryFolder:
    """A new folder that is removed when this object is no longer used, or at exit."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="facepoints-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class _Unpacked:
    """Reads images from a temporary folder, which it keeps."""

    folder: _TemporaryFolder
    read_images: Callable[[], Iterator[NDArray[np.uint8]]]

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        return self.read_images()


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files to unpack: images and labels, nothing hidden, no links, none outside."""
    kept = []
    for info in archive.infolist():
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        link = stat.S_ISLNK(info.external_attr >> 16)
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        known = info.filename.lower().endswith((*IMAGE_SUFFIXES, *_LABELS))
        if known and not (link or hidden or info.is_dir() or parts[0] in ("/", "\\")):
            kept.append(info)
    return kept


def _unpack(path: Path, folder: Path) -> None:
    """Unpack the images and label files of a zip. Raises DataError."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = _members(archive)
            total = sum(info.file_size for info in members)
            allowed = min(_LARGEST, max(_SURE, _SQUEEZED * path.stat().st_size))
            if total > allowed or total > shutil.disk_usage(folder).free:
                raise DataError(
                    f"{path} unpacks to {total / 2**30:.1f} GiB, which is too much; unpack it "
                    f"yourself, and name the folder"
                )
            for info in members:
                archive.extract(info, folder)
    except (*ARCHIVE_DAMAGE, ValueError) as error:
        raise damaged(path, "zip", error) from error
    except OSError as error:
        raise DataError(f"could not unpack {path}: {error.strerror or error}") from error


def _only_folder(folder: Path) -> Path:
    """The folder that holds all files, if they are all in one."""
    entries = list(folder.iterdir())
    while len(entries) == 1 and entries[0].is_dir():
        folder = entries[0]
        entries = list(folder.iterdir())
    return folder
