"""Writers of data sets in the formats of other programs: Kaggle tables, COCO, .pts, and others.

Each file is written completely or not at all, tables after the images that they name.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file, atomic_folder, names_a_file, write_json
from facepoints._util.ownership import Output
from facepoints._util.text_files import write_row
from facepoints.datasets.coco_and_pts import coco_category, pts_columns, pts_text
from facepoints.datasets.samples import Samples
from facepoints.datasets.tool_writers import write_cvat, write_label_studio
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_writer import encode_image

__all__ = ["WRITERS", "write_coco", "write_kaggle", "write_pts", "written_outputs"]

_NUMBERS = [b"%d" % value for value in range(256)]


def write_kaggle(samples: Samples, out: Path) -> Path:
    """Write a table in the schema of Kaggle's training.csv, or of test.csv without any label.

    Missing labels are blank. The schema has no names, groups and marking schemes. The reader of
    the table finds groups by the pixels and schemes by the labels. Names of points that a
    spreadsheet would take for a formula get an apostrophe in front (`text_files.harmless_cell`),
    which the reader removes.

    Args:
        samples: the faces, in square images.
        out: the table, zipped if it ends with ``.zip``; or a folder, which gets
            ``training.csv`` (``test.csv`` without any label).

    Returns:
        The written file.

    Raises:
        DataError: the images are not square, or there are none.
        WriteError: `out` cannot be written.
    """
    height, width = samples.size
    if height != width or not len(samples):
        raise DataError(
            f"a Kaggle table needs one or more square images, these are {len(samples)} of "
            f"{width} x {height}"
        )
    table = "training.csv" if samples.labelled.any() else "test.csv"
    if out.is_dir():
        out = out / table
    with atomic_file(out) as temporary:
        if out.suffix.lower() != ".zip":
            with temporary.open("wb") as file:
                file.writelines(_kaggle_lines(samples))
            return out
        stem = out.stem if out.stem.lower().endswith(".csv") else f"{out.stem}.csv"
        with (
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(stem, "w", force_zip64=True) as file,
        ):
            for line in _kaggle_lines(samples):
                file.write(line)
    return out


def _kaggle_lines(samples: Samples) -> Iterator[bytes]:
    if samples.labelled.any():
        columns = [f"{n}{axis}" for n in samples.landmarks.names for axis in ("_x", "_y")]
        yield _csv_line([*columns, "Image"])
        for row in range(len(samples)):
            cells = []
            for (x, y), known in zip(samples.points[row], samples.labelled[row], strict=True):
                cells += [_number(x), _number(y)] if known else ["", ""]
            yield ",".join(cells).encode() + b"," + _pixels(samples.images[row]) + b"\n"
        return
    yield b"ImageId,Image\n"
    names = [str(n) for n in samples.names]
    if len(set(names)) != len(names) or not all(n.isdecimal() for n in names):
        names = [str(row) for row in range(1, len(names) + 1)]  # ids are numbers there
    for row, name in enumerate(names):
        yield name.encode() + b"," + _pixels(samples.images[row]) + b"\n"


def _pixels(image: NDArray[np.uint8]) -> bytes:
    return b" ".join([_NUMBERS[value] for value in image.tobytes()])


def _number(value: float) -> str:
    return f"{value:.9g}"  # enough digits to restore each float32 exactly


def _csv_line(cells: list[str]) -> bytes:
    text = io.StringIO()
    write_row(text, cells)
    return text.getvalue().encode()


def write_coco(samples: Samples, out: Path) -> Path:
    """Write COCO keypoints JSON, with the images as PNG in the folder ``images`` next to it.

    Names, groups and marking schemes are written to further fields (see `readers.coco`). Labeled
    points get visibility 1 where they are hidden, and else 2.

    Args:
        samples: the faces. Each is an image with one annotation.
        out: the JSON file, or a new or empty folder that gets ``annotations.json``.

    Returns:
        The JSON file.

    Raises:
        SettingsError: `out` is named like a table.
        WriteError: `out` cannot be written, or the folder for the images is not empty.
    """
    if out.suffix.lower() == ".json":
        with atomic_file(out) as table, atomic_folder(out.parent / "images") as images:
            _write_coco(samples, table, images)
        return out
    _check_folder(out)
    with atomic_folder(out) as folder:
        images = folder / "images"
        images.mkdir()
        _write_coco(samples, folder / "annotations.json", images)
    return out / "annotations.json"


def _write_coco(samples: Samples, table: Path, images: Path) -> None:
    schemes = list(samples.schemes)
    height, width = samples.size
    hidden = np.zeros_like(samples.labelled)
    if samples.visibility is not None:
        hidden = samples.visibility == 0
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in range(len(samples)):
        file = f"{row + 1:06d}.png"
        (images / file).write_bytes(encode_image(samples.images[row]))
        listed.append({"id": row + 1, "file_name": file, "width": width, "height": height})
        annotations.append(
            {
                "id": row + 1,
                "image_id": row + 1,
                "category_id": 1,
                "iscrowd": 0,
                "facepoints": {
                    "name": str(samples.names[row]),
                    "group": str(samples.group[row]),
                    "scheme": schemes[samples.scheme[row]],
                },
                **_coco_points(samples.points[row], samples.labelled[row], hidden[row]),
            }
        )
    content = {
        "facepoints": {"schemes": {name: list(p) for name, p in samples.schemes.items()}},
        "images": listed,
        "annotations": annotations,
        "categories": [coco_category(samples.landmarks)],
    }
    write_json(table, content)


def _check_folder(out: Path) -> None:
    if names_a_file(out):
        raise SettingsError(
            f"{out} is the name of a file, but this format is a folder of images; name a "
            f"folder, or write a table with `to=kaggle`"
        )


def _coco_points(
    points: NDArray[np.float32], labelled: NDArray[np.bool_], hidden: NDArray[np.bool_]
) -> dict[str, Any]:
    """Keypoints, box and area of an annotation."""
    flat: list[float] = []
    for (x, y), has, behind in zip(points, labelled, hidden, strict=True):
        flat += [float(_number(x)), float(_number(y)), 1 if behind else 2] if has else [0, 0, 0]
    known = points[labelled] if labelled.any() else np.zeros((1, 2), dtype=np.float32)
    low, size = known.min(axis=0), np.ptp(known, axis=0)
    box = [float(v) for v in (*low, *size)]
    return {
        "keypoints": flat,
        "num_keypoints": int(labelled.sum()),
        "bbox": box,
        "area": box[2] * box[3],
    }


def write_pts(samples: Samples, out: Path) -> Path:
    """Write a folder with a PNG and a .pts (1-based, "nan nan" where not labeled) per face.

    The format does not name points. The points of a set in `NUMBERED_SETS` are written in its
    order; points of another set get the names "0", "1", ... when they are read. Groups and
    marking schemes are not written.

    Args:
        samples: the faces.
        out: a new or empty folder.

    Returns:
        The folder.

    Raises:
        SettingsError: `out` is named like a table.
        WriteError: `out` cannot be written, or is a folder with files in it.
    """
    _check_folder(out)
    samples = samples.select([samples.landmarks.names[k] for k in pts_columns(samples.landmarks)])
    with atomic_folder(out) as folder:
        for row in range(len(samples)):
            stem = folder / f"{row + 1:06d}"
            lines = []
            for (x, y), known in zip(samples.points[row], samples.labelled[row], strict=True):
                lines.append(f"{float(x) + 1:.12g} {float(y) + 1:.12g}" if known else "nan nan")
            stem.with_suffix(".png").write_bytes(encode_image(samples.images[row]))
            stem.with_suffix(".pts").write_text(pts_text(lines), encoding="utf-8")
    return out


WRITERS: dict[str, Callable[[Samples, Path], Path]] = {
    "kaggle": write_kaggle,
    "coco": write_coco,
    "pts": write_pts,
    "cvat": write_cvat,
    "label-studio": write_label_studio,
}
"""Writers by format. They take samples and a path and return the written path."""


def written_outputs(to: str, out: Path) -> list[Output]:
    """The files and folders that a writer would write.

    Args:
        to: format, in `WRITERS`.
        out: as the writer takes it.

    Raises:
        SettingsError: `out` is named like a file of another format.
    """
    if to == "kaggle":
        tables = frozenset({"training.csv", "test.csv"})
        if out.is_dir():
            return [Output(out, tables)]
        if out.suffix.lower() not in (".csv", ".zip", ""):
            raise SettingsError(
                f"a Kaggle table is a .csv file, a .zip with one, or a folder; got {out}"
            )
        return [Output(out)]
    if to == "coco" and out.suffix.lower() == ".json":
        return [Output(out), Output(out.parent / "images", whole=True)]
    _check_folder(out)
    return [Output(out, whole=True)]
