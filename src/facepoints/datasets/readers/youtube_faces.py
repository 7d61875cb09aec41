"""Reads YouTube Faces with 68 keypoints as a table and frames.

The points are the output of a landmark detector; some are wrong. Checked on real frames: they
are in the iBUG order, left and right are the subject's, and they are whole 0-based pixels. The
darkest spots of the eyes (pupils) show no half-pixel shift against them as the faces get smaller
(intercept 0.0 px, as for the hand-marked LFPW), so they are read without a shift.

Sources: https://www.cs.tau.ac.il/~wolf/ytfaces/ (the videos),
https://github.com/udacity/P1_Facial_Keypoints (table and frames). `youtube_videos` reads the set
as one npz per video.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.csv_lines import csv_cells, read_lines, separator_of
from facepoints.datasets.readers.label_files import MAX_POINTS, open_regular
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import FaceRow, finite_point, photos_of_rows
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import numbered_set

__all__ = [
    "TABLE_SUFFIX",
    "frames_folder",
    "is_frames_header",
    "person",
    "read_frames",
    "table_of",
]

TABLE_SUFFIX = "_frames_keypoints.csv"


def person(name: str) -> str:
    """The person in a frame or video: "Chuck_Hagel" for "Chuck_Hagel_41.jpg"."""
    return Path(name).stem.rsplit("_", 1)[0]


def is_frames_header(line: bytes) -> bool:
    """True if a table's first line names a column for the file and then columns 0, 1, 2, ..."""
    names = [cell.strip() for cell in csv_cells(line, separator_of(line))]
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
    separator = b","
    try:
        with open_regular(table) as stream:
            for row, (line, text) in enumerate(read_lines(stream)):  # noqa: B007
                separator = separator_of(text) if row == 0 else separator
                cells = csv_cells(text, separator)
                if row == 0:
                    if not is_frames_header(text) or len(cells) % 2 == 0:
                        raise ValueError("expected columns for file, then 0, 1, ... in pairs")
                    width = len(cells)
                    if width > 2 * MAX_POINTS + 1:
                        raise ValueError(f"{width // 2} points, at most {MAX_POINTS} are read")
                    continue
                if len(cells) != width:
                    raise ValueError(f"expected {width} columns, found {len(cells)}")
                name = cells[0].decode("utf-8").strip()
                if not name:
                    raise ValueError("the file name is blank")
                rows.append(
                    FaceRow(folder / name, name, person(name), _points(cells[1:], separator))
                )
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{table}, row {row} (line {line}): {error}") from error
    except OSError as error:
        raise DataError(f"could not read {table}: {error.strerror or error}") from error
    if not rows:
        raise DataError(f"{table} is empty; expected a header and a row per face")
    landmarks, scheme = numbered_set(width // 2)
    return photos_of_rows(rows, landmarks, scheme, path=table, notes=options.notes)


def _points(cells: list[bytes], separator: bytes) -> NDArray[np.float32]:
    values = []
    for column, text in enumerate(cells):
        cell = text if separator == b"," else text.replace(b",", b".")  # a decimal comma
        try:
            value = float(cell) if cell.strip() else np.nan
        except ValueError:
            shown = cell[:20].decode("utf-8", "replace")
            raise ValueError(f"column {column} is '{shown}', expected a number") from None
        if not np.isnan(value) and not finite_point(value, 0):
            raise ValueError(f"column {column} is {value}, outside of any image")
        values.append(value)
    return np.array(values, dtype=np.float32).reshape(-1, 2)
