"""Face detections, the protocol of face detectors, and overlaps of boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_degrees
from facepoints.errors import SettingsError
from facepoints.imaging import affine

__all__ = [
    "MERGE_ANGLE",
    "MERGE_IOU",
    "Box",
    "Detection",
    "DetectorOutput",
    "FaceDetector",
    "RetryingDetector",
    "check_detections",
    "iou",
    "map_detection",
    "merge_detections",
    "overlap_of_smaller",
    "overlaps",
]

Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels."""

MERGE_IOU = 0.5
"""Detections that overlap more are merged."""

MERGE_ANGLE = 30.0
"""Degrees; detections whose angles differ by more are not merged."""

_MAX_NUMBER = 1e7  # pixels or degrees; no image is that large


@dataclass(frozen=True)
class Detection:
    """A place in an image that may show a face.

    Attributes:
        box: (x, y, width, height) in image pixels: the bounding box of the 68 landmarks of the
            face if it were upright, from brows to chin and ear to ear.
        score: confidence of the detector, [0, 1]. A detector that decides alone takes 0.5 and
            more for a face.
        angle: degrees that the face is rotated clockwise on the screen. `box` is that of the
            face rotated back about the box's center.
    """

    box: Box
    score: float = 1.0
    angle: float = 0.0


DetectorOutput = list[tuple[Detection, NDArray[np.float32]]]
"""Detections with their points (5, 2): right eye, left eye, nose tip, right and left mouth
corner, in image pixels."""


class FaceDetector(Protocol):
    """Finds faces in images. If the landmark model judges the detections afterwards, a detector
    should rather return too many than too few."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Detections in an image, (H, W) gray or (H, W, 3) RGB. The list may be empty."""
        ...


@runtime_checkable
class RetryingDetector(FaceDetector, Protocol):
    """A detector that can search harder if none of its detections was a face."""

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """Detections of further attempts, each slower or less reliable than the one before."""
        ...


def check_detections(detector: object, detections: object) -> list[Detection]:
    """The detections that a detector returned, as a list.

    Raises:
        SettingsError: it is not a sequence of `Detection` objects with finite numbers.
    """
    name = type(detector).__name__
    wanted = "a list of facepoints.Detection((x, y, width, height), score)"
    if not isinstance(detections, Iterable):
        raise SettingsError(
            f"the detector {name} must return {wanted}, it returned {type(detections).__name__}"
        )
    listed = list(detections)
    for one in listed:
        if not isinstance(one, Detection):
            raise SettingsError(
                f"the detector {name} must return {wanted}, it returned {type(one).__name__} in "
                f"the list"
            )
        try:
            numbers = [float(value) for value in (*one.box, one.score, one.angle)]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) != 6 or not all(abs(number) < _MAX_NUMBER for number in numbers):
            raise SettingsError(
                f"the detector {name} must return {wanted} with finite numbers, it returned "
                f"{one!r:.200}"
            )
    return listed


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, [0, 1]; 0 for boxes without area."""
    shared = _shared_area(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0


def overlap_of_smaller(a: Box, b: Box) -> float:
    """Fraction of the smaller of two boxes that lies in the other, [0, 1]; 0 for boxes without
    area."""
    shared = _shared_area(a, b)
    return shared / min(a[2] * a[3], b[2] * b[3]) if shared else 0.0


def _shared_area(a: Box, b: Box) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return across * down if across > 0 and down > 0 else 0.0


def overlaps(
    boxes: NDArray[np.float64], box: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`iou` and `overlap_of_smaller` of many boxes (N, 4) with one box (4,).

    Args:
        boxes, box: (x, y, width, height) in pixels, of positive area.
    """
    low, size = boxes[:, :2], boxes[:, 2:]
    sides = np.minimum(low + size, box[:2] + box[2:]) - np.maximum(low, box[:2])
    shared = np.maximum(sides, 0).prod(axis=1)
    area, other = size.prod(axis=1), box[2] * box[3]
    return shared / (area + other - shared), shared / np.minimum(area, other)


def merge_detections(detections: Sequence[Detection]) -> list[Detection]:
    """Detections of the same face merged into one, most confident face first.

    Detections are of the same face if their boxes overlap and their angles agree. The merged
    box is the mean weighted by the scores, which is more exact than the most confident box
    alone. The merged score is the highest one.
    """
    groups: list[list[Detection]] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        for group in groups:
            angle = abs(wrap_degrees(detection.angle - group[0].angle))
            if angle <= MERGE_ANGLE and iou(detection.box, group[0].box) > MERGE_IOU:
                group.append(detection)
                break
        else:
            groups.append([detection])
    return [_mean(group) for group in groups]


def _mean(group: Sequence[Detection]) -> Detection:
    first = group[0]
    if len(group) == 1:
        return first
    weights = np.array([d.score for d in group]) + 1e-6
    x, y, width, height = np.average([d.box for d in group], axis=0, weights=weights)
    turns = [wrap_degrees(d.angle - first.angle) for d in group]
    angle = wrap_degrees(first.angle + float(np.average(turns, weights=weights)))
    return Detection((float(x), float(y), float(width), float(height)), first.score, angle)


def map_detection(detection: Detection, matrix: affine.Matrix) -> Detection:
    """Map a detection in a transformed image back to the original image.

    Args:
        detection: in pixels of the transformed image.
        matrix: similarity (2, 3) from pixels of the original to pixels of the transformed image.
    """
    back = affine.invert(matrix)
    scale = float(np.hypot(*back[:, 0]))
    x, y, width, height = detection.box
    center = affine.apply(back, np.array([x + width / 2, y + height / 2]))
    turn = affine.rotation_of(back)
    width, height = width * scale, height * scale
    left, top = float(center[0]) - width / 2, float(center[1]) - height / 2
    angle = wrap_degrees(detection.angle + turn)
    return Detection((left, top, width, height), detection.score, angle)
