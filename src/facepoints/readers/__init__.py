"""Labelled faces from files, told apart by what is in them, not by what they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facepoints.readers.cache import cached
from facepoints.readers.kaggle import read_kaggle
from facepoints.readers.options import Options
from facepoints.readers.store import reserve_images
from facepoints.samples import CROP_MARGIN, Photos, Samples, crops

__all__ = ["READERS", "Options", "load", "read"]

READERS: dict[str, Callable[[Path, Options], Samples | Photos]] = {
    "kaggle": read_kaggle,
}
"""Readers by format."""


def read(path: Path, *, part: str = "training", every: int = 5) -> Samples | Photos:
    return READERS["kaggle"](path, Options(part, every))


def load(
    path: Path,
    *,
    part: str = "training",
    size: int = 96,
    margin: float = CROP_MARGIN,
    every: int = 5,
) -> Samples:
    def make(scratch: Path | None) -> Samples:
        data = READERS["kaggle"](path, Options(part, every, scratch))
        if isinstance(data, Samples):
            return data
        out = reserve_images(scratch, len(data), size, size) if scratch else None
        return crops(data, size, margin, out)

    info = path.stat()
    state = [info.st_size, info.st_mtime_ns]
    options = {"part": part, "size": size, "margin": margin, "every": every}
    return cached(path, state, options, make)
