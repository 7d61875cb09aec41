"""Reads the JSON of Label Studio: tasks with keypoints in percent of the image.

Both exports are read, JSON and JSON-MIN. Keypoints of one parent region are one face, and so are
all keypoints without one. Source: https://labelstud.io/tags/keypointlabels
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from facepoints.datasets.readers.image_files import image_size
from facepoints.datasets.readers.image_finder import IMAGE_SUFFIXES, ImageFinder
from facepoints.datasets.readers.label_files import read_label_json
from facepoints.datasets.readers.named_faces import NamedFace, Size, photos_of_named_faces, size_of
from facepoints.datasets.readers.notes import Notes, shortened
from facepoints.datasets.readers.options import Options
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError

__all__ = ["read_label_studio"]


def read_label_studio(path: Path, options: Options) -> Photos:
    """Read an export of Label Studio with its images.

    Of several annotations of a task the first is read. Skipped tasks, predictions, and regions
    that are no keypoints are left out. Each of this gives a note. Groups are the image files.

    Raises:
        DataError: it is not such a file, or a part of it is missing or wrong.
    """
    data = read_label_json(path)
    tasks = data if isinstance(data, list) else [data]
    finder = ImageFinder(path)
    faces: list[NamedFace] = []
    for number, task in enumerate(tasks, start=1):
        try:
            where = f"task {task.get('id', number)}"
            faces += _faces(task, where, finder, options.notes)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path}: task {number} is not one of Label Studio: {error!r}"
            ) from error
    if not faces:
        raise DataError(f"{path}: no keypoints; expected tasks with labels of keypoints")
    return photos_of_named_faces(faces, "label-studio", path=path, notes=options.notes)


def _faces(
    task: Mapping[str, Any], where: str, finder: ImageFinder, notes: Notes
) -> list[NamedFace]:
    file = _image_name(task)
    groups: dict[str, dict[str, tuple[float, float]]] = {}
    size: Size | None = None
    regions = list(_regions(task, where, notes))
    parents = {str(region.get("parentID", "")) for region in regions}
    for region in regions:
        value = region.get("value", region)
        labels = value.get("keypointlabels") or value.get("labels")
        if not value.get("keypointlabels") and str(region.get("id")) in parents:
            continue  # the rectangle that keeps the keypoints of a face together
        if not labels or ("width" in value and "height" in value and "keypointlabels" not in value):
            notes.add("regions that are no keypoints were left out", where)
            continue
        if float(region.get("image_rotation") or 0):
            raise DataError(
                f"{finder.labels}: {where} has a rotated image ({region['image_rotation']}\u00b0); "
                f"rotate the image file, and label it again"
            )
        size = size or size_of(region.get("original_width"), region.get("original_height"))
        size = size or _real_size(finder.find(file), finder.labels, where)
        points = groups.setdefault(str(region.get("parentID", "")), {})
        name = str(labels[0])
        if name in points:
            raise DataError(
                f"{finder.labels}: {where} has the point '{shortened(name)}' twice in a face; put "
                f"the keypoints of each face into a rectangle of their own"
            )
        points[name] = (
            float(value["x"]) / 100 * size[0],
            float(value["y"]) / 100 * size[1],
        )
    if not groups:
        notes.add("tasks without keypoints were left out", where)
    return [
        NamedFace(file, points, size, f"{where} ({shortened(file)})") for points in groups.values()
    ]


def _real_size(image: Path, labels: Path, where: str) -> Size:
    found = image_size(image)
    if found is None:
        raise DataError(
            f"{labels}: {where} has no original_width, and there is no image at {image}"
        )
    return found.width, found.height


def _image_name(task: Mapping[str, Any]) -> str:
    """The name of a task's image: the value in ``data`` that is named like one."""
    data = task.get("data", task)
    texts = [value for value in data.values() if isinstance(value, str)]
    for text in texts:
        if text.split("?d=")[-1].split("?")[0].lower().endswith(IMAGE_SUFFIXES):
            name = text.split("?d=")[-1]
            return name.lstrip("/") if "://" not in name else name
    name = data.get("image") or data.get("img") or (texts[0] if texts else "")
    if not name:
        raise ValueError("no image in its data")
    return str(PurePosixPath(str(name)))


def _regions(task: Mapping[str, Any], where: str, notes: Notes) -> Iterator[Mapping[str, Any]]:
    """The regions of the annotation that is read."""
    if "data" not in task:  # JSON-MIN: a list of regions per tag
        for value in task.values():
            if isinstance(value, list):
                yield from (r for r in value if isinstance(r, dict) and "x" in r)
        return
    every = task.get("annotations") or task.get("completions") or []
    done = [a for a in every if not a.get("was_cancelled")]
    if task.get("predictions") and not done:
        notes.add("tasks with only predictions were left out", where)
    if len(done) > 1:
        notes.add("tasks have several annotations; the first was read", where)
    if done:
        yield from done[0]["result"]
