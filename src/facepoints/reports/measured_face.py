"""Draws on a face what was measured: numbered distances, openings, and the axes of the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.measurement import head_pose, measure_with_reasons
from facepoints.measurement.descriptions import DESCRIPTIONS
from facepoints.reports.kept_faces import KeptFace
from facepoints.reports.picture import Mark, Picture, data_uri, dots, path_of

__all__ = ["TAGS", "draw_measures"]

Array = NDArray[np.floating]

_COLORS = 8
_SIDE = 420  # longer side of a picture without an image

TAGS: dict[str, str] = {
    name: str(number)
    for number, name in enumerate((n for n, d in DESCRIPTIONS.items() if d.unit == "px"), start=1)
}
"""The number in the pictures of each distance, by the name of its column in pixels."""


def draw_measures(kept: KeptFace) -> tuple[Picture, Picture]:
    """Two pictures of a face: its distances; and its openings, slants and head pose."""
    face, size, uri = kept.face, (0, 0), ""
    if kept.crop is None:
        face, size = _on_paper(face)
    else:
        size, uri = kept.crop.shape[:2], data_uri(kept.crop)
    points = Mark("dots fine m8", dots(face.points))
    text = max(size) / 22
    where = f"{kept.file}, face {kept.number + 1}"
    return (
        Picture(
            uri,
            size[1],
            size[0],
            [points, *_distances(face)],
            title=f"{where}: the distances that were measured",
            caption="Distances. The numbers are those of the table.",
            text=text,
        ),
        Picture(
            uri,
            size[1],
            size[0],
            [points, *_openings(face), *_axes(face)],
            title=f"{where}: openings of eyes and mouth, slants, and the axes of the head",
            caption="Openings, slants, and the axes of the head: to its left, down, to the front.",
            text=text,
        ),
    )


def _on_paper(face: Face) -> tuple[Face, tuple[int, int]]:
    """The face moved and scaled to fit a plain background, and the size of that."""
    low = face.points.min(axis=0).astype(np.float64)
    sides = np.maximum(np.ptp(face.points, axis=0), 1e-3)
    scale, edge = _SIDE / float(sides.max()), 0.15 * _SIDE
    points = (face.points - low) * scale + edge
    height, width = (round(float(side) * scale + 2 * edge) for side in sides[::-1])
    moved = Face(
        face.box,
        face.score,
        points.astype(np.float32),
        (face.radius * scale).astype(np.float32),
        face.landmarks,
        visible=face.visible,
    )
    return moved, (height, width)


def _place(face: Face, names: Sequence[str]) -> Array | None:
    """Points (n, 2) by name; None if the face lacks one."""
    if not names or not set(face.landmarks.names).issuperset(names):
        return None
    return face.points[face.landmarks.columns(names)].astype(np.float64)


_OFFSETS = {
    "outer_canthal_px": -0.27,
    "inner_canthal_px": -0.15,
    "palpebral_fissure_left_px": 0.1,
    "palpebral_fissure_right_px": 0.1,
    "philtrum_px": 0.14,
    "mouth_width_px": 0.15,
    "face_height_px": 0.57,
}
"""Where the line of a distance is drawn, beside its points, so that lines do not hide each other
and the face: as a share of the face's size, downward or to the image's right."""


def _distances(face: Face) -> list[Mark]:
    """Each distance as a line beside its points, with thin lines to them, and its number."""
    marks, size = [], _extent(face)
    missing = measure_with_reasons(face).reasons
    for name, tag in TAGS.items():
        ends = _place(face, DESCRIPTIONS[name].points)
        if name in missing or ends is None or len(ends) != 2:
            continue
        offset = _OFFSETS.get(name, 0.0)
        beside = _across(ends) * size
        line = ends + offset * beside
        at = line.mean(axis=0) + (0.05 if offset >= 0 else -0.05) * beside
        color = f"m{(int(tag) - 1) % _COLORS}"
        if offset:
            thin = "".join(path_of(np.array([a, b])) for a, b in zip(ends, line, strict=True))
            marks.append(Mark(f"dashed {color}", thin))
        marks.append(Mark("under", path_of(line)))
        label = f"{tag}: {name.removesuffix('_px')}"
        marks.append(
            Mark(f"measured {color}", path_of(line), label, tag, (float(at[0]), float(at[1])))
        )
        marks.append(Mark(f"dots {color}", dots(ends)))
    return marks


def _across(ends: Array) -> Array:
    """The unit vector (2,) across a line: downward for a level one, rightward for an upright."""
    along = ends[1] - ends[0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    main = 1 if abs(across[1]) >= abs(across[0]) else 0
    return across if across[main] >= 0 else -across


def _openings(face: Face) -> list[Mark]:
    """Heights and lengths of openings, whose points come in pairs; and slants."""
    marks = []
    missing = measure_with_reasons(face).reasons
    for name, description in DESCRIPTIONS.items():
        points = _place(face, description.points)
        if name in missing or points is None or len(points) % 2:
            continue
        pairs = points.reshape(-1, 2, 2)
        if description.unit == "degrees":
            marks.append(Mark("dashed m5", "".join(path_of(p) for p in pairs), name))
        elif description.unit == "ratio" and len(points) in (6, 8):
            color = "m0" if name.startswith("eye") else "m2"
            marks.append(Mark(f"opening {color}", "".join(path_of(p) for p in pairs), name))
    return marks


def _axes(face: Face) -> list[Mark]:
    """The axes of the head, from the middle of its points."""
    try:
        pose = head_pose(face)
    except DataError:
        return []
    start = np.median(face.points, axis=0).astype(np.float64)
    length = 0.36 * _extent(face)
    marks = []
    for axis, color, name in ((0, "m6", "L"), (1, "m3", "D"), (2, "m7", "F")):
        end = start + pose.turn[:2, axis] * length
        tag = end + pose.turn[:2, axis] * 0.1 * length
        if np.hypot(*(end - start)) < 0.12 * length:
            tag = end - (0, 0.12 * length)
        line = path_of(np.array([start, end]))
        marks.append(Mark("under", line))
        marks.append(
            Mark(
                f"measured {color}", line, "axis of the head", name, (float(tag[0]), float(tag[1]))
            )
        )
    return marks


def _extent(face: Face) -> float:
    return float(np.ptp(face.points, axis=0).max())
