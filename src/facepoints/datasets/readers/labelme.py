"""Reads the JSON of labelme: one file per image, with a shape per point.

Points of one ``group_id`` are one face, and so are all points without one. A point with a flag
"occluded" or "hidden" is hidden. Source:
https://github.com/wkentaro/labelme
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facepoints.datasets.readers.image_finder import ImagesByStem, name_below
from facepoints.datasets.readers.label_files import MAX_NAME, read_label_json
from facepoints.datasets.readers.named_faces import NamedFace, photos_of_named_faces, size_of
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["labelme_files", "read_labelme"]

_HIDDEN = {"occluded", "hidden"}  # usual names of the flag; labelme itself has no such mark


def labelme_files(path: Path) -> list[Path]:
    """The JSON files below a folder, in order, or the one file itself."""
    if path.is_file():
        return [path]
    files = (f for f in path.rglob("*") if f.suffix.lower() == ".json" and f.is_file())
    return sorted(f for f in files if not f.name.startswith("."))


def read_labelme(path: Path, options: Options) -> Photos:
    """Read a labelme file, or a folder of them, with their images.

    The image is ``imagePath``, relative to the file, or the image that has the file's name.
    Shapes that are no points are left out, with a note. Groups are the images.

    Raises:
        DataError: a file is not such a file, or a part of it is missing or wrong.
    """
    finder = ImagesByStem(path)
    base = path if path.is_dir() else path.parent
    faces: list[NamedFace] = []
    for file in labelme_files(path):
        data = read_label_json(file)
        try:
            faces += _faces(data, file, base, finder, options.notes)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(f"{file} is not a file of labelme: {error!r}") from error
    if not faces:
        raise DataError(f"{path}: no shapes that are points; expected the points of faces")
    return photos_of_named_faces(faces, "labelme", path=path, notes=options.notes)


def _faces(
    data: Mapping[str, Any], file: Path, base: Path, finder: ImagesByStem, notes: Notes
) -> list[NamedFace]:
    groups: dict[str, dict[str, tuple[float, float]]] = {}
    hidden: dict[str, set[str]] = {}
    for shape in data["shapes"]:
        corners = shape["points"]
        if shape.get("shape_type", "point") != "point" or len(corners) != 1:
            notes.add("shapes that are no points were left out", file.name)
            continue
        label = str(shape["label"])
        group = str(shape.get("group_id"))
        points = groups.setdefault(group, {})
        if label in points:
            raise DataError(
                f"{file}: the point '{shortened(label)}' is there twice in a face; give the points "
                f"of each face a group id of their own"
            )
        x, y = corners[0]
        points[label] = float(x), float(y)
        flags = shape.get("flags") or {}
        if any(on and str(flag).lower() in _HIDDEN for flag, on in flags.items()):
            hidden.setdefault(group, set()).add(label)
    if not groups:
        notes.add("files without points were left out", file.name)
    named = str(data.get("imagePath") or "").replace("\\", "/")
    beside = file.parent / named
    if len(named) > MAX_NAME:
        raise DataError(f"{file}: imagePath has {len(named)} characters")
    image = (beside if named and beside.is_file() else finder.find(file)) or beside
    size = size_of(data.get("imageWidth"), data.get("imageHeight"))
    name = name_below(base, image)
    return [
        NamedFace(name, points, size, str(file), image, "", frozenset(hidden.get(group, ())))
        for group, points in groups.items()
    ]
