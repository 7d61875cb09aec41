"""The search of an image for faces of all sizes, in passes with more and more pixels.

A network sees faces of some 10 to 250 pixels. So an image is searched several times:

1. A first pass sees the image with few pixels.
2. If it has no sure face, a second pass has more pixels. That is all for an image without a face.
3. Where a pass has a sure face that is small, as in photos of many people, a pass with twice the
   pixels follows, and so on.
4. Small faces that are not sure are looked at again in windows with more pixels. If one of them
   becomes sure, rule 3 holds for it.
5. Rule 3 goes on beyond the pixels of a small image: it is enlarged to twice its sides at most.

Every pass adds to the faces of the passes before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.detection.base import Detection, DetectorOutput, iou, overlap_of_smaller

__all__ = [
    "HINT_SCORE",
    "SAME_IOU",
    "SAME_OVERLAP",
    "SEARCH",
    "SURE_SCORE",
    "WINDOW",
    "Network",
    "SearchConfig",
    "Window",
    "is_same_face",
    "search",
]

SURE_SCORE = 0.5
"""Minimum score of a sure face."""
HINT_SCORE = 0.12
"""Minimum score of a place that is looked at again."""
WINDOW = 128
"""Side of the windows in pixels of the network's input."""


@dataclass(frozen=True)
class SearchConfig:
    """When the search goes on with more pixels, and how far.

    Attributes:
        small_face: pixels in a pass; a smaller sure face calls for a pass with more pixels.
            Larger: smaller faces are found beside it, slower.
        late_small_face: the same from a pass of `late_side` pixels on.
        late_side: longer side of a pass in pixels.
        largest_side: longer side in pixels of the last pass that follows by itself.
        coarse_side: longer side in pixels; a first pass with more pixels misses large faces, so
            passes with fewer pixels come before it.
        second_factor: least factor from the first pass's side to the second's.
        second_side: most pixels of the second pass's longer side.
        second_part: fraction of the image's longer side that the second pass has, if the two
            limits above allow it.
        more_pixels: factor of pixels that an image must have more for a further pass.
        window_face: pixels that a face measures in a window, if the image has that many.
        most_zoom: most pixels of a window for a pixel of the pass before.
        most_enlarged: most pixels of a pass for a pixel of the image, on either side.
        enlarged_side: longer side in pixels of the largest pass of an image that is enlarged.
        enlarged_face: `small_face` for a pass over the enlarged image.
        fewest_windows: number of hints that are looked at again in any case.
        window_part: pixels of all windows over those of the last pass, if there are more hints.
    """

    small_face: float = 30.0
    late_small_face: float = 14.0
    late_side: float = 2560.0
    largest_side: float = 5120.0
    coarse_side: int = 512
    second_factor: float = 1.75
    second_side: float = 1600.0
    second_part: float = 0.45
    more_pixels: float = 1.2
    window_face: float = 36.0
    most_zoom: float = 3.0
    most_enlarged: float = 2.0
    enlarged_side: float = 1280.0
    enlarged_face: float = 20.0
    fewest_windows: int = 8
    window_part: float = 0.6


SEARCH = SearchConfig()
"""The settings of `search`."""

SAME_IOU, SAME_OVERLAP = 0.35, 0.7
"""Boxes are of the same face if they overlap more, or if one contains more than this fraction of
the other."""


class Window(NamedTuple):
    """A square part of an image: its center in image pixels, and network pixels per image pixel.
    Its side is `WINDOW` pixels of the network."""

    x: float
    y: float
    zoom: float


class Network(NamedTuple):
    """Functions that run the detector's network.

    Attributes:
        whole: a gray image (H, W), the longer side in pixels that it is resized to, and the minimum
            score, to detections in image pixels.
        windows: a gray image, windows of it and the minimum score, to the detections in the middle
            of each window, in image pixels.
    """

    whole: Callable[[NDArray[np.uint8], int, float], DetectorOutput]
    windows: Callable[[NDArray[np.uint8], list[Window], float], list[DetectorOutput]]


