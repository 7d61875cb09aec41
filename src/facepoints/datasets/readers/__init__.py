"""Labelled faces from files, told apart by what is in them, not by what they are called.

>>> from pathlib import Path
>>> samples = load(Path("training.zip"))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facepoints.datasets.crops import CROP_MARGIN, cut_crops
from facepoints.datasets.readers.cache import cached
from facepoints.datasets.readers.coco import read_coco
from facepoints.datasets.readers.image_store import reserve_images
from facepoints.datasets.readers.imglab import read_imglab
from facepoints.datasets.readers.kaggle import read_kaggle
from facepoints.datasets.readers.options import SPLITS, Options
from facepoints.datasets.readers.pts import read_pts
from facepoints.datasets.readers.sniff import find, state
from facepoints.datasets.readers.youtube_faces import read_frames, read_npz
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, SettingsError

__all__ = ["READERS", "Options", "load", "read"]

READERS: dict[str, Callable[[Path, Options], Samples | Photos]] = {
    "kaggle": read_kaggle,
    "youtube": read_frames,
    "youtube-npz": read_npz,
    "pts": read_pts,
    "coco": read_coco,
    "imglab": read_imglab,
}
"""Readers by format. A path to a new format also needs a way to tell it: `formats.find`."""


def read(path: Path, *, split: str = "training", every: int = 5) -> Samples | Photos:
    """A data set in whatever format it is, past the cache, in memory.

    Args:
        path: a file or folder.
        part: "training" or "test", for data sets that hold both (the competition's zip or
            folder, YouTube Faces as frames).
        every: take each n-th frame of npz videos.

    Returns:
        Samples where the faces have one size (Kaggle tables), else Photos.

    Raises:
        DataError: nothing there, no known format, or data that breaks its format.
    """
    name, found = find(path, _checked(split))
    return READERS[name](found, Options(split, every))


def load(
    path: Path,
    *,
    split: str = "training",
    size: int = 96,
    margin: float = CROP_MARGIN,
    every: int = 5,
) -> Samples:
    """A data set as Samples of one size, from the cache if it was read before.

    Args:
        path, part, every: as for `read`.
        size, margin: side of the square crops of photos, in pixels, and what is around
            the face (`samples.crops`). Kaggle tables keep their own size.

    Returns:
        Samples whose images are read-only and, but for a cache that cannot be written,
        memory-mapped.

    Raises:
        DataError: as for `read`, or a picture that does not open.
        SettingsError: `size` is not positive.
    """
    if size < 1:
        raise SettingsError(f"size must be 1 pixel or more, is {size}")
    name, found = find(path, _checked(split))
    options = {"part": split, "size": size, "margin": margin, "every": every}

    def make(scratch: Path | None) -> Samples:
        data = READERS[name](found, Options(split, every, scratch))
        if isinstance(data, Samples):
            return data
        faces = int(data.labelled.any(axis=1).sum())
        if not faces:
            raise DataError(f"{path}: no face has a labelled point to crop it by")
        out = reserve_images(scratch, faces, size, size) if scratch else None
        return cut_crops(data, size, margin, out)

    return cached(found, [name, state(name, found)], options, make)


def _checked(part: str) -> str:
    if part not in SPLITS:
        raise DataError(f"part is '{part}', expected one of {', '.join(SPLITS)}")
    return part
