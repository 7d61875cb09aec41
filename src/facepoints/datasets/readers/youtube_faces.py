"""Reads YouTube Faces with 68 keypoints: frames with a table, or one npz per video.

The points are the output of a landmark detector; some are wrong. Checked on real frames: they
are in the iBUG order, left and right are the subject's, and they are whole 0-based pixels. The
darkest spots of the eyes (pupils) show no half-pixel shift against them as the faces get smaller
(intercept 0.0 px, as for the hand-marked LFPW), so they are read without a shift.

Sources: https://www.cs.tau.ac.il/~wolf/ytfaces/ (the videos),
https://www.kaggle.com/datasets/selfishgene/youtube-faces-with-facial-keypoints (npz),
https://github.com/udacity/P1_Facial_Keypoints (table and frames).
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import csv_cells, read_lines
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    FaceRow,
    finite_point,
    photos_of_rows,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68, numbered_set

__all__ = [
    "TABLE_SUFFIX",
    "frames_folder",
    "is_frames_header",
    "npz_files",
    "person",
    "read_frames",
    "read_npz",
    "table_of",
]

TABLE_SUFFIX = "_frames_keypoints.csv"

# errors of zipfile and numpy for a damaged npz (RuntimeError: its header says encrypted)
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


def person(name: str) -> str:
    """The person in a frame or video: "Chuck_Hagel" for "Chuck_Hagel_41.jpg"."""
    return Path(name).stem.rsplit("_", 1)[0]


def is_frames_header(line: bytes) -> bool:
    """True if a table's first line names a column for the file and then columns 0, 1, 2, ..."""
    names = [cell.strip() for cell in csv_cells(line)]
    return len(names) > 2 and names[1:] == [b"%d" % i for i in range(len(names) - 1)]


def table_of(path: Path, split: str) -> Path:
    """`path` itself if it is a table, or the table of the split in a folder. Raises DataError."""
    if path.is_file():
        return path
    tables = sorted(path.glob(f"*{TABLE_SUFFIX}"))
    for table in tables:
        if table.name == split + TABLE_SUFFIX:
            return table
    raise DataError(
        f"no {split}{TABLE_SUFFIX} in {path}; found {', '.join(t.name for t in tables) or 'none'}"
    )


def frames_folder(table: Path) -> Path:
    """The folder of a table's images: the one named after its split, else the table's folder."""
    named = table.parent / table.name.removesuffix(TABLE_SUFFIX)
    return named if named.is_dir() else table.parent