def search(
    network: Network, gray: NDArray[np.uint8], side: int, min_score: float
) -> DetectorOutput:
    """Search an image for faces as the module describes, most confident face first.

    Args:
        gray: (H, W).
        side: longer side of the first pass in pixels.
        min_score: minimum score of a face, (0, 1].
    """
    longest = max(gray.shape)
    least = min(min_score, HINT_SCORE)
    faces = _first(network, gray, side, least)
    before = float(min(side, longest))
    if longest > SEARCH.more_pixels * before and not any(d.score >= SURE_SCORE for d, _ in faces):
        second = max(
            SEARCH.second_factor * before, min(SEARCH.second_part * longest, SEARCH.second_side)
        )
        second = min(float(longest), second)
        small = SEARCH.small_face * longest / second
        faces = _joined(faces, network.whole(gray, round(second), least), small)
        before = second
    last = max(longest, min(SEARCH.most_enlarged * longest, SEARCH.enlarged_side))
    while last > SEARCH.more_pixels * before and before < SEARCH.largest_side:
        enlarged = longest <= SEARCH.more_pixels * before
        limit = SEARCH.small_face if before < SEARCH.late_side else SEARCH.late_small_face
        small = (SEARCH.enlarged_face if enlarged else limit) * longest / before
        if not any(d.score >= SURE_SCORE and max(d.box[2:]) < small for d, _ in faces):
            if enlarged:
                break
            faces = _closer(network, gray, faces, small, longest / before, least)
            if not any(d.score >= SURE_SCORE and max(d.box[2:]) < small for d, _ in faces):
                break
        before = min(2 * before, float(longest if before < longest else last))
        faces = _joined(faces, network.whole(gray, round(before), least), small)
    return [face for face in faces if face[0].score >= min_score]


def _first(
    network: Network, gray: NDArray[np.uint8], side: int, min_score: float
) -> DetectorOutput:
    """The first pass; with so many pixels that large faces are too large for the network, passes
    with fewer pixels before it."""
    sides = [side]
    while sides[0] > SEARCH.coarse_side and max(gray.shape) > SEARCH.coarse_side:
        sides.insert(0, sides[0] // 4)
    faces: DetectorOutput = []
    for each in sides:
        small = SEARCH.small_face * max(gray.shape) / each * 4
        within = min(each, max(gray.shape))
        faces = _joined(faces, network.whole(gray, within, min_score), small)
    return faces


def _closer(
    network: Network,
    gray: NDArray[np.uint8],
    faces: DetectorOutput,
    small: float,
    shrunk: float,
    min_score: float,
) -> DetectorOutput:
    """Look again at small faces that are not sure. The new log odds are the mean of both looks;
    those that are not seen again are dropped.

    Args:
        small: size in image pixels of a face that is looked at again.
        shrunk: image pixels per pixel of the last pass.
    """
    hints = [f for f in faces if f[0].score < SURE_SCORE and max(f[0].box[2:]) < small]
    pixels = gray.size / shrunk**2
    hints = hints[: max(SEARCH.fewest_windows, int(SEARCH.window_part * pixels / WINDOW**2))]
    if not hints:
        return faces
    windows = [_window(detection, shrunk) for detection, _ in hints]
    kept = [f for f in faces if not any(f is hint for hint in hints)]
    again: DetectorOutput = []
    for (hint, _), seen in zip(hints, network.windows(gray, windows, min_score), strict=True):
        for detection, points in seen[:1]:
            score = _mean_odds(hint.score, detection.score)
            again.append((replace(detection, score=score), points))
    return _joined(kept, sorted(again, key=lambda face: -face[0].score), small)


def _mean_odds(one: float, other: float) -> float:
    """The score whose log odds are the mean of those of two scores."""
    odds = [s / (1 - s) for s in (min(max(score, 1e-6), 1 - 1e-6) for score in (one, other))]
    both = math.sqrt(odds[0] * odds[1])
    return both / (1 + both)


def _window(detection: Detection, shrunk: float) -> Window:
    x, y, width, height = detection.box
    most = min(1.0, SEARCH.most_zoom / shrunk)
    zoom = min(most, max(SEARCH.window_face / max(width, height), 1 / shrunk))
    return Window(x + width / 2, y + height / 2, zoom)


def _joined(coarse: DetectorOutput, fine: DetectorOutput, small: float) -> DetectorOutput:
    """The faces of two passes. If both found a face, the detection of the finer pass is kept if
    the face is smaller than `small` pixels, or if it is sure only there; else that of the coarse
    pass."""

    def is_better(there: Detection, here: Detection) -> bool:
        if max(here.box[2:]) < small:
            return True
        return here.score < min(SURE_SCORE, there.score)

    kept = [
        face
        for face in coarse
        if not any(is_same_face(face[0], f[0]) and is_better(f[0], face[0]) for f in fine)
    ]
    for face in fine:  # the most confident first
        if not any(is_same_face(face[0], other[0]) for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face[0].score)


def is_same_face(a: Detection, b: Detection) -> bool:
    """True if two boxes show the same face: they overlap, or one lies within the other."""
    return overlap_of_smaller(a.box, b.box) > SAME_OVERLAP or iou(a.box, b.box) > SAME_IOU
