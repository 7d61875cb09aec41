"""The pictures of an audit: a face with its label beside the same face as it was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.fault import Cause, Fault
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, mirror_name
from facepoints.reports.picture import Mark, Picture, data_uri, dots, edge_lines, path_of

__all__ = ["MOST_PICTURES", "fault_pictures"]

MOST_PICTURES = 400
"""Most faults of a report that are shown with pictures. Each needs about 10 kB."""

_SIDE = 192  # side of a picture in pixels
_MARGIN = 0.5  # room around the points, as a share of the longer side of their box
_FEW = 30  # points, up to which dots are large
_SIDES = (("left", "m0"), ("right", "m1"), ("middle", "m8"))


@dataclass(frozen=True)
class _Reading:
    """Points of one face: (K, 2), which are known (K,), their radius (K,) or None."""

    points: NDArray[np.float64]
    known: NDArray[np.bool_]
    radius: NDArray[np.float64] | None = None


def fault_pictures(fault: Fault, faces: Samples) -> list[Picture]:
    """The pictures of a fault, side by side.

    One row: its label, and where its points were expected. Two rows with one image: both labels.
    A change of marking scheme: the median label before and after.
    """
    if fault.cause is Cause.SCHEME_CHANGE and len(fault.rows) > 2:
        return _scheme_pictures(fault, faces)
    row = fault.row
    concerned = np.isin(faces.landmarks.names, fault.points)
    label = _Reading(faces.points[row].astype(float), faces.labelled[row])
    if len(fault.rows) > 1:
        shown = []
        for other in fault.rows[:2]:
            reading = _Reading(faces.points[other].astype(float), faces.labelled[other])
            name = str(faces.names[other])
            shown.append(_picture(faces, other, reading, f"label of {name}", concerned, None))
        return shown
    expected = _expected(fault)
    pictures = [_picture(faces, row, label, "label", concerned, expected)]
    if expected is not None:
        seen = label, expected
        other = _picture(faces, row, expected, "expected", concerned, None, seen)
        # the image is in the page once: the second picture points to the first
        pictures.append(replace(other, uri=""))
    return pictures


def _expected(fault: Fault) -> _Reading | None:
    if fault.expected is None:
        return None
    points = fault.expected.points.astype(float)
    known = np.asarray(np.isfinite(points).all(axis=1))
    return _Reading(points, known, fault.expected.radius.astype(float)) if known.any() else None


def _picture(
    faces: Samples,
    row: int,
    reading: _Reading,
    what: str,
    concerned: NDArray[np.bool_],
    other: _Reading | None,
    seen: Sequence[_Reading] | None = None,
) -> Picture:
    """A reading of a face. Lines lead from the points concerned to `other`.

    Args:
        seen: readings that the picture has room for; None: this one and `other`.
    """
    image = faces.images[row]
    blank = not image.any()
    matrix = _view([reading, *([] if other is None else [other])] if seen is None else seen)
    points = affine.apply(matrix, np.nan_to_num(reading.points)).astype(float)
    marks = _misses(points, reading, other, concerned, matrix) if other is not None else []
    marks += _point_marks(points, reading.known, concerned, faces.landmarks)
    if reading.radius is not None:
        circles = _circles(points, reading, float(np.hypot(*matrix[:, 0])))
        marks.insert(0, Mark("dashed prediction", circles))
    return Picture(
        "" if blank else data_uri(affine.warp(image, matrix, _SIDE, _SIDE), quality=80),
        _SIDE,
        _SIDE,
        [mark for mark in marks if mark.path],
        title=f"{faces.names[row]}: {what}",
        caption=what,
    )


def _view(readings: Sequence[_Reading]) -> affine.Matrix:
    """The map from pixels of an image to those of a picture in which all points are seen."""
    shown = np.concatenate([one.points[one.known] for one in readings])
    box = affine.bounding_box(shown) if len(shown) else (0.0, 0.0, _SIDE, _SIDE)
    return affine.crop_matrix(box, _SIDE, _MARGIN)


def _point_marks(
    points: NDArray[np.float64],
    known: NDArray[np.bool_],
    concerned: NDArray[np.bool_],
    landmarks: LandmarkSet,
) -> list[Mark]:
    """Dots in the color of their side, edges, and rings around the points concerned."""
    fine = " fine" if known.sum() > _FEW else ""
    sides = np.array([_side_of(name, landmarks) for name in landmarks.names])
    marks = [Mark("edges m8", edge_lines(points, landmarks, known))]
    marks.append(Mark(f"under{fine}", dots(points[known])))
    for side, kind in _SIDES:
        marks.append(Mark(f"dots{fine} {kind}", dots(points[known & (sides == side)])))
    few = concerned & known
    if 0 < few.sum() <= max(6, len(landmarks) // 4):
        rings = "".join(_circle(x, y, 4.5) for x, y in points[few])
        names = ", ".join(name for name, has in zip(landmarks.names, few, strict=True) if has)
        marks.append(Mark("measured miss", rings, label=names))
    return marks


def _side_of(name: str, landmarks: LandmarkSet) -> str:
    """The side of the subject that a point is on."""
    if not landmarks.mirrorable or mirror_name(name) == name:
        return "middle"
    return "left" if "left" in base_name(name) else "right"


def _misses(
    points: NDArray[np.float64],
    reading: _Reading,
    other: _Reading | None,
    concerned: NDArray[np.bool_],
    matrix: affine.Matrix,
) -> list[Mark]:
    """Lines from the points concerned to their other reading."""
    if other is None:
        return []
    both = reading.known & other.known
    shown = both & concerned if (both & concerned).any() else both
    ends = affine.apply(matrix, np.nan_to_num(other.points)).astype(float)
    lines = [path_of(np.stack(pair)) for pair in zip(points[shown], ends[shown], strict=True)]
    return [Mark("miss", "".join(lines))]


def _circles(points: NDArray[np.float64], reading: _Reading, scale: float) -> str:
    radius = np.nan_to_num(reading.radius) if reading.radius is not None else np.zeros(len(points))
    shown = reading.known & (radius > 0)
    return "".join(
        _circle(x, y, r * scale) for (x, y), r in zip(points[shown], radius[shown], strict=True)
    )


def _circle(x: float, y: float, r: float) -> str:
    arc = f"a{r:.1f} {r:.1f} 0 1 0"
    return f"M{x - r:.1f} {y:.1f}{arc} {2 * r:.1f} 0{arc} {-2 * r:.1f} 0"


def _scheme_pictures(fault: Fault, faces: Samples) -> list[Picture]:
    """The median label of the rows before a change of scheme, and of those after it."""
    after = np.zeros(len(faces), dtype=bool)
    after[list(fault.rows)] = True
    concerned = np.isin(faces.landmarks.names, fault.points)
    shown: list[Picture] = []
    first, second = _median(faces, ~after), _median(faces, after)
    if first is None or second is None:
        return []
    blank = faces.take([fault.row])
    blank = replace(blank, images=np.zeros_like(blank.images))
    for reading, other, what in ((first, None, "other rows"), (second, first, "these rows")):
        what = f"median label of {what}"
        picture = _picture(blank, 0, reading, what, concerned, other, (first, second))
        shown.append(replace(picture, title=what))
    return shown


def _median(faces: Samples, rows: NDArray[np.bool_]) -> _Reading | None:
    labelled = faces.labelled[rows]
    if not len(labelled):
        return None
    known = np.asarray(labelled.mean(axis=0) >= 0.2)
    points = np.zeros((len(known), 2))
    for column in np.flatnonzero(known):
        points[column] = np.median(faces.points[rows, column][labelled[:, column]], axis=0)
    return _Reading(points, known) if known.any() else None
