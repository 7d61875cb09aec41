"""Readers of labeled faces. The content of a file decides its format, not its name.

Examples:
    >>> from pathlib import Path
    >>> samples = load(Path("training.zip"))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from facepoints.datasets.crops import CROP_MARGIN, crop_labels, cut_crops
from facepoints.datasets.readers.cache import cached
from facepoints.datasets.readers.coco import read_coco
from facepoints.datasets.readers.containers import read_zip
from facepoints.datasets.readers.cvat import read_cvat
from facepoints.datasets.readers.deeplabcut import read_deeplabcut
from facepoints.datasets.readers.fingerprint import fingerprint
from facepoints.datasets.readers.image_store import reserve_images
from facepoints.datasets.readers.imglab import read_imglab
from facepoints.datasets.readers.kaggle import read_kaggle, table_has_images
from facepoints.datasets.readers.label_studio import read_label_studio
from facepoints.datasets.readers.labelme import read_labelme
from facepoints.datasets.readers.mat_files import read_cofw, read_mat
from facepoints.datasets.readers.notes import Notes, warn_of
from facepoints.datasets.readers.options import SPLITS, Mend, Options
from facepoints.datasets.readers.point_lists import read_celeba, read_wflw
from facepoints.datasets.readers.point_texts import read_point_texts
from facepoints.datasets.readers.pts import read_pts
from facepoints.datasets.readers.sniff import find_format
from facepoints.datasets.readers.youtube_faces import read_frames
from facepoints.datasets.readers.youtube_videos import read_npz
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, SettingsError

__all__ = ["READERS", "Mend", "Options", "has_images", "load", "load_labels", "read"]

SMALLEST_CROP, LARGEST_CROP = 16, 4096
"""Pixels: the sides that crops of photos may have. In a smaller one, no eye can be seen."""


def _read_unpacked(path: Path, options: Options) -> Samples | Photos:
    """Read the folder that a zip was unpacked to."""
    name, data_path = find_format(path, options.split)
    return READERS[name](data_path, options)


READERS: dict[str, Callable[[Path, Options], Samples | Photos]] = {
    "kaggle": read_kaggle,
    "youtube": read_frames,
    "youtube-npz": read_npz,
    "pts": read_pts,
    "coco": read_coco,
    "imglab": read_imglab,
    "cvat": read_cvat,
    "labelme": read_labelme,
    "label-studio": read_label_studio,
    "deeplabcut": read_deeplabcut,
    "wflw": read_wflw,
    "celeba": read_celeba,
    "points-txt": read_point_texts,
    "mat": read_mat,
    "cofw": read_cofw,
    "zip": lambda path, options: read_zip(path, options, _read_unpacked),
}
"""Readers by format. A new format also needs a rule in `sniff.find_format`, and one in
`fingerprint` if its label file does not name its images."""


def read(path: Path, *, split: str = "training", every: int = 5) -> Samples | Photos:
    """Read a data set into memory, without the cache.

    What is left out or changed is issued as a `DataWarning`.

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
    notes = Notes()
    data = READERS[name](data_path, Options(split, every, notes=notes))
    warn_of(path, notes.lines(), stacklevel=2)
    return data


def load(
    path: Path,
    *,
    split: str = "training",
    size: int = 96,
    margin: float = CROP_MARGIN,
    every: int = 5,
    mend: Mend | None = None,
) -> Samples:
    """Read a data set as Samples of one size, from the cache if it was read before.

    What is left out or changed is issued as a `DataWarning`, also when it comes from the cache.

    Args:
        path, split, every: as for `read`.
        size: side of the square crops of photos, in pixels. Kaggle tables keep their own size.
        margin: margin around the face in the crops (`crops.CROP_MARGIN`).
        mend: changes labels, before crops are cut around them; None: labels stay.

    Returns:
        Samples with read-only images, memory-mapped unless the cache cannot be written.

    Raises:
        DataError: as for `read`, an image cannot be read, or labels cannot be mended.
        SettingsError: `size` is out of range.
    """
    if not SMALLEST_CROP <= size <= LARGEST_CROP:
        raise SettingsError(
            f"`crop_size` must be from {SMALLEST_CROP} to {LARGEST_CROP} pixels, is {size}"
        )
    name, data_path = find_format(path, _checked(split))
    options = {"split": split, "size": size, "margin": margin, "every": every}
    if mend is not None:
        options["mend"] = mend.key

    def make(scratch: Path | None, notes: Notes) -> Samples:
        data = READERS[name](data_path, Options(split, every, scratch, notes))
        if isinstance(data, Samples):
            return data if mend is None else mend(data, np.arange(len(data)))
        some = data.labelled.any(axis=1)
        faces = int(some.sum())
        if not faces:
            raise DataError(f"{path}: no face has a labeled point to crop it by")
        for row in np.flatnonzero(~some):
            notes.add("faces without a labeled point were left out", str(data.names[row]))
        out = reserve_images(scratch, faces, size, size) if scratch else None
        mended = data if mend is None else mend(data, np.flatnonzero(some))
        return cut_crops(
            mended, size, margin, out, around=_framing(mended, data), where=f"{path}: "
        )

    samples, lines = cached(data_path, [name, fingerprint(name, data_path)], options, make)
    warn_of(path, lines, stacklevel=2)
    return samples


def load_labels(
    path: Path, *, split: str = "training", size: int = 96, margin: float = CROP_MARGIN
) -> Samples:
    """Read the labels of a data set as `load` does, without its images, whose pixels are all 0.

    No image needs to be there, and a Kaggle table may lack its column of pixels. What is left out
    or changed is issued as a `DataWarning`.

    Args:
        path, split: as for `read`.
        size, margin: of the crops that would be cut, as for `load`.

    Raises:
        DataError: as for `read`.
    """
    name, data_path = find_format(path, _checked(split))
    notes = Notes()
    data = READERS[name](data_path, Options(split, notes=notes, images=False))
    warn_of(path, notes.lines(), stacklevel=2)
    return data if isinstance(data, Samples) else crop_labels(data, size, margin, f"{path}: ")


def has_images(path: Path, split: str = "training") -> bool:
    """False for a Kaggle table without a column of pixels. Other data sets name image files, which
    may be missing."""
    name, data_path = find_format(path, _checked(split))
    return name != "kaggle" or table_has_images(data_path, split)


def _framing(mended: Photos, data: Photos) -> Photos:
    """The labels to cut crops around: mended ones, and where none is left, those before."""
    empty = ~np.any(mended.labelled, axis=1, keepdims=True)
    return replace(
        mended,
        points=np.where(empty[..., None], data.points, mended.points),
        labelled=np.where(empty, data.labelled, mended.labelled),
    )


def _checked(split: str) -> str:
    if split not in SPLITS:
        raise DataError(f"the split is '{split}', expected one of {', '.join(SPLITS)}")
    return split
