"""Reads MATLAB files of AFLW2000-3D, 300W-LP and COFW. The extra ``labels`` has what opens them.

- AFLW2000-3D and 300W-LP: a file beside each image, with ``pt3d_68`` (3, 68) or ``pt2d`` (2, 68).
  http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm
- COFW: one file of version 7.3 (HDF5) with all images ``IsTr`` or ``IsT`` and ``phisTr`` or
  ``phisT``: x of 29 points, y, then 1 for each hidden point.
  https://www.vision.caltech.edu/datasets/cofw/

Coordinates are 1-based, as in MATLAB, so 1 is subtracted.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_finder import ImagesByStem, name_below
from facepoints.datasets.readers.label_files import open_regular
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import FaceRow, finite_point, photos_of_rows
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, MissingExtraError
from facepoints.landmarks.known_sets import numbered_set

__all__ = ["MAT_MAGIC", "is_cofw", "mat_files", "read_cofw", "read_mat"]

MAT_MAGIC = b"MATLAB "
_LARGEST = 64 << 20  # bytes of a file beside an image
_DAMAGE = (ValueError, TypeError, KeyError, OSError, EOFError, IndexError, NotImplementedError)
_DAMAGE += (struct.error, zlib.error, MemoryError, OverflowError, RuntimeError, AttributeError)
_COFW_POINTS = 29


def is_cofw(head: bytes) -> bool:
    """True if a MATLAB file has version 7.3, which is HDF5."""
    return head.startswith(b"MATLAB 7.3")


def mat_files(path: Path) -> list[Path]:
    """The MATLAB files below a folder, in order, or the one file itself."""
    if path.is_file():
        return [path]
    files = (f for f in path.rglob("*") if f.suffix.lower() == ".mat" and f.is_file())
    return sorted(f for f in files if not f.name.startswith("."))


def _package(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(name.partition(".")[0], "labels", f"reading {path}") from error


def read_mat(path: Path, options: Options) -> Photos:
    """Read the files of AFLW2000-3D or 300W-LP below a folder, with the images beside them.

    Files without an image or without points are left out, with a note. Groups are the images.

    Raises:
        DataError: a file is damaged, or none has points.
        MissingExtraError: scipy is not installed.
    """
    scipy_io = _package("scipy.io", path)
    finder = ImagesByStem(path)
    base = path if path.is_dir() else path.parent
    rows: list[FaceRow] = []
    for file in mat_files(path):
        points = _points(scipy_io, file)
        image = finder.find(file)
        if points is None or image is None:
            lacking = "the 68 points" if points is None else "an image of their name"
            options.notes.add(f"MATLAB files without {lacking} were left out", file.name)
            continue
        name = name_below(base, image)
        rows.append(FaceRow(image, name, file.stem, points, where=str(file)))
    if not rows:
        raise DataError(f"{path}: no MATLAB file with pt3d_68 and an image beside it")
    landmarks, scheme = numbered_set(68)
    return photos_of_rows(rows, landmarks, scheme, path=path, notes=options.notes, offset=1)


def _points(scipy_io: Any, file: Path) -> NDArray[np.float32] | None:
    """The 68 points of a file, 0-based; None if it has none. Raises DataError."""
    with open_regular(file) as opened:
        if file.stat().st_size > _LARGEST:
            raise DataError(f"{file} is larger than {_LARGEST >> 20} MiB, expected a face's points")
        try:
            names = ("pt3d_68", "pts_2d", "pt2d")
            data = scipy_io.loadmat(opened, variable_names=names)
            found = [np.asarray(data[name], dtype=np.float64) for name in names if name in data]
        except (*_DAMAGE, scipy_io.matlab.MatReadError) as error:
            raise DataError(f"{file} is a damaged MATLAB file: {error}") from error
    for table in found:
        table = table.T if table.shape[0] in (2, 3) and table.ndim == 2 else table
        if table.ndim == 2 and len(table) == 68 and table.shape[1] >= 2:
            points = table[:, :2] - 1
            for number, (x, y) in enumerate(points, start=1):
                if not finite_point(x, y):
                    raise DataError(
                        f"{file}: point {number} is at ({x}, {y}), outside of any image"
                    )
            return points.astype(np.float32)
    return None


def read_cofw(path: Path, options: Options) -> Photos:
    """Read ``COFW_train.mat`` or ``COFW_test.mat``, gray or color. Each image is a group.

    Raises:
        DataError: it is damaged or another file.
        MissingExtraError: h5py is not installed.
    """
    h5py = _package("h5py", path)
    with open_regular(path):
        pass
    try:
        with h5py.File(path, "r") as file:
            images = next(name for name in ("IsTr", "IsT") if name in file)
            table = file["phisTr" if images == "IsTr" else "phisT"]
            if table.shape[0] != 3 * _COFW_POINTS or table.shape[1] != file[images].size:
                raise ValueError(f"its table of points has the shape {table.shape}")
            values = np.asarray(table, dtype=np.float64).T
            shapes = [file[ref].shape for ref in np.ravel(file[images][()])]
    except StopIteration:
        raise DataError(f"{path} is no file of COFW: no variable IsTr or IsT") from None
    except _DAMAGE as error:
        raise DataError(f"{path} is no file of COFW, or damaged: {error}") from error
    rows = []
    for number, (row, shape) in enumerate(zip(values, shapes, strict=True), start=1):
        points = np.stack([row[:_COFW_POINTS], row[_COFW_POINTS : 2 * _COFW_POINTS]], axis=1) - 1
        if not all(finite_point(x, y) for x, y in points) or len(shape) not in (2, 3):
            raise DataError(f"{path}: image {number} has points or a shape that cannot be")
        name = f"{path.stem}/{number}"
        size = shape[-2], shape[-1]  # MATLAB stores columns first
        visible = (row[2 * _COFW_POINTS :] == 0).astype(np.int8)
        rows.append(FaceRow(path, name, name, points.astype(np.float32), "", size, "", visible))
    landmarks, scheme = numbered_set(_COFW_POINTS)
    return photos_of_rows(
        rows,
        landmarks,
        scheme,
        path=path,
        notes=options.notes,
        offset=1,
        measured=True,
        read_images=_CofwImages(path, images),
    )


@dataclass(frozen=True)
class _CofwImages:
    """The images in a file of COFW. A call yields them in gray."""

    path: Path
    variable: str

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        h5py = _package("h5py", self.path)
        try:
            with h5py.File(self.path, "r") as file:
                for ref in np.ravel(file[self.variable][()]):
                    image = np.ascontiguousarray(np.asarray(file[ref], dtype=np.uint8).T)
                    if image.ndim == 3:
                        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
                    yield image
        except (*_DAMAGE, cv2.error) as error:
            raise DataError(f"{self.path}: an image is damaged: {error}") from error
