"""Reads COCO keypoints JSON: categories name the points, annotations give x, y, visibility.

Coordinates are 0-based pixels. Visibility 0 means not labeled, 1 hidden and 2 visible. Source:
https://cocodataset.org/#format-data

Variants that CVAT, Datumaro, Label Studio, COCO Annotator and Roboflow write are read: ids as
text, annotations without keypoints, several categories, categories without names of keypoints,
pairs x, y without a visibility, file names with folders or addresses (`image_finder.ImageFinder`).

Files written by facepoints have a further field ``facepoints``, at the top and in each annotation,
with the name, group and marking scheme of each face. So a round trip keeps the groups of a split.
Other programs ignore the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.image_finder import ImageFinder
from facepoints.datasets.readers.label_files import check_names, read_label_json
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.readers.photo_rows import (
    FaceRow,
    box_of,
    finite_point,
    photos_of_rows,
    set_of_names,
    unique_row_names,
)
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["read_coco"]


class _Points(NamedTuple):
    """The points (K, 2) of an annotation, NaN where not labeled, and their visibility (K,)."""

    points: NDArray[np.float32]
    visibility: NDArray[np.int8]


@dataclass(frozen=True)
class _Image:
    """An entry of ``images``: the name of its file, and its size if it is there."""

    file: str
    size: tuple[int, int] | None


def read_coco(path: Path, options: Options) -> Photos:
    """Read a COCO keypoints file with its images, in any layout that `ImageFinder` knows.

    Annotations without a labeled point, of crowds, and of categories without keypoints are left
    out, with a note. Categories with different keypoints give the union of their points. Groups
    are the image files, unless the annotations have a group (see above).

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    data = read_label_json(path)
    try:
        return _photos(data, path, options.notes)
    except KeyError as error:
        raise DataError(f"{path}: no {error}, which COCO keypoints need") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is not COCO keypoints JSON: {error}") from error


def _photos(data: Mapping[str, Any], path: Path, notes: Notes) -> Photos:
    images = {str(entry["id"]): _image(entry) for entry in data["images"]}
    if len(images) < len(data["images"]):
        raise DataError(f"{path}: two images have the same id")
    annotations: Sequence[Mapping[str, Any]] = list(data["annotations"])
    categories = _categories(data, annotations, path)
    columns, landmarks = _landmarks(list(categories.values()), path)
    schemes = _schemes(data, landmarks)
    for annotation in annotations:
        # also those without keypoints: a bad reference means a damaged file
        if str(annotation["image_id"]) not in images:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} is of image "
                f"{annotation['image_id']}, which is not listed"
            )
    # sorted by image, so that each is read once
    annotations = sorted(annotations, key=lambda a: images[str(a["image_id"])].file)
    finder = ImageFinder(path)
    kept: list[tuple[Mapping[str, Any], _Points]] = []
    for annotation in annotations:
        points = _labeled_points(annotation, categories, columns, path, notes)
        if points is not None:
            kept.append((annotation, points))
    if not kept:
        raise DataError(f"{path}: no annotation with a labeled keypoint")
    names = unique_row_names([images[str(a["image_id"])].file for a, _ in kept])
    rows = [
        _row(annotation, points, images[str(annotation["image_id"])], name, finder)
        for (annotation, points), name in zip(kept, names, strict=True)
    ]
    if any(row.scheme not in schemes for row in rows):
        schemes = {}
    return photos_of_rows(rows, landmarks, "coco", schemes, path=path, notes=notes)


def _image(entry: Mapping[str, Any]) -> _Image:
    """An image by its file name, or by the path or address that some tools write instead."""
    name = entry.get("file_name") or entry.get("path") or entry.get("coco_url")
    if not name:
        raise KeyError("file_name")
    width, height = entry.get("width"), entry.get("height")
    try:
        size = int(float(width or 0)), int(float(height or 0))
    except (TypeError, ValueError, OverflowError):
        size = 0, 0
    return _Image(str(name), size if min(size) > 0 else None)


def _categories(
    data: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], path: Path
) -> dict[str, Mapping[str, Any]]:
    """The categories with keypoints, by id. Keypoints without names are numbered."""
    listed = {str(c["id"]): c for c in data["categories"]}
    named = {key: c for key, c in listed.items() if c.get("keypoints")}
    if named:
        return named
    counts = {
        str(a.get("category_id")): len(_flat(a["keypoints"])) // 3
        for a in annotations
        if a.get("keypoints")
    }
    unnamed: dict[str, Mapping[str, Any]] = {
        key: {**listed[key], "keypoints": [str(n) for n in range(count)]}
        for key, count in counts.items()
        if key in listed and count
    }
    if not unnamed:
        raise DataError(f"{path}: no category with keypoints; expected their names")
    return unnamed