def read_frames(path: Path, options: Options) -> Photos:
    """Read ``<split>_frames_keypoints.csv`` with the images in the folder ``<split>``.

    Args:
        path: the table, or its folder.
        options: `split` chooses the table in a folder.

    Raises:
        DataError: there is no such table, or a row breaks the format.
    """
    table = table_of(path, options.split)
    folder = frames_folder(table)
    rows: list[FaceRow] = []
    row = line = width = 0
    try:
        with table.open("rb") as stream:
            for row, (line, text) in enumerate(read_lines(stream)):  # noqa: B007
                cells = csv_cells(text)
                if row == 0:
                    if not is_frames_header(text) or len(cells) % 2 == 0:
                        raise ValueError("expected columns for file, then 0, 1, ... in pairs")
                    width = len(cells)
                    continue
                if len(cells) != width:
                    raise ValueError(f"expected {width} columns, found {len(cells)}")
                name = cells[0].decode("utf-8").strip()
                if not name:
                    raise ValueError("the file name is blank")
                rows.append(FaceRow(folder / name, name, person(name), _points(cells[1:])))
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{table}, row {row} (line {line}): {error}") from error
    except OSError as error:
        raise DataError(f"could not read {table}: {error.strerror or error}") from error
    if not rows:
        raise DataError(f"{table} is empty; expected a header and a row per face")
    landmarks, scheme = numbered_set(width // 2)
    return photos_of_rows(rows, landmarks, scheme)


def _points(cells: list[bytes]) -> NDArray[np.float32]:
    values = []
    for column, cell in enumerate(cells):
        try:
            value = float(cell) if cell.strip() else np.nan
        except ValueError:
            shown = cell[:20].decode("utf-8", "replace")
            raise ValueError(f"column {column} is '{shown}', expected a number") from None
        if not np.isnan(value) and not finite_point(value, 0):
            raise ValueError(f"column {column} is {value}, outside of any image")
        values.append(value)
    return np.array(values, dtype=np.float32).reshape(-1, 2)


def npz_files(path: Path) -> list[Path]:
    """The npz files below a folder, in order, or the one file itself."""
    return [path] if path.is_file() else sorted(path.rglob("*.npz"))


def read_npz(path: Path, options: Options) -> Photos:
    """Read one video per npz: ``colorImages`` (H, W, 3, T) RGB and ``landmarks2D`` (68, 2, T).

    The other arrays (``boundingBox`` (4, 2, T), ``landmarks3D`` (68, 3, T)) are not used. One
    video is in memory at a time.

    Args:
        path: an npz, or a folder with several.
        options: every n-th frame is read for `every` = n.

    Raises:
        DataError: there is no npz, or one is damaged or has other arrays.
    """
    files = npz_files(path)
    if not files:
        raise DataError(f"no .npz file in {path}")
    if options.every < 1:
        raise DataError(f"every must be 1 or more to read every n-th frame, is {options.every}")
    rows: list[FaceRow] = []
    for file in files:
        points = _landmarks(file)
        for frame in range(0, points.shape[2], options.every):
            name = f"{file.stem}/{frame}"
            rows.append(FaceRow(file, name, person(file.name), points[:, :, frame]))
    if not rows:
        raise DataError(f"no frame in {path}")
    photos = photos_of_rows(rows, IBUG_68, "ibug")
    return replace(photos, read_images=_Frames(tuple(files), options.every))


@dataclass(frozen=True)
class _Frames:
    """Videos as npz files. A call yields their gray frames in order."""

    files: tuple[Path, ...]
    every: int

    def __call__(self) -> Iterator[NDArray[np.uint8]]:
        for file in self.files:
            video = _array(file, "colorImages")
            for frame in range(0, video.shape[3], self.every):
                image = np.ascontiguousarray(video[..., frame])
                yield np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _landmarks(file: Path) -> NDArray[np.float32]:
    """The points (68, 2, T) of a video, checked against its frames. Raises DataError."""
    points = _array(file, "landmarks2D")
    shape, dtype = _shape(file, "colorImages")
    if points.ndim != 3 or points.shape[:2] != (68, 2) or points.dtype.kind not in "fiu":
        raise DataError(f"{file}: landmarks2D should be numbers (68, 2, T), is {points.shape}")
    if len(shape) != 4 or shape[2] != 3 or dtype != np.uint8 or 0 in shape:
        raise DataError(f"{file}: colorImages should be uint8 (H, W, 3, T), is {dtype} {shape}")
    if shape[3] != points.shape[2]:
        raise DataError(
            f"{file}: {shape[3]} frames in colorImages, {points.shape[2]} in landmarks2D"
        )
    bad = ~np.isnan(points) & ~(np.abs(points) < 1e6)
    if bad.any():
        raise DataError(f"{file}: landmarks2D of frame {np.argwhere(bad)[0][2]} are not positions")
    return points.astype(np.float32)


def _array(file: Path, name: str) -> NDArray:
    _shape(file, name)
    try:
        with np.load(file, allow_pickle=False) as archive:
            return archive[name]
    except _DAMAGE as error:
        raise DataError(f"{file}: {name} is damaged ({error}); download it again") from error


def _shape(file: Path, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and type of an array in an npz, checked against its file size before loading."""
    try:
        with zipfile.ZipFile(file) as archive:
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read(stream)
                size = int(np.prod(shape, dtype=object)) * dtype.itemsize
                if dtype.hasobject or size + stream.tell() != info.file_size:
                    raise ValueError("its size does not fit its shape")
                return shape, dtype
    except KeyError as error:
        raise DataError(
            f"{file} has no array '{name}'; expected a video of YouTube Faces"
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"no file at {file}") from error
    except _DAMAGE as error:
        raise DataError(f"{file}: {name} is damaged ({error}); download it again") from error
