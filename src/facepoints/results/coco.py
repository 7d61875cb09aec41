"""COCO keypoints JSON, written and read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any, TextIO

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text
from facepoints.datasets.coco_and_pts import coco_category
from facepoints.errors import DataError
from facepoints.imaging.image_io import STDIN
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.landmarks.known_sets import known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import (
    FrameResult,
    Record,
    RecordSource,
    face_from_dict,
    json_line,
    whole_number,
)

__all__ = ["read_coco", "write_coco", "write_coco_to"]


def write_coco(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write an image per record and an annotation per face, with score, radius, visible (if it
    is known) and track besides the fields of the format.

    The format's own flag of a point is 2 (visible), or 1 if it is hidden: if its visibility is
    below 0.5.

    Files are named relative to the folder of `out` where possible. Files that could not be read
    are listed under ``facepoints.unreadable``.

    Raises:
        WriteError: `out` cannot be written.
    """
    with atomic_file(out) as temporary, open_text(temporary) as file:
        write_coco_to(file, records, landmarks, out.parent)


def write_coco_to(
    file: TextIO, records: RecordSource, landmarks: LandmarkSet, folder: Path | None
) -> None:
    """Write what `write_coco` writes to an open file.

    Args:
        file: opened for text.
        records: see `write_coco`. Faces may lack a radius, and may have measures.
        landmarks: of every face.
        folder: that files are named relative to; None: the names are kept.
    """
    file.write('{"images": ')
    _write_list(file, _images(records(), folder))
    file.write(',\n"annotations": ')
    _write_list(file, _annotations(records()))
    file.write(f',\n"categories": [{json_line(coco_category(landmarks)).strip()}],\n')
    file.write('"facepoints": {"unreadable": ')
    _write_list(file, (record for record in records() if "error" in record))
    file.write("}}\n")


def _write_list(file: TextIO, items: Iterable[Record]) -> None:
    """Write a JSON list item by item, because there may be millions."""
    separator = "[\n"
    for item in items:
        file.write(separator + json_line(item).rstrip("\n"))
        separator = ",\n"
    file.write("[]" if separator == "[\n" else "\n]")


def _images(records: Iterable[Record], folder: Path | None) -> Iterator[Record]:
    for number, record in enumerate((r for r in records if "error" not in r), start=1):
        yield {
            "id": number,
            "file_name": record["file"] if folder is None else _relative_to(folder, record["file"]),
            "width": record["width"],
            "height": record["height"],
            "frame": record["frame"],
        }


def _relative_to(folder: Path, file: str) -> str:
    try:
        return PurePath(os.path.relpath(file, folder)).as_posix() if file != STDIN else file
    except ValueError:  # on another drive
        return file


def _annotations(records: Iterable[Record]) -> Iterator[Record]:
    number = 0
    for image, record in enumerate((r for r in records if "error" not in r), start=1):
        for face in record["faces"]:
            number += 1
            visible = face.get("visible")
            flags = [2] * len(face["points"])
            if visible is not None:
                flags = [2 if value >= HIDDEN else 1 for value in visible]
            yield {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "iscrowd": 0,
                "keypoints": [
                    value
                    for (x, y), flag in zip(face["points"], flags, strict=True)
                    for value in (x, y, flag)
                ],
                "num_keypoints": len(face["points"]),
                "bbox": face["box"],
                "area": face["box"][2] * face["box"][3],
                "score": face["score"],
                **{
                    key: face[key]
                    for key in ("radius", "visible", "track", "measures")
                    if key in face
                },
            }


def read_coco(path: Path) -> list[FrameResult]:
    """The images of a file that `write_coco` wrote. Unreadable images come last.

    File names are resolved from the folder of `path`. The format holds no times: they
    are None. Where "visible" is absent (another program may drop it), the flags tell whether points
    are hidden: if any is 1, the visibility of a point is 0 for the flag 1 and 1 for the flag 2.
    If all are 2, it is unknown.

    Raises:
        DataError: the file cannot be read, or was not written by `write_coco`. (COCO files of
            labeled faces are data sets: see `load_dataset`.)
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        unreadable = content["facepoints"]["unreadable"]
        (category,) = content["categories"]
        landmarks = known_or_plain(category["keypoints"])
        results = {
            image["id"]: FrameResult(
                file=_resolve(path.parent, image["file_name"]),
                size=(whole_number(image["height"]), whole_number(image["width"])),
                frame=whole_number(image["frame"]),
            )
            for image in content["images"]
        }
        for annotation in content["annotations"]:
            face = face_from_dict(_face_dict(annotation), landmarks)
            results[annotation["image_id"]].faces.append(face)
        errors = [FrameResult(str(r["file"]), error=str(r["error"])) for r in unreadable]
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{path}: expected a COCO file written by facepoints predict, got another "
            f"({error!r:.80}); labeled faces are read by load_dataset"
        ) from error
    return [*results.values(), *errors]


def _face_dict(annotation: dict[str, Any]) -> dict[str, Any]:
    """An annotation as a face of a record, for `face_from_dict`."""
    values = annotation["keypoints"]
    points = [values[k : k + 2] for k in range(0, len(values), 3)]
    kept = {key: annotation[key] for key in ("score", "radius", "track")}
    visible, flags = annotation.get("visible"), values[2::3]
    if visible is None and any(flag != 2 for flag in flags):
        visible = [float(flag == 2) for flag in flags]
    return {"box": annotation["bbox"], "points": points, "visible": visible, **kept}


def _resolve(folder: Path, name: str) -> str:
    return name if name == STDIN else os.path.normpath(folder / name)
