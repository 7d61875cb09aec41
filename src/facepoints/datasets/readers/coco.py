"""Reads COCO keypoints JSON: categories name the points, annotations give x, y, visibility.

Coordinates are 0-based pixels. Visibility 0 means not labeled, 1 and 2 mean labeled. Source:
https://cocodataset.org/#format-data

Files written by facepoints have a further field ``facepoints``, at the top and in each annotation,
with the name, group and marking scheme of each face. So a round trip keeps the groups of a split.
Other programs ignore the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import read_json
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    FaceRow,
    finite_point,
    photos_of_rows,
    set_of_names,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["find_image", "read_coco"]


def read_coco(path: Path, options: Options) -> Photos:
    """Read a COCO keypoints file with images next to it or in a folder ``images``.

    Annotations without a labeled point are left out. Groups are the image files, unless the
    annotations have a group (see above).

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    data = read_json(path)
    try:
        return _photos(data, path)
    except KeyError as error:
        raise DataError(f"{path}: no {error}, which COCO keypoints need") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is not COCO keypoints JSON: {error}") from error


def _photos(data: Mapping[str, Any], path: Path) -> Photos:
    files = {image["id"]: str(image["file_name"]) for image in data["images"]}
    categories = {c["id"]: c for c in data["categories"] if c.get("keypoints")}
    if not categories:
        raise DataError(f"{path}: no category with keypoints; expected their names")
    landmarks = _landmarks(list(categories.values()), path)
    schemes = _schemes(data, landmarks)
    rows: list[FaceRow] = []
    counts: dict[str, int] = {}
    paths: dict[str, Path] = {}
    annotations = [a for a in data["annotations"] if a.get("category_id") in categories]
    # sorted by image, so that each is read once
    for annotation in sorted(annotations, key=lambda a: str(files.get(a["image_id"], ""))):
        if annotation["image_id"] not in files:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} is of image "
                f"{annotation['image_id']}, which is not listed"
            )
        points = _points(annotation, landmarks, path)
        if np.isnan(points).any(axis=1).all() or annotation.get("iscrowd"):
            continue
        file = files[annotation["image_id"]]
        if file not in paths:
            paths[file] = find_image(path, file)
        counts[file] = counts.get(file, 0) + 1
        name = file if counts[file] == 1 else f"{file}#{counts[file]}"
        own = annotation.get("facepoints", {})
        rows.append(
            FaceRow(
                file=paths[file],
                name=str(own.get("name", name)),
                group=str(own.get("group", file)),
                points=points,
                scheme=str(own.get("scheme", "")),
            )
        )
    if not rows:
        raise DataError(f"{path}: no annotation with a labeled keypoint")
    if any(row.scheme not in schemes for row in rows):
        schemes = {}
    return photos_of_rows(rows, landmarks, "coco", schemes)


def _landmarks(categories: list[Mapping[str, Any]], path: Path) -> LandmarkSet:
    names = [str(n) for n in categories[0]["keypoints"]]
    for other in categories[1:]:
        if [str(n) for n in other["keypoints"]] != names:
            raise DataError(
                f"{path}: categories '{categories[0].get('name')}' and '{other.get('name')}' "
                f"have different keypoints; keep one of them"
            )
    landmarks = set_of_names(names)
    skeleton = categories[0].get("skeleton") or []
    if landmarks.edges or not skeleton:
        return landmarks
    skeleton = [(int(a), int(b)) for a, b in skeleton]
    for a, b in skeleton:
        if not (1 <= a <= len(names) and 1 <= b <= len(names)):
            raise DataError(f"{path}: skeleton joins {a} and {b}, there are {len(names)} keypoints")
    edges = [(landmarks.names[a - 1], landmarks.names[b - 1]) for a, b in skeleton]
    return replace(landmarks, edges=tuple(dict.fromkeys(edges)))


def _schemes(data: Mapping[str, Any], landmarks: LandmarkSet) -> dict[str, tuple[str, ...]]:
    """The marking schemes in the ``facepoints`` field; empty without one."""
    own = data.get("facepoints", {}).get("schemes", {})
    return {
        str(name): tuple(points)
        for name, points in own.items()
        if all(p in landmarks.names for p in points)
    }


def _points(
    annotation: Mapping[str, Any], landmarks: LandmarkSet, path: Path
) -> NDArray[np.float32]:
    where = f"{path}: annotation {annotation.get('id')}"
    flat = annotation["keypoints"]
    if len(flat) != 3 * len(landmarks):
        raise DataError(
            f"{where} has {len(flat)} numbers, expected {3 * len(landmarks)} "
            f"(x, y, visibility of {len(landmarks)} points)"
        )
    try:
        triples = np.array(flat, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} has keypoints that are not numbers: {error}") from error
    points = np.full((len(landmarks), 2), np.nan, dtype=np.float32)
    for column, (x, y, visibility) in enumerate(triples):
        if visibility not in (0, 1, 2):
            raise DataError(f"{where} has visibility {visibility}, expected 0, 1 or 2")
        if visibility and not finite_point(x, y):
            raise DataError(f"{where}: {landmarks.names[column]} is at ({x}, {y})")
        if visibility:
            points[column] = x, y
    return points


def find_image(labels: Path, file: str) -> Path:
    """The path of an image that a label file names.

    It may be beside the label file, or in a folder ``images`` there or one folder up. For a
    missing image it is the first of these paths, for the error message.
    """
    folder = labels.parent
    paths = [folder / file, folder / "images" / file, folder.parent / "images" / file]
    try:
        return next((p for p in paths if p.is_file()), paths[0])
    except (OSError, ValueError):  # the name is too long, or no file can have it
        return paths[0]
