"""Faces that come into a project: found by a model, shown by a person, or read from labels."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from facepoints.detection.base import iou, overlap_of_smaller
from facepoints.labeling.journal import Event
from facepoints.labeling.project import Project, checked_key
from facepoints.labeling.reading import Reading
from facepoints.labeling.state import Box, FaceRecord, Seen, seen_event

__all__ = ["ImportedFace", "add_face", "import_faces", "write_found"]

_SAME = 0.4  # intersection over union from which two boxes show the same face
_INSIDE = 0.7  # part of the smaller box in the larger one, for labels of a few points


class ImportedFace(NamedTuple):
    """A labeled face of a file: its picture's id and size, and a key that names its row."""

    picture: str
    size: tuple[int, int]
    box: Box
    reading: Reading
    key: str


def write_found(
    project: Project,
    picture: str,
    size: tuple[int, int],
    model: str,
    faces: Sequence[tuple[Box, float, Seen]],
) -> None:
    """Write what a model found in a picture.

    A face that is there already keeps its id and its readings, and is seen anew.
    """
    with project.changing() as events:
        place = project.state.pictures[picture]
        if place.searched == model:  # another process was faster
            return
        free = [project.state.faces[f] for f in place.faces]
        listed: list[dict[str, Any]] = []
        for box, score, seen in faces:
            same = _same_face(free, box)
            if same is not None:
                free.remove(same)
            listed.append(
                {
                    "id": secrets.token_hex(8) if same is None else same.id,
                    "box": _rounded(box),
                    "score": round(score, 4),
                    "seen": seen_event(seen),
                }
            )
        events.append(
            {
                "event": "picture",
                "picture": picture,
                "file": place.file,
                "size": list(size),
                "model": model,
                "faces": listed,
            }
        )


def add_face(
    project: Project,
    picture: str,
    box: Box,
    by: str,
    *,
    source: str = "clicks",
    seen: Seen | None = None,
    score: float = 1.0,
    size: tuple[int, int] | None = None,
    key: str = "",
) -> FaceRecord:
    """Add a face that a person showed, or that a label file has.

    Args:
        size: of the picture, if it is not searched yet.
        key: a repeated key gives the same face.
    """
    with project.changing() as events:
        known = project.state.keys.get(checked_key(by, key))
        name = known or secrets.token_hex(8)
        if known is None:
            face: dict[str, Any] = {"id": name, "box": _rounded(box), "score": round(score, 4)}
            if seen is not None:
                face["seen"] = seen_event(seen)
            event = {"event": "face", "picture": picture, "source": source, "face": face}
            event |= {"by": by, "file": project.state.pictures[picture].file}
            event |= {"key": checked_key(by, key)} if key else {}
            events.append(event if size is None else event | {"size": list(size)})
    return project.state.faces[name]


def import_faces(project: Project, rows: Sequence[ImportedFace], by: str) -> list[str]:
    """Take labeled faces of a file. Those that were taken before stay as they are, unless the
    file has changed and nobody has worked on the face.

    Returns:
        The id of each row's face.
    """
    with project.changing() as events:
        ids = []
        for row in rows:
            key = checked_key(by, row.key)
            known = project.state.keys.get(key)
            ids.append(known or secrets.token_hex(8))
            label: Event = {"event": "reading", "face": ids[-1], "by": by, "action": "label"}
            label |= row.reading.to_dict()
            if known is not None:
                readings = project.state.faces[known].readings
                if set(readings) == {by} and not _same(readings[by].reading, row.reading):
                    events.append(label)
                continue
            face = {"id": ids[-1], "box": _rounded(row.box)}
            event: Event = {"event": "face", "picture": row.picture, "source": "labels"}
            place = project.state.pictures[row.picture]
            event |= {"face": face, "by": by, "file": place.file, "key": key}
            events.append(event | {"size": list(row.size)})
            events.append(label)
    return ids


def _same(one: Reading, other: Reading) -> bool:
    return one.to_dict() == other.to_dict()


def _same_face(faces: Sequence[FaceRecord], box: Box) -> FaceRecord | None:
    """The face that a found box shows; None: it is a new one.

    The box around the labels of a few points may be smaller than that around a model's.
    """
    for face in sorted(faces, key=lambda face: -iou(face.box, box)):
        unseen = face.seen is None and overlap_of_smaller(face.box, box) > _INSIDE
        if unseen or iou(face.box, box) > _SAME:
            return face
    return None


def _rounded(box: Box) -> list[float]:
    return [round(float(value), 3) for value in box]
