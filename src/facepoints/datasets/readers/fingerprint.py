"""Fingerprints of data sets, by the names, sizes and times of their files."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from facepoints.datasets.readers import youtube_faces
from facepoints.datasets.readers.image_finder import IMAGE_SUFFIXES, ImageFinder
from facepoints.datasets.readers.label_files import read_bytes
from facepoints.datasets.readers.youtube_videos import npz_files
from facepoints.errors import DataError

__all__ = ["fingerprint"]

_BESIDE = {"pts": ".pts", "labelme": ".json", "points-txt": ".txt", "mat": ".mat"}
"""Formats with a label file per image, each with the suffix of these files."""

_ALONE = ("kaggle", "cofw", "zip")
"""Formats of a single file."""


def fingerprint(format_name: str, path: Path) -> str:
    """Digest of the names, sizes and times of all files of a data set."""
    if format_name == "youtube":
        files = [path, *_below(youtube_faces.frames_folder(path), IMAGE_SUFFIXES)]
    elif format_name == "youtube-npz":
        files = [path, *npz_files(path)] if path.is_file() else npz_files(path)
    elif format_name in _BESIDE:
        folder = path if path.is_dir() else ImageFinder(path).root
        files = [path, *_below(folder, (*IMAGE_SUFFIXES, _BESIDE[format_name]))]
        files = files[1:] if path.is_dir() else files
    elif format_name in _ALONE:
        files = [path]
    else:
        files = [path, *_listed_images(path)]
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


_QUOTED = (
    re.compile(rb'"((?:[^"\\\r\n]|\\.){1,1024})"'),  # JSON, XML
    re.compile(rb"'([^'<>\r\n]{1,1024})'"),  # XML
)
_BETWEEN = re.compile(rb"[\s,;\"'<>]+")  # what separates the words of a table
_SUFFIXES = tuple(suffix.encode() for suffix in IMAGE_SUFFIXES)


def _listed_images(labels: Path) -> list[Path]:
    """The images that a label file lists, found by a text search instead of a slow parser."""
    try:
        data = read_bytes(labels)
    except DataError:
        return []  # the reader reports it
    names: set[str] = set()
    words = [*(word for pattern in _QUOTED for word in pattern.findall(data))]
    for word in [*words, *_BETWEEN.split(data)]:
        # an address may have a query after the name
        if len(word) > 1024 or not word.split(b"?", 1)[0].lower().endswith(_SUFFIXES):
            continue
        text = word.decode("utf-8", "replace")
        names.add(html.unescape(text))
        if "\\" in text:
            try:
                names.add(str(json.loads(f'"{text}"')))
            except ValueError:
                continue
    finder = ImageFinder(labels)
    paths = []
    for name in sorted(names):
        try:
            paths.append(finder.find(name))
        except DataError:
            continue  # the reader reports it
    return paths
