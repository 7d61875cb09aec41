"""COCO keypoints JSON, written and read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import TextIO

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.imaging.image_io import STDIN
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import Record, Records, json_line

__all__ = ["write_coco"]


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
    with atomic_file(out) as temporary, open_text(temporary) as file:
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
