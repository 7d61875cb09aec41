"""Caches data sets as memory-mapped arrays, which open in an instant.

An entry is a folder with .npy files and a ``meta.json``. It is written to a temporary folder and
renamed, so it is complete or missing. Its name is a digest of the data set's path and of all that
the result depends on: sizes and times of the files, the version of the readers, the options.
Outdated entries of the same path are removed. Every file of an entry has a checksum, so a damaged
entry is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facepoints._util.temporary import temporary_folder
from facepoints._util.user_cache import cache_folder
from facepoints.datasets.readers.image_store import IMAGES, StoreError, open_images
from facepoints.datasets.readers.notes import Notes
from facepoints.datasets.samples import Samples
from facepoints.errors import FacepointsError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["FORMAT", "cache_folder", "cached"]

FORMAT = 9
"""Version of the readers and of the entries. Raise it when the results of either change."""

_TABLES = ("points", "labelled", "group", "names", "scheme", "visibility", "frame")
"""Arrays of `Samples` beside the images. Those that are None have no file."""

_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

_BLOCK = 1 << 24  # bytes read at once for a checksum


def cached(
    path: Path,
    state: list[Any],
    options: dict[str, Any],
    make: Callable[[Path | None, Notes], Samples],
) -> tuple[Samples, list[str]]:
    """Load samples from the cache. If they are not there, read the data set and cache it.

    If the cache cannot be written, the samples are read into memory.

    Args:
        path: the data set.
        state: JSON-ready; it changes whenever the data set changes.
        options: JSON-ready; how the data set is read.
        make: reads the data set. It gets a folder for the images (`image_store.IMAGES`), or
            None to keep them in memory, and notes of what it leaves out or changes. It raises
            StoreError if the folder cannot be written.

    Returns:
        The samples, and the lines of the notes.
    """

    def make_in_memory() -> tuple[Samples, list[str]]:
        notes = Notes()
        return make(None, notes), notes.lines()

    folder = cache_folder()
    if folder is None:
        return make_in_memory()
    entry = _Entry.of(folder, path, state, options)
    if (kept := entry.open()) is not None:
        return kept
    notes = Notes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as temporary:
            entry.write(make(temporary, notes), notes.lines(), temporary)
    except (OSError, StoreError):
        return make_in_memory()
    return entry.open() or make_in_memory()


@dataclass(frozen=True)
class _Entry:
    """One folder of the cache."""

    folder: Path
    key: dict[str, Any]

    @classmethod
    def of(cls, cache: Path, path: Path, state: list[Any], options: dict[str, Any]) -> _Entry:
        where = str(path.resolve())
        key = {"format": FORMAT, "path": where, "state": state, "options": options}
        name = f"{_short(where)}-{_short(json.dumps(key, sort_keys=True))}"
        return cls(cache / name, json.loads(json.dumps(key)))

    def open(self) -> tuple[Samples, list[str]] | None:
        """Load the samples and notes of the entry; None if it is missing or damaged."""
        try:
            meta = json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))
            lines = meta["notes"]
            if meta["key"] != self.key or not all(isinstance(line, str) for line in lines):
                return None
            checksums: dict[str, int] = meta["checksums"]
            if any(_checksum(self.folder / name) != sum_ for name, sum_ in checksums.items()):
                return None
            tables = {
                name: np.load(self.folder / f"{name}.npy", allow_pickle=False)
                for name in _TABLES
                if f"{name}.npy" in checksums
            }
            if IMAGES not in checksums:
                return None
            samples = Samples(
                images=open_images(self.folder),
                landmarks=LandmarkSet.from_dict(meta["landmarks"]),
                schemes={name: tuple(points) for name, points in meta["schemes"].items()},
                **tables,
            )
        except (*_DAMAGE, FacepointsError):
            return None
        return samples, lines

    def write(self, samples: Samples, lines: list[str], temporary: Path) -> None:
        """Write the tables to `temporary`, which has the images, and rename it to the entry."""
        files = [IMAGES]
        for name in _TABLES:
            if (table := getattr(samples, name)) is not None:
                np.save(temporary / f"{name}.npy", table, allow_pickle=False)
                files.append(f"{name}.npy")
        meta = {
            "key": self.key,
            "notes": lines,
            "checksums": {name: _checksum(temporary / name) for name in files},
            "landmarks": samples.landmarks.to_dict(),
            "schemes": samples.schemes,
        }
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        shutil.rmtree(self.folder, ignore_errors=True)  # an existing entry is damaged
        os.replace(temporary, self.folder)
        self._tidy()

    def _tidy(self) -> None:
        """Remove outdated entries of this path, and those with other mended labels."""
        for other in self.folder.parent.glob(f"{self.folder.name.split('-')[0]}-*"):
            try:
                key = json.loads((other / "meta.json").read_text(encoding="utf-8"))["key"]
                stale = any(key[part] != self.key[part] for part in ("format", "state"))
                mended = all("mend" in each["options"] for each in (key, self.key))
                stale |= mended and key["options"] != self.key["options"]
            except _DAMAGE:
                stale = True
            if stale:
                shutil.rmtree(other, ignore_errors=True)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _checksum(path: Path) -> int:
    """CRC-32 of a file, which takes about a second per gigabyte."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value
