"""Writes the matrices of aligned faces: the way from each crop back to its image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text, printable, write_row
from facepoints.errors import SettingsError

__all__ = ["CropMatrix", "check_matrices_path", "write_matrices"]

_SUFFIXES = (".csv", ".jsonl")
_COLUMNS = ("crop", "file", "frame", "time", "face", "track", "size")
_CELLS = ("a", "b", "tx", "c", "d", "ty")


@dataclass(frozen=True, eq=False)
class CropMatrix:
    """An aligned face and the way back to its image.

    Attributes:
        crop: file of the aligned face, relative to the folder of the crops.
        file: its image or video.
        frame: number of the frame in a video; 0 in an image.
        time: of the frame in seconds; None in an image.
        face: number of the face in the image or frame, from 1.
        track: number of the track in a video; None in an image.
        size: side of the crop in pixels.
        matrix: affine (2, 3) from pixels (x, y) of the crop to pixels of the image, as it is seen
            after its EXIF turn. The center of the top-left pixel is (0, 0) in both.
    """

    crop: str
    file: str
    frame: int
    time: float | None
    face: int
    track: int | None
    size: int
    matrix: NDArray[np.float64]


def check_matrices_path(path: Path) -> None:
    """Raises SettingsError if a file of matrices ends neither in .csv nor in .jsonl."""
    if path.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"matrices are written to a .csv or .jsonl file, got {path}")


def write_matrices(rows: Sequence[CropMatrix], path: Path) -> None:
    """Write a table of matrices: a row, or a JSON object on a line, per crop.

    In a .csv, x of the image is ``a * x + b * y + tx`` and y is ``c * x + d * y + ty``, for x and y
    of the crop. In a .jsonl, these are the rows of ``crop_to_image``.

    Raises:
        SettingsError: the file has another suffix.
        WriteError: it cannot be written.
    """
    check_matrices_path(path)
    with atomic_file(path) as temporary, open_text(temporary) as file:
        if path.suffix.lower() == ".csv":
            write_row(file, (*_COLUMNS, *_CELLS))
            for row in rows:
                numbers = (float(f"{value:.9g}") for value in row.matrix.ravel())
                write_row(file, (*(getattr(row, name) for name in _COLUMNS), *numbers))
            return
        for row in rows:
            known = {name: getattr(row, name) for name in _COLUMNS}
            known |= {"crop": printable(row.crop), "file": printable(row.file)}
            known["crop_to_image"] = [[float(f"{v:.9g}") for v in line] for line in row.matrix]
            file.write(json.dumps(known) + "\n")
