"""Labels of faces in whole pictures, in the files of annotation tools: COCO, CVAT, Label Studio.

`readers` reads each of these files back. Sources: https://cocodataset.org/#format-data,
https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/,
https://labelstud.io/guide/task_format and https://labelstud.io/tags/keypointlabels.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.coco_and_pts import coco_category
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["FaceLabels", "PictureLabels", "coco_labels", "cvat_labels", "label_studio_tasks"]

_DIGITS = 3  # of coordinates in pixels
_POINT_WIDTH = 0.3  # of a keypoint on the screen of Label Studio, in percent of the image


@dataclass(frozen=True)
class FaceLabels:
    """The labels of a face.

    Attributes:
        points: (K, 2) in pixels of the picture.
        labelled: (K,) which of them are labeled.
        hidden: (K,) which of the labeled points are covered by something.
        extra: further fields of its COCO annotation, below ``facepoints``.
    """

    points: NDArray[np.floating]
    labelled: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) around the labeled points; zeros without one."""
        known = self.points[self.labelled]
        if not len(known):
            return 0.0, 0.0, 0.0, 0.0
        low, size = known.min(axis=0), np.ptp(known, axis=0)
        x, y, width, height = (round(float(v), _DIGITS) for v in (*low, *size))
        return x, y, width, height


@dataclass(frozen=True)
class PictureLabels:
    """The labeled faces of a picture.

    Attributes:
        file: its path as the label file names it.
        size: width and height in pixels, as it is seen.
        faces: its faces.
    """

    file: str
    size: tuple[int, int]
    faces: Sequence[FaceLabels]


def coco_labels(pictures: Sequence[PictureLabels], landmarks: LandmarkSet) -> dict[str, Any]:
    """COCO keypoints: visibility 0 where a point is not labeled, 1 if it is hidden, else 2."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, start=1):
        width, height = picture.size
        images.append({"id": number, "file_name": picture.file, "width": width, "height": height})
        for face in picture.faces:
            box = face.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "keypoints": _coco_keypoints(face),
                    "num_keypoints": int(face.labelled.sum()),
                    "bbox": list(box),
                    "area": round(box[2] * box[3], _DIGITS),
                    **({"facepoints": dict(face.extra)} if face.extra else {}),
                }
            )
    category = coco_category(landmarks)
    return {"images": images, "annotations": annotations, "categories": [category]}


def _coco_keypoints(face: FaceLabels) -> list[float]:
    flat: list[float] = []
    for (x, y), known, behind in zip(face.points, face.labelled, face.hidden, strict=True):
        flat += [*_rounded(x, y), 1 if behind else 2] if known else [0, 0, 0]
    return flat


def _rounded(x: float, y: float) -> tuple[float, float]:
    return round(float(x), _DIGITS), round(float(y), _DIGITS)


def cvat_labels(pictures: Sequence[PictureLabels], landmarks: LandmarkSet) -> str:
    """The XML of "CVAT for images 1.1": each face is a skeleton "face"; points that are not labeled
    are ``outside``, hidden ones ``occluded``."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    lines += ["  <meta><job><labels>", "    <label><name>face</name><type>skeleton</type></label>"]
    for name in landmarks.names:
        inner = f"<name>{_text(name)}</name><type>points</type><parent>face</parent>"
        lines.append(f"    <label>{inner}</label>")
    lines.append("  </labels></job></meta>")
    for number, picture in enumerate(pictures):
        width, height = picture.size
        name = quoteattr(_clean(picture.file))
        lines.append(f'  <image id="{number}" name={name} width="{width}" height="{height}">')
        for face in picture.faces:
            lines.append('    <skeleton label="face" source="manual" z_order="0">')
            lines += _cvat_points(face, landmarks)
            lines.append("    </skeleton>")
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""])


def _cvat_points(face: FaceLabels, landmarks: LandmarkSet) -> list[str]:
    lines = []
    rows = zip(landmarks.names, face.points, face.labelled, face.hidden, strict=True)
    for name, (x, y), known, behind in rows:
        place = "{},{}".format(*_rounded(x, y)) if known else "0.0,0.0"
        flags = f'outside="{int(not known)}" occluded="{int(behind and known)}"'
        label = quoteattr(_clean(name))
        lines.append(f'      <points label={label} source="manual" {flags} points="{place}"/>')
    return lines


def _clean(text: str) -> str:
    """A text without characters that XML cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff"))


def _text(text: str) -> str:
    return _clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label_studio_tasks(
    pictures: Sequence[PictureLabels], landmarks: LandmarkSet
) -> list[dict[str, Any]]:
    """Tasks of Label Studio: each face is a rectangle whose children are its keypoints, in percent
    of the image. The format has no field for hidden points; they are written as visible.

    The labeling interface needs ``<Image name="image" value="$image"/>``, ``<KeyPointLabels
    name="points" toName="image">`` with the names of the points, and ``<RectangleLabels
    name="faces" toName="image">`` with the label "face".
    """
    tasks = []
    for number, picture in enumerate(pictures, start=1):
        result: list[dict[str, Any]] = []
        for order, face in enumerate(picture.faces):
            result += _studio_face(picture, face, landmarks, f"{number}-{order}")
        annotation = {"id": number, "was_cancelled": False, "result": result}
        data = {"image": picture.file}
        tasks.append({"id": number, "data": data, "annotations": [annotation]})
    return tasks


def _studio_face(
    picture: PictureLabels, face: FaceLabels, landmarks: LandmarkSet, key: str
) -> list[dict[str, Any]]:
    width, height = picture.size
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    parent = f"face-{key}"
    x, y, across, down = face.box
    box = {"x": 100 * x / width, "y": 100 * y / height, "rotation": 0}
    box |= {"width": 100 * across / width, "height": 100 * down / height}
    common = {**size, "to_name": "image", "origin": "manual"}
    regions: list[dict[str, Any]] = [
        {
            "id": parent,
            "from_name": "faces",
            "type": "rectanglelabels",
            "value": {**box, "rectanglelabels": ["face"]},
            **common,
        }
    ]
    for name, (px, py), known in zip(landmarks.names, face.points, face.labelled, strict=True):
        if not known:
            continue
        place = {"x": 100 * float(px) / width, "y": 100 * float(py) / height}
        regions.append(
            {
                "id": f"{parent}-{zlib.crc32(name.encode('utf-8', 'backslashreplace')):08x}",
                "from_name": "points",
                "type": "keypointlabels",
                "parentID": parent,
                "value": {**place, "width": _POINT_WIDTH, "keypointlabels": [name]},
                **common,
            }
        )
    return regions