def _landmarks(
    categories: list[Mapping[str, Any]], path: Path
) -> tuple[dict[str, int], LandmarkSet]:
    """The points of all categories: their columns by the names in the file, and the set."""
    names: list[str] = []
    for category in categories:
        own = [str(n) for n in category["keypoints"]]
        check_names(own, f"{path}: category '{shortened(str(category.get('name')))}'")
        names += [name for name in own if name not in names]
    landmarks = set_of_names(names, str(path))
    columns = {name: column for column, name in enumerate(names)}
    if landmarks.edges:
        return columns, landmarks
    edges: list[tuple[str, str]] = []
    for category in categories:
        own = [str(n) for n in category["keypoints"]]
        for a, b in category.get("skeleton") or []:
            if not (1 <= int(a) <= len(own) and 1 <= int(b) <= len(own)):
                raise DataError(
                    f"{path}: skeleton joins {a} and {b}, there are {len(own)} keypoints"
                )
            first, second = (columns[own[int(end) - 1]] for end in (a, b))
            edges.append((landmarks.names[first], landmarks.names[second]))
    return columns, replace(landmarks, edges=tuple(dict.fromkeys(edges)))


def _schemes(data: Mapping[str, Any], landmarks: LandmarkSet) -> dict[str, tuple[str, ...]]:
    """The marking schemes in the ``facepoints`` field; empty without one."""
    own = data.get("facepoints", {}).get("schemes", {})
    return {
        str(name): tuple(points)
        for name, points in own.items()
        if all(p in landmarks.names for p in points)
    }


def _labeled_points(
    annotation: Mapping[str, Any],
    categories: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, int],
    path: Path,
    notes: Notes,
) -> _Points | None:
    """The points of an annotation; None, with a note, if it has no labeled point."""
    category = categories.get(str(annotation.get("category_id")))
    where = f"annotation {annotation.get('id')}"
    if category is None:
        notes.add("annotations of categories without keypoints were left out", where)
        return None
    if annotation.get("iscrowd"):
        notes.add("annotations of crowds were left out", where)
        return None
    if not annotation.get("keypoints"):
        notes.add("annotations without keypoints were left out", where)
        return None
    own = [str(name) for name in category["keypoints"]]
    points = np.full((len(columns), 2), np.nan, dtype=np.float32)
    visibility = np.full(len(columns), -1, dtype=np.int8)
    where_own = [columns[name] for name in own]
    points[where_own], visibility[where_own] = _points(annotation, own, path)
    if np.isnan(points).any(axis=1).all():
        notes.add("annotations without a labeled keypoint were left out", where)
        return None
    return _Points(points, visibility)


def _points(annotation: Mapping[str, Any], names: Sequence[str], path: Path) -> _Points:
    where = f"{path}: annotation {annotation.get('id')}"
    flat = _flat(annotation["keypoints"])
    width = 2 if len(flat) == 2 * len(names) else 3
    if len(flat) != width * len(names):
        raise DataError(
            f"{where} has {len(flat)} numbers, expected {3 * len(names)} "
            f"(x, y, visibility of {len(names)} points)"
        )
    try:
        # a point that nobody marked is null in some files
        numbers = [np.nan if value is None else value for value in flat]
        table = np.array(numbers, dtype=np.float64).reshape(-1, width)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} has keypoints that are not numbers: {error}") from error
    points = np.full((len(names), 2), np.nan, dtype=np.float32)
    visible = np.full(len(names), -1, dtype=np.int8)
    for column, (x, y, *rest) in enumerate(table):
        visibility = rest[0] if rest else 2
        if flat[width * column] is None and flat[width * column + 1] is None:
            visibility = 0
        if visibility not in (0, 1, 2):
            raise DataError(f"{where} has visibility {visibility}, expected 0, 1 or 2")
        if visibility and not finite_point(x, y):
            raise DataError(
                f"{where}: {shortened(names[column])} is at ({x}, {y}), outside of any image; "
                f"correct it, or set its visibility to 0"
            )
        if visibility:
            points[column] = x, y
            visible[column] = visibility - 1 if rest else -1
    return _Points(points, visible)


def _flat(keypoints: Sequence[Any]) -> list[Any]:
    """Keypoints as one list; some tools write a list per point."""
    if not isinstance(keypoints, list):
        raise TypeError(f"keypoints are a {type(keypoints).__name__}, not a list")
    if keypoints and all(isinstance(part, list) for part in keypoints):
        return [number for part in keypoints for number in part]
    return keypoints


def _row(
    annotation: Mapping[str, Any],
    face: _Points,
    image: _Image,
    name: str,
    finder: ImageFinder,
) -> FaceRow:
    own, box = annotation.get("facepoints", {}), annotation.get("bbox")
    return FaceRow(
        file=finder.find(image.file),
        name=str(own.get("name", name)),
        group=str(own.get("group", image.file)),
        points=face.points,
        visibility=face.visibility,
        scheme=str(own.get("scheme", "")),
        size=image.size,
        where=f"annotation {annotation.get('id')} ({shortened(image.file)})",
        box=box_of(*box) if isinstance(box, list) and len(box) == 4 else None,
    )
