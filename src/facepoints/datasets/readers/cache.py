"""Caches data sets as memory-mapped arrays, which open in an instant.

An entry is a folder with .npy files and a ``meta.json``. It is written to a temporary folder and
renamed, so it is complete or missing. Its name is a digest of the data set's path and of all that
the result depends on: sizes and times of the files, the version of the readers, the options.
Outdated entries of the same path are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facepoints.datasets.readers.image_store import IMAGES, StoreError, open_images
from facepoints.datasets.samples import Samples
from facepoints.errors import FacepointsError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["FORMAT", "cache_folder", "cached"]

FORMAT = 3
"""Version of the readers and of the entries. Raise it when the results of either change."""

_TABLES = ("points", "labelled", "group", "names", "scheme")
_ABANDONED = 24 * 3600  # age in seconds after which a half-written entry is removed


def cache_folder() -> Path:
    """The folder in FACEPOINTS_CACHE, else ``facepoints`` in the user's cache folder."""
    if own := os.environ.get("FACEPOINTS_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "facepoints"


def cached(
    path: Path,
    state: list[Any],
    options: dict[str, Any],
    make: Callable[[Path | None], Samples],
) -> Samples:
    """Load samples from the cache. If they are not there, read the data set and cache it.

    If the cache cannot be written, the samples are read into memory.

    Args:
        path: the data set.
        state: JSON-ready; it changes whenever the data set changes.
        options: JSON-ready; how the data set is read.
        make: reads the data set. It gets a folder for the images (`image_store.IMAGES`), or
            None to keep them in memory. It raises StoreError if the folder cannot be written.
    """
    entry = _Entry.of(path, state, options)
    if (samples := entry.open()) is not None:
        return samples
    try:
        entry.folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=entry.folder.parent))
    except (OSError, RuntimeError):
        return make(None)
    try:
        entry.write(make(temporary), temporary)
    except (OSError, StoreError):
        return make(None)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    kept = entry.open()
    return make(None) if kept is None else kept


@dataclass(frozen=True)
class _Entry:
    """One folder of the cache."""

    folder: Path
    key: dict[str, Any]

    @classmethod
    def of(cls, path: Path, state: list[Any], options: dict[str, Any]) -> _Entry:
        where = str(path.resolve())
        key = {"format": FORMAT, "path": where, "state": state, "options": options}
        name = f"{_short(where)}-{_short(json.dumps(key, sort_keys=True))}"
        return cls(cache_folder() / name, json.loads(json.dumps(key)))

    def open(self) -> Samples | None:
        """Load the samples of the entry; None if it is missing or damaged."""
        try:
            meta = json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))
            if meta["key"] != self.key:
                return None
            if (self.folder / IMAGES).stat().st_size != meta["image_bytes"]:
                return None
            tables = {}
            for name in _TABLES:
                if _checksum(self.folder / f"{name}.npy") != meta["checksums"][name]:
                    return None
                tables[name] = np.load(self.folder / f"{name}.npy", allow_pickle=False)
            return Samples(
                images=open_images(self.folder),
                landmarks=LandmarkSet.from_dict(meta["landmarks"]),
                schemes={name: tuple(points) for name, points in meta["schemes"].items()},
                **tables,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, FacepointsError):
            return None

    def write(self, samples: Samples, temporary: Path) -> None:
        """Write the tables to `temporary`, which has the images, and rename it to the entry."""
        for name in _TABLES:
            np.save(temporary / f"{name}.npy", getattr(samples, name), allow_pickle=False)
        meta = {
            "key": self.key,
            "image_bytes": (temporary / IMAGES).stat().st_size,
            "checksums": {name: _checksum(temporary / f"{name}.npy") for name in _TABLES},
            "landmarks": samples.landmarks.to_dict(),
            "schemes": samples.schemes,
        }
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        shutil.rmtree(self.folder, ignore_errors=True)  # an existing entry is damaged
        os.replace(temporary, self.folder)
        self._tidy()

    def _tidy(self) -> None:
        """Remove outdated entries of this path and abandoned half-written entries."""
        for other in self.folder.parent.glob(f"{self.folder.name.split('-')[0]}-*"):
            try:
                key = json.loads((other / "meta.json").read_text(encoding="utf-8"))["key"]
                stale = any(key[part] != self.key[part] for part in ("format", "state"))
            except (OSError, ValueError, KeyError, TypeError):
                stale = True
            if stale:
                shutil.rmtree(other, ignore_errors=True)
        for half in self.folder.parent.glob(".new-*"):
            try:
                abandoned = time.time() - half.stat().st_mtime > _ABANDONED
            except OSError:
                continue
            if abandoned:
                shutil.rmtree(half, ignore_errors=True)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())
