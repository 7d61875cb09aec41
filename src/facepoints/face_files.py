"""Found faces as files: a record per picture, and the formats that records become.

A record is what a line of ``faces.jsonl`` holds. Coordinates are pixels of the picture as a
person sees it (EXIF rotation applied); the centre of the top-left pixel is (0, 0), but for
.pts, which counts from 1:

    {"file": "a.jpg", "frame": 0, "width": 640, "height": 480, "faces": [
        {"box": [x, y, w, h], "score": 0.98, "track": null,
         "points": [[x, y], ...], "radius": [r, ...]}]}
    {"file": "b.jpg", "error": "b.jpg is empty (0 bytes)"}
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.face import Face
from facepoints.files import names_apart, whole_file, whole_folder
from facepoints.landmark_sets import IBUG_68
from facepoints.landmarks import LandmarkSet
from facepoints.media import STDIN, below_common

__all__ = [
    "FORMATS",
    "Record",
    "Records",
    "error_record",
    "format_of",
    "json_line",
    "record",
    "write_coco",
    "write_csv",
    "write_jsonl",
    "write_pts",
]

Record = dict[str, Any]
Records = Callable[[], Iterable[Record]]
"""Call it for the records, from the first on, as often as a format needs them."""


def record(file: str, size: tuple[int, int], faces: Sequence[Face], frame: int = 0) -> Record:
    """What was found in a picture of `size` (height, width)."""
    height, width = size
    listed = [
        {
            "box": _numbers(np.array(face.box)),
            "score": _numbers(np.array([face.score]))[0],
            "track": face.track,
            "points": [_numbers(point) for point in face.points],
            "radius": _numbers(face.radius),
        }
        for face in faces
    ]
    return {"file": file, "frame": frame, "width": width, "height": height, "faces": listed}


def error_record(file: str, error: str) -> Record:
    """A picture that could not be read, and why."""
    return {"file": file, "error": error}


def _numbers(values: NDArray) -> list[float]:
    """Values as float32, with no more digits than bring them back."""
    return [float(text) for text in values.astype(np.float32).astype(str)]


def json_line(data: Record) -> str:
    """A line of JSON; a file name that is not UTF-8 is escaped."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_jsonl(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A line per picture, in any format of JSON lines. Raises WriteError."""
    with whole_file(out) as temporary, _text(temporary) as file:
        file.writelines(json_line(found) for found in records())


