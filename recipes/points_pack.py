"""The training data of the landmark model in small files, to train on a machine without the photos.

    python recipes/points_pack.py --data DATA --out build/pack
    python recipes/points_on_gpu.py teacher --pack build/pack --out build/teachers/0

The crops of `points_data.material` are compressed as WebP, some 100 MB with four sets of morphs. So
the GPU needs neither the photos nor the CPU time to make the morphs.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepoints.datasets.combine import concatenate
from facepoints.datasets.samples import Samples
from facepoints.errors import FacepointsError
from facepoints.training.batches import DeviceFaces

__all__ = ["decoded", "joined", "read_faces", "taken", "write_faces"]

QUALITY, MADE_QUALITY = 86, 66
"""Quality of the packed crops (WebP, 0 to 100), and of those that are made or show no face."""
UNIT = 64
"""Packed coordinates are whole numbers of 1/64 pixel."""
NEGATIVES_PACKED = 3000
MORPH_SETS = 4


def encoded(images: NDArray[np.uint8], quality: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images as the bytes of WebP files, one after the other, and the end of each."""
    parts = [cv2.imencode(".webp", i, [cv2.IMWRITE_WEBP_QUALITY, quality])[1] for i in images]
    return np.concatenate(parts), np.cumsum([len(part) for part in parts])


def decoded(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Inverse of `encoded`."""
    begins = [0, *ends[:-1]]
    with ThreadPoolExecutor(8) as pool:
        images = pool.map(
            lambda span: np.asarray(cv2.imdecode(data[slice(*span)], cv2.IMREAD_GRAYSCALE)),
            zip(begins, ends, strict=True),
        )
        return np.stack(list(images)).astype(np.uint8)


def write_faces(path: Path, faces: Samples, quality: int, **extra: NDArray) -> None:
    """Write faces with their labels to one file."""
    images, ends = encoded(faces.images, quality)
    points = np.round(np.clip(faces.points, -500, 500) * UNIT).astype(np.int16)
    arrays = {
        "images": images, "ends": ends, "points": points, "visibility": faces.visibility,
        "labelled": np.packbits(faces.labelled), "scheme": faces.scheme, **extra,
    }  # fmt: skip
    np.savez(path, allow_pickle=False, **arrays)


def write_pack(data: Path, out: Path, morphs: Path) -> None:
    """Write the training data to the folder `out`: the faces of the sets, each set of morphs, the
    validation faces, and images without a face."""
    from points_data import SETS, material  # needs the reader of each set

    given = material(data, morphs, 0, MORPH_SETS)
    sets = concatenate(list(given.rows.values()))
    first = sets.take(slice(0, 1))  # brings the schemes of all sets into the other files

    def with_schemes(parts: list[Samples]) -> Samples:
        return concatenate([first, *parts]).take(slice(1, None))

    out.mkdir(parents=True, exist_ok=True)
    sizes = [len(rows) for rows in given.rows.values()]
    repeated = np.repeat([SETS[name][3] for name in given.rows], sizes)
    write_faces(out / "faces.npz", sets, QUALITY, repeated=repeated)
    for number, made in enumerate(given.made):
        write_faces(out / f"made-{number}.npz", with_schemes([made]), MADE_QUALITY)
    held = [crops for _, crops in given.held.values()]
    write_faces(
        out / "held.npz", with_schemes(held), QUALITY, sets=np.array(list(given.held)),
        number=np.repeat(np.arange(len(held)), [len(crops) for crops in held]),
    )  # fmt: skip
    chosen = np.linspace(0, len(given.negatives) - 1, NEGATIVES_PACKED).astype(int)
    images, ends = encoded(given.negatives[chosen], MADE_QUALITY)
    np.savez(out / "negatives.npz", images=images, ends=ends)
    about = {
        "schemes": list(sets.schemes),
        "mirror": np.asarray(sets.landmarks.mirror).tolist(),
        "eyes": list(sets.landmarks.eye_columns),
        "mean": float(sets.images[::4].mean(dtype=np.float64)),
        "std": float(sets.images[::4].std(dtype=np.float64)),
    }
    (out / "about.json").write_text(json.dumps(about))


def read_faces(path: Path, device: torch.device) -> DeviceFaces:
    """Faces that `write_faces` wrote."""
    with np.load(path) as file:
        points = file["points"].astype(np.float32) / UNIT
        labelled = np.unpackbits(file["labelled"], count=points.shape[0] * points.shape[1])
        return DeviceFaces(
            torch.from_numpy(decoded(file["images"], file["ends"])).to(device),
            torch.from_numpy(points).to(device),
            torch.from_numpy(labelled.reshape(points.shape[:2]).astype(bool)).to(device),
            torch.from_numpy(file["scheme"].astype(np.int64)).to(device),
            torch.from_numpy(file["visibility"]).to(device),
        )


def taken(faces: DeviceFaces, index: Tensor) -> DeviceFaces:
    """Rows of faces."""
    return DeviceFaces(*(tensor[index] for tensor in vars(faces).values()))


def joined(parts: list[DeviceFaces]) -> DeviceFaces:
    """Faces one after the other."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return DeviceFaces(*(torch.cat(same) for same in columns))


@dataclass(frozen=True)
class Options:
    """Write the training data of the landmark model to a folder."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    out: Path = Path("build/pack")
    """Folder for the files."""
    morphs: Path = Path("build/points-morphs")
    """Folder that keeps the morphs, which take minutes to make."""


if __name__ == "__main__":
    import tyro

    try:
        options = tyro.cli(Options)
        write_pack(options.data, options.out, options.morphs)
    except FacepointsError as error:
        sys.exit(f"error: {error}")
