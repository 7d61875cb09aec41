"""Readers of labeled faces. The content of a file decides its format, not its name.

Examples:
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
from facepoints.datasets.readers.sniff import find_format, fingerprint
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
"""Readers by format. A new format also needs a rule in `sniff.find_format`."""


def read(path: Path, *, split: str = "training", every: int = 5) -> Samples | Photos:
    """Read a data set into memory, without the cache.

    Args:
        path: a file or folder in any of the formats.
        split: "training" or "test", for data sets that hold both (the competition's zip or
            folder, YouTube Faces as frames).
        every: read every n-th frame of npz videos.

    Returns:
        Samples if all images have one size (Kaggle tables), else Photos.

    Raises:
        DataError: there is no such path, its format is unknown, or the data break the format.
    """
    name, data_path = find_format(path, _checked(split))
    return READERS[name](data_path, Options(split, every))


def load(
    path: Path,
    *,
    split: str = "training",
    size: int = 96,
    margin: float = CROP_MARGIN,
    every: int = 5,
) -> Samples:
    """Read a data set as Samples of one size, from the cache if it was read before.

    Args:
        path, split, every: as for `read`.
        size: side of the square crops of photos, in pixels. Kaggle tables keep their own size.
        margin: margin around the face in the crops (`crops.CROP_MARGIN`).

    Returns:
        Samples with read-only images, memory-mapped unless the cache cannot be written.

    Raises:
        DataError: as for `read`, or an image cannot be read.
        SettingsError: `size` is not positive.
    """
    if size < 1:
        raise SettingsError(f"the crop size must be 1 pixel or more, is {size}")
    name, data_path = find_format(path, _checked(split))
    options = {"split": split, "size": size, "margin": margin, "every": every}

    def make(scratch: Path | None) -> Samples:
        data = READERS[name](data_path, Options(split, every, scratch))
        if isinstance(data, Samples):
            return data
        faces = int(data.labelled.any(axis=1).sum())
        if not faces:
            raise DataError(f"{path}: no face has a labeled point to crop it by")
        out = reserve_images(scratch, faces, size, size) if scratch else None
        return cut_crops(data, size, margin, out)

    return cached(data_path, [name, fingerprint(name, data_path)], options, make)


def _checked(split: str) -> str:
    if split not in SPLITS:
        raise DataError(f"the split is '{split}', expected one of {', '.join(SPLITS)}")
    return split
