"""Where a face may be, and what finds such places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_degrees
from facepoints.imaging import affine

__all__ = [
    "Box",
    "Detection",
    "FaceDetector",
    "RetryingDetector",
    "iou",
    "map_detection",
    "merge_detections",
]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """A place in a picture that may show a face.

    Attributes:
        box: (x, y, width, height) in picture pixels as the 68 points of the upright face
            span it: brows to chin, ear to ear.
        score: how sure the finder is, [0, 1]; 0.5 is where it would say "face" if it were
            alone to judge.
        angle: degrees by which the face is turned clockwise on the screen; `box` is that of
            the face turned back about the box's centre.
    """

    box: Box
    score: float = 1.0
    angle: float = 0.0


class FaceDetector(Protocol):
    """Finds places where faces may be. Too many are better than too few if a model judges
    them afterwards."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Places in a picture, (H, W) gray or (H, W, 3) RGB; an empty list if there are none."""
        ...


@runtime_checkable
class RetryingDetector(FaceDetector, Protocol):
    """A finder that can look harder where nothing that it found was a face."""

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """Places found in further tries, each costlier or less likely than the one before."""
        ...


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, [0, 1]."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


_SAME = 0.5  # overlap from which two boxes are of one face
_TURN = 30.0  # degrees up to which they may differ in angle


def merge_detections(found: Sequence[Detection]) -> list[Detection]:
    """Each face once, surest first: boxes that lie on each other become their mean.

    The mean counts every box by its score, which places it better than the best alone; its
    score is that of the surest.
    """
    groups: list[list[Detection]] = []
    for one in sorted(found, key=lambda f: -f.score):
        for group in groups:
            turn = abs(wrap_degrees(one.angle - group[0].angle))
            if turn <= _TURN and iou(one.box, group[0].box) > _SAME:
                group.append(one)
                break
        else:
            groups.append([one])
    return [_mean(group) for group in groups]


def _mean(group: Sequence[Detection]) -> Detection:
    first = group[0]
    if len(group) == 1:
        return first
    weights = np.array([f.score for f in group]) + 1e-6
    x, y, width, height = np.average([f.box for f in group], axis=0, weights=weights)
    turns = [wrap_degrees(f.angle - first.angle) for f in group]
    angle = wrap_degrees(first.angle + float(np.average(turns, weights=weights)))
    return Detection((float(x), float(y), float(width), float(height)), first.score, float(angle))


def map_detection(found: Detection, matrix: affine.Matrix) -> Detection:
    """A place in a picture that `matrix` made, in the picture that it was made from.

    Args:
        matrix: similarity (2, 3) from pixels of the first picture to those of the second.
    """
    back = affine.invert(matrix)
    scale = float(np.hypot(*back[:, 0]))
    x, y, width, height = found.box
    center = affine.apply(back, np.array([x + width / 2, y + height / 2]))
    turn = float(np.degrees(np.arctan2(back[1, 0], back[0, 0])))
    width, height = width * scale, height * scale
    left, top = float(center[0]) - width / 2, float(center[1]) - height / 2
    return Detection(
        (left, top, width, height), found.score, wrap_degrees(found.angle + turn)
    )
