"""Reads YouTube Faces with 68 keypoints as one npz per video, with or without its table of videos.

The table is ``youtube_faces_with_keypoints_full.csv`` or ``..._large.csv`` of the Kaggle data set:
``videoID`` names an npz, ``personName`` the person in it. About the points see `youtube_faces`.

Source: https://www.kaggle.com/datasets/selfishgene/youtube-faces-with-facial-keypoints
"""

from __future__ import annotations

import os
import struct
import tokenize
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import (
    ARCHIVE_DAMAGE,
    csv_cells,
    read_lines,
    separator_of,
)
from facepoints.datasets.readers.label_files import open_regular
from facepoints.datasets.readers.notes import Notes
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import FaceRow, photos_of_rows
from facepoints.datasets.readers.youtube_faces import person
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68

__all__ = ["is_videos_header", "npz_files", "read_npz"]

# errors of zipfile and numpy for a damaged npz (RuntimeError: its header says encrypted)
_DAMAGE = (*ARCHIVE_DAMAGE, ValueError, OSError, SyntaxError, TypeError, MemoryError)
_DAMAGE += (tokenize.TokenError, struct.error)

_LARGEST = 8 << 30  # bytes of the frames of a video
_SQUEEZED = 400  # times that frames may be larger than in the file; videos reach about 3
_SURE = 64 << 20  # bytes that are read whatever their compression


def is_videos_header(line: bytes) -> bool:
    """True if a table's first line is that of the table of videos."""
    names = {cell.strip() for cell in csv_cells(line, separator_of(line))}
    return {b"videoID", b"personName"} <= names


def npz_files(path: Path) -> list[Path]:
    """The npz files below a folder, or below the folder of a table of videos, in order; or the
    one npz itself."""
    if path.is_file() and path.suffix.lower() != ".csv":
        return [path]
    folder = path if path.is_dir() else path.parent
    return sorted(f for f in folder.rglob("*.npz") if not f.name.startswith("."))


def _listed(path: Path, notes: Notes) -> list[tuple[Path, str]]:
    """The videos to read, each with its person."""
    files = npz_files(path)
    if path.suffix.lower() != ".csv":
        return [(file, person(file.name)) for file in files]
    by_name = {file.stem: file for file in files}
    videos = _videos(path)
    for name in by_name.keys() - videos.keys():
        notes.add(f"videos are not in {path.name} and were left out", name)
    for name in videos.keys() - by_name.keys():
        notes.add(f"videos of {path.name} have no .npz below its folder", name)
    return [(by_name[n], who) for n, who in sorted(videos.items()) if n in by_name]


def _videos(table: Path) -> dict[str, str]:
    """The person of each video in a table of videos. Raises DataError."""
    videos: dict[str, str] = {}
    with open_regular(table) as stream:
        try:
            lines = read_lines(stream)
            _, header = next(lines, (0, b""))
            separator = separator_of(header)
            names = [cell.strip() for cell in csv_cells(header, separator)]
            columns = names.index(b"videoID"), names.index(b"personName")
            for line, text in lines:
                cells = csv_cells(text, separator)
                if len(cells) <= max(columns):
                    raise ValueError(f"line {line} has {len(cells)} cells, expected {len(names)}")
                video, who = (cells[column].decode("utf-8").strip() for column in columns)
                videos[video] = who or person(video)
        except ValueError as error:
            raise DataError(f"{table}: {error}") from error
    return videos


def read_npz(path: Path, options: Options) -> Photos:
    """Read one video per npz: ``colorImages`` (H, W, 3, T) RGB and ``landmarks2D`` (68, 2, T).

    The other arrays (``boundingBox`` (4, 2, T), ``landmarks3D`` (68, 3, T)) are not used. One
    video is in memory at a time.

    Args:
        path: an npz, a folder with several, or the table of videos beside them.
        options: every n-th frame is read for `every` = n.

    Raises:
        DataError: there is no npz, or one is damaged or has other arrays.
    """
    if options.every < 1:
        raise DataError(f"every must be 1 or more to read every n-th frame, is {options.every}")
    listed = _listed(path, options.notes)
    if not listed:
        raise DataError(f"no .npz file in {path if path.is_dir() else path.parent}")
    rows: list[FaceRow] = []
    left_out = 0
    for file, who in listed:
        points, size = _landmarks(file)
        frames = range(0, points.shape[2], options.every)
        left_out += points.shape[2] - len(frames)
        for frame in frames:
            name = f"{file.stem}/{frame}"
            rows.append(FaceRow(file, name, who, points[:, :, frame], size=size))
    if not rows:
        raise DataError(f"no frame in {path}")
    if left_out:
        options.notes.say(
            f"one of {options.every} frames of each video was read, {left_out} frames were left out"
        )
    read_images = _Frames(tuple(file for file, _ in listed), options.every)
    return photos_of_rows(
        rows,
        IBUG_68,
        "ibug",
        path=path,
        notes=options.notes,
        measured=True,
        read_images=read_images,
    )


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


def _landmarks(file: Path) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The points (68, 2, T) of a video, and the width and height of its frames, checked against
    each other. Raises DataError."""
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
    return points.astype(np.float32), (shape[1], shape[0])


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
        with open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
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
                stored = os.fstat(opened.fileno()).st_size
                if size > _LARGEST or size > max(_SURE, _SQUEEZED * stored):
                    raise DataError(
                        f"{file}: {name} would take {size / 2**20:.0f} MiB of memory, from a file "
                        f"of {stored / 2**20:.1f} MiB; expected a video of YouTube Faces"
                    )
                return shape, dtype
    except KeyError as error:
        raise DataError(
            f"{file} has no array '{name}'; expected a video of YouTube Faces"
        ) from error
    except _DAMAGE as error:
        raise DataError(f"{file}: {name} is damaged ({error}); download it again") from error
