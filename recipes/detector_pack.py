"""The detector's photos in one small file, to train on a machine without the data sets.

    python recipes/detector_pack.py --data DATA --out build/detector/photos.npz
    python recipes/detector.py --data build/detector/photos.npz --device cuda --seconds 150

The photos are shrunk, gray and compressed as WebP, some 20 MB. Of the frames of YouTube Faces,
which show the same people again and again, one in eight is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro
from detector_photos import LabelledPhoto, Material, read_material
from detector_scenes import Gray
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.imaging import affine

__all__ = ["read_pack", "write_pack"]

SIDE = {"afw": 520, "inthewild21": 416}
"""Longest side in pixels of the photos of sets with small faces."""
OTHERS = 320
"""The same for all other photos; a scene has 256 pixels."""
QUALITY = 42
KEPT = {"youtube-faces": 8}
"""Only one in so many photos of a set is kept."""
_EMPTY = "empty"

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Pack:
    """Write the photos of the detector's recipe to one file."""

    data: Path = Path("../shared/data")
    """Folder of the data sets, with held-out.txt."""
    out: Path = Path("build/detector/photos.npz")
    """The file."""
    seed: int = 0
    """Random seed of the recipe, which chooses the validation people."""


def write_pack(path: Path, material: Material) -> None:
    """Write all photos to an .npz file, whole or not at all."""
    arrays: Arrays = {}
    for part, sets in (("training", material.training), ("validation", material.validation)):
        for name, photos in sets.items():
            some = photos[:: KEPT.get(name, 1)]
            _add(arrays, f"{part}/{name}", some, SIDE.get(name, OTHERS))
    none = np.zeros((0, 68, 2))
    for part, pictures in (("training", material.empty), ("validation", material.empty_held)):
        photos = [LabelledPhoto(picture, none, "") for picture in pictures]
        _add(arrays, f"{part}/{_EMPTY}", photos, OTHERS)
    files.make_folder(path.parent)
    with files.atomic_file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _add(arrays: Arrays, key: str, photos: Sequence[LabelledPhoto], side: int) -> None:
    """Add photos, shrunk to a longest side in pixels, to the arrays of a file."""
    coded: list[NDArray[np.uint8]] = []
    points: list[NDArray[np.floating]] = [np.zeros((0, 68, 2))]
    for photo in photos:
        image, matrix = _shrunk(photo.image, side)
        _, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        coded.append(np.asarray(data, dtype=np.uint8).ravel())
        points.append(affine.apply(matrix, photo.points))
    arrays[f"{key}/bytes"] = np.concatenate([np.zeros(0, np.uint8), *coded])
    arrays[f"{key}/ends"] = np.cumsum([len(data) for data in coded])
    arrays[f"{key}/counts"] = np.array([len(photo.points) for photo in photos])
    arrays[f"{key}/points"] = np.concatenate(points).astype(np.float32)
    arrays[f"{key}/names"] = np.array([photo.name for photo in photos])


def _shrunk(image: Gray, side: int) -> tuple[Gray, affine.Matrix]:
    """An image of at most `side` pixels, and the map to its pixels."""
    height, width = image.shape
    scale = min(1.0, side / max(height, width))
    new = max(1, round(width * scale)), max(1, round(height * scale))
    return affine.resize(image, *new), affine.resize_matrix(new[0] / width, new[1] / height)


def read_pack(path: Path) -> Material:
    """The photos of a file that `write_pack` wrote."""
    parts: dict[str, dict[str, list[LabelledPhoto]]] = {"training": {}, "validation": {}}
    with np.load(path) as arrays:
        for key in [k.removesuffix("/ends") for k in arrays.files if k.endswith("/ends")]:
            part, name = key.split("/")
            parts[part][name] = _photos(arrays, key)
    empty, empty_held = ([p.image for p in parts[part].pop(_EMPTY)] for part in parts)
    return Material(parts["training"], parts["validation"], empty, empty_held)


def _photos(arrays: Arrays, key: str) -> list[LabelledPhoto]:
    whole, ends = arrays[f"{key}/bytes"], arrays[f"{key}/ends"]
    points, counts = arrays[f"{key}/points"], arrays[f"{key}/counts"]
    faces = np.split(points.astype(np.float64), np.cumsum(counts)[:-1])
    photos = []
    for data, own, name in zip(
        np.split(whole, ends[:-1]), faces, arrays[f"{key}/names"], strict=True
    ):
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
        photos.append(LabelledPhoto(image, own, str(name)))
    return photos


if __name__ == "__main__":
    pack = tyro.cli(Pack)
    write_pack(pack.out, read_material(pack.data, pack.seed))
    print(f"{pack.out}: {pack.out.stat().st_size / 1e6:.1f} MB")
