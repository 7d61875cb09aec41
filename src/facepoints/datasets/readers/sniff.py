"""Detects the format of a data set by its content, and lists its files."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from facepoints.datasets.readers import youtube_faces
from facepoints.datasets.readers.coco import find_image
from facepoints.datasets.readers.csv_lines import ZIP_MAGIC, choose_table
from facepoints.datasets.readers.kaggle import is_kaggle_header
from facepoints.datasets.readers.photo_rows import IMAGE_SUFFIXES
from facepoints.datasets.readers.pts import pts_files
from facepoints.errors import DataError

__all__ = ["find_format", "fingerprint"]

KNOWN_FORMATS = (
    "a Kaggle training.csv or test.csv (plain, zipped, in the competition's zip), "
    "YouTube Faces (a *_frames_keypoints.csv with its images, or .npz videos), "
    "a folder of images with .pts files, COCO keypoints JSON, imglab XML"
)

_HEAD = 1 << 16  # bytes from the start of a file that decide its format
_BOM = b"\xef\xbb\xbf"


def find_format(path: Path, split: str) -> tuple[str, Path]:
    """The name of the reader for a path (a key of `READERS`), and the path for that reader.

    If a folder has tables, that path is the table of the split. If it has a single COCO or imglab
    file, it is that file. Otherwise it is `path` itself.

    Raises:
        DataError: there is no such path, the file is empty, or its format is unknown.
    """
    try:
        if path.is_dir():
            return _find_in_folder(path, split)
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise DataError(f"no file or folder at {path}") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    if not head:
        raise DataError(f"{path} is empty; expected {KNOWN_FORMATS}")
    if head.startswith(ZIP_MAGIC):
        return ("youtube-npz" if _is_npz(path) else "kaggle"), path
    text = head.removeprefix(_BOM).lstrip()
    line = text.split(b"\n", 1)[0].rstrip(b"\r")
    if text.startswith(b"{"):
        # the points of a .pts file without a header start with a brace, too
        return ("pts" if path.suffix.lower() == ".pts" else "coco"), path
    if text.startswith(b"<"):
        return "imglab", path
    if b"n_points" in head or path.suffix.lower() == ".pts":
        return "pts", path
    if youtube_faces.is_frames_header(line):
        return "youtube", path
    if is_kaggle_header(line):
        return "kaggle", path
    raise DataError(f"{path} has no known format; expected {KNOWN_FORMATS}")


def _find_in_folder(path: Path, split: str) -> tuple[str, Path]:
    names = [f.name for f in path.iterdir() if f.is_file()]
    if any(n.endswith(youtube_faces.TABLE_SUFFIX) for n in names):
        return "youtube", youtube_faces.table_of(path, split)
    tables = [n for n in names if n.lower().startswith(("training.", "test."))]
    table = choose_table([*tables, ""], split)
    if table and Path(table).name.lower().startswith(split):
        return "kaggle", path / table
    if tables and choose_table([*tables, ""], "test" if split == "training" else "training"):
        raise DataError(
            f"no {split}.csv or {split}.zip in {path}; found {', '.join(sorted(tables))}"
        )
    if pts_files(path):
        return "pts", path
    if youtube_faces.npz_files(path):
        return "youtube-npz", path
    listed = sorted(n for n in names if n.lower().endswith((".json", ".xml")) and n[0] != ".")
    if len(listed) == 1:
        return find_format(path / listed[0], split)
    if listed:
        raise DataError(f"{path} holds {', '.join(listed[:5])}; name the one to read")
    raise DataError(f"no file in the folder {path} has a known format; expected {KNOWN_FORMATS}")


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(n.endswith(".npy") for n in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return path.suffix.lower() == ".npz"  # a damaged file: its reader reports it


def fingerprint(format_name: str, path: Path) -> str:
    """Digest of the names, sizes and times of all files of a data set."""
    if format_name == "youtube":
        files = [path, *_below(youtube_faces.frames_folder(path), IMAGE_SUFFIXES)]
    elif format_name == "youtube-npz":
        files = youtube_faces.npz_files(path)
    elif format_name == "pts":
        folder = path if path.is_dir() else path.parent
        files = _below(folder, (*IMAGE_SUFFIXES, ".pts"))
    elif format_name in ("coco", "imglab"):
        files = [path, *_listed_images(path)]
    else:
        files = [path]
    return hashlib.sha256(json.dumps([_file_state(f) for f in files]).encode()).hexdigest()


def _file_state(file: Path) -> tuple[str, int, int]:
    try:
        info = file.stat()
        return str(file), info.st_size, info.st_mtime_ns
    except (OSError, ValueError):  # ValueError: no file can have this name
        return str(file), -1, -1


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(suffixes):
                yield Path(root, name)


_NAMES = (
    re.compile(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")'),
    re.compile(rb"<image[^>]*?\sfile\s*=\s*[\"']([^\"']*)[\"']"),
)


def _listed_images(labels: Path) -> list[Path]:
    """The images that a label file lists, found by a text search instead of a slow parser."""
    try:
        data = labels.read_bytes()
    except OSError:
        return []
    names = set()
    for quoted in _NAMES[0].findall(data):
        try:
            names.add(str(json.loads(quoted)))
        except ValueError:
            continue  # not JSON: the reader reports it
    names.update(html.unescape(n.decode("utf-8", "replace")) for n in _NAMES[1].findall(data))
    return [find_image(labels, name) for name in sorted(names)]