def write_csv(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A row per face: file, frame, face (from 0 in each picture), track, score, box_x, box_y,
    box_w, box_h, then for each point NAME_x, NAME_y and NAME_r, its radius.

    Pictures without a face, or that could not be read, have no row. Raises WriteError.
    """
    columns = ["file", "frame", "face", "track", "score"]
    columns += [f"box_{side}" for side in "xywh"]
    columns += [f"{name}_{what}" for name in landmarks.names for what in "xyr"]
    with whole_file(out) as temporary, _text(temporary) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        for found in records():
            for number, face in enumerate(found.get("faces", ())):
                track = "" if face["track"] is None else face["track"]
                row = [_printable(found["file"]), found["frame"], number, track, face["score"]]
                row += face["box"]
                for point, radius in zip(face["points"], face["radius"], strict=True):
                    row += [*point, radius]
                table.writerow(row)


def write_coco(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """COCO keypoints: an image per picture, an annotation per face with the fields score,
    radius and track besides those of the format.

    Files are named from the folder of `out`, as far as there is a way. Those that could not
    be read are under ``facepoints.unreadable``. Raises WriteError.
    """
    category = {
        "id": 1,
        "name": "face",
        "supercategory": "person",
        "keypoints": list(landmarks.names),
        "skeleton": [[a + 1, b + 1] for a, b in landmarks.edge_columns],
    }
    with whole_file(out) as temporary, _text(temporary) as file:
        file.write('{"images": ')
        _list(file, _coco_images(records(), out.parent))
        file.write(',\n"annotations": ')
        _list(file, _coco_annotations(records()))
        file.write(f',\n"categories": [{json_line(category).strip()}],\n')
        file.write('"facepoints": {"unreadable": ')
        _list(file, (found for found in records() if "error" in found))
        file.write("}}\n")


def _list(file: TextIO, items: Iterable[Record]) -> None:
    """A JSON list, written item by item: there may be millions."""
    between = "[\n"
    for item in items:
        file.write(between + json_line(item).rstrip("\n"))
        between = ",\n"
    file.write("[]" if between == "[\n" else "\n]")


def _coco_images(records: Iterable[Record], folder: Path) -> Iterator[Record]:
    for number, found in enumerate((r for r in records if "error" not in r), start=1):
        yield {
            "id": number,
            "file_name": _seen_from(folder, found["file"]),
            "width": found["width"],
            "height": found["height"],
            "frame": found["frame"],
        }


def _seen_from(folder: Path, file: str) -> str:
    try:
        return PurePath(os.path.relpath(file, folder)).as_posix() if file != STDIN else file
    except ValueError:  # on another drive
        return file


def _coco_annotations(records: Iterable[Record]) -> Iterator[Record]:
    number = 0
    for image, found in enumerate((r for r in records if "error" not in r), start=1):
        for face in found["faces"]:
            number += 1
            yield {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "iscrowd": 0,
                "keypoints": [value for x, y in face["points"] for value in (x, y, 2)],
                "num_keypoints": len(face["points"]),
                "bbox": face["box"],
                "area": face["box"][2] * face["box"][3],
                "score": face["score"],
                "radius": face["radius"],
                "track": face["track"],
            }


def write_pts(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A .pts file per face (1-based, as in 300-W), in a new or empty folder; or, if `out`
    ends in .pts, the one file of the only face.

    Files lie as the pictures did and have their names (`files.names_apart`); the second face of
    a.jpg is a.2.pts. 68 iBUG points are put into the format's order. Radius and score are not kept.

    Raises:
        WriteError: `out` cannot be written, or is a folder with files in it.
        SettingsError: `out` is one file and there is not exactly one face.
    """
    order = list(range(len(landmarks)))
    if set(landmarks.names) == set(IBUG_68.names):
        order = landmarks.columns(IBUG_68.names)
    if out.suffix.lower() == ".pts":
        faces = [face for found in records() for face in found.get("faces", ())]
        if len(faces) != 1:
            raise SettingsError(
                f"{out} can hold one face, {len(faces)} were found; name a folder for more"
            )
        with whole_file(out) as temporary:
            temporary.write_text(_pts(faces[0]["points"], order), encoding="utf-8")
        return
    with whole_folder(out) as folder:
        places = below_common([found["file"] for found in records()])
        faces = [len(found.get("faces", ())) for found in records()]
        names = names_apart(places, lambda number, name: _pts_files(name, faces[number]))
        for found, name in zip(records(), names, strict=True):
            listed = found.get("faces", ())
            for face, file in zip(listed, _pts_files(name, len(listed)), strict=False):
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_pts(face["points"], order), encoding="utf-8")


def _pts_files(name: str, faces: int) -> list[str]:
    """Files of the faces of a picture of this name; without a face, it keeps it all the same."""
    return [f"{name}.pts", *(f"{name}.{face}.pts" for face in range(2, faces + 1))]


def _pts(points: Sequence[Sequence[float]], order: Sequence[int]) -> str:
    lines = [f"{points[k][0] + 1:.9g} {points[k][1] + 1:.9g}" for k in order]
    return "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])


def _text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


FORMATS: dict[str, Callable[[Records, LandmarkSet, Path], None]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "coco": write_coco,
    "pts": write_pts,
}
"""Writers by format: records, the landmark set of their points, and where to."""

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".json": "coco", ".pts": "pts"}


def format_of(out: Path) -> str:
    """The format that a name asks for, a key of `FORMATS`; a folder is one of .pts files.

    Raises:
        SettingsError: no format has this suffix.
    """
    suffix = out.suffix.lower()
    if suffix in _SUFFIXES and not out.is_dir():
        return _SUFFIXES[suffix]
    if out.is_dir() or not suffix:
        return "pts"
    raise SettingsError(
        f"no format for {out}: expected a name in .jsonl, .csv, .json (COCO keypoints) or .pts, "
        f"or a folder (a .pts file per face)"
    )
