"""What a model gets to see: crops that frame a face as those that it was trained on did.

A first look goes by the box that a finder gave, a second by the points that the first one
said: the least-squares similarity that brings them onto the layout of the training crops
(`geometry.similarity`), each counted by how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["FaceCrop", "LandmarkNetwork", "crop", "initial_crop", "predict_refined"]

_DOUBT = 0.2  # part of the least score that a first look must reach to be worth a second
_TURN, _SIZE, _SHIFT = 10.0, 0.14, 0.055
"""What a first crop may be off by to need no second look: degrees, natural logarithm of its size,
part of its side. Within, a second look is no better for people to validate on."""
_ZOOM = 4.0  # factor by which a second look may differ in size; beyond, the first saw no face


class LandmarkNetwork(Protocol):
    """What of a `PointsModel` a predictor needs."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def canonical_points(self) -> NDArray[np.float32]: ...
    @property
    def face_box(self) -> tuple[float, float, float, float]: ...
    @property
    def refinement_passes(self) -> int: ...
    @property
    def has_face_score(self) -> bool: ...
    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput: ...


@dataclass(frozen=True)
class FaceCrop:
    """A place in one of several pictures.

    Attributes:
        picture: number of the picture.
        found: what the finder said.
        matrix: affine (2, 3) from the picture's pixels to those of the crop to look at.
    """

    image: int
    detection: Detection
    matrix: affine.Matrix


def initial_crop(model: LandmarkNetwork, picture: int, found: Detection) -> FaceCrop:
    """The found box where the model's training crops had it, turned upright."""
    x, y, width, height = found.box
    left, top, across, down = model.face_box
    center_x, center_y = x + width / 2, y + height / 2
    scale = max(across, down) / max(width, height, 1e-6)
    turn = math.radians(-found.angle)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    shift_x = left + across / 2 - cos * center_x + sin * center_y
    shift_y = top + down / 2 - sin * center_x - cos * center_y
    return FaceCrop(picture, found, np.array([[cos, -sin, shift_x], [sin, cos, shift_y]]))


def predict_refined(
    model: LandmarkNetwork,
    pictures: Sequence[NDArray[np.uint8]],
    crops: Sequence[FaceCrop],
    least: float,
    always: bool = False,
) -> tuple[list[FaceCrop], LandmarkOutput]:
    """A model's answers at places, after as many looks as each needs and the model wants.

    Args:
        pictures: (H, W) gray or (H, W, 3) RGB.
        least: score that is wanted; places that are far below after the first look get no
            second one and are left out.
        always: look again also where the first crop was nearly right.

    Returns:
        The places that are left, and their answers in pixels of their pictures.
    """
    answer = run_crops(model, pictures, crops)
    keep = [int(k) for k in np.flatnonzero(answer.score >= least * _DOUBT)]
    left, answer = [crops[k] for k in keep], LandmarkOutput(*(part[keep] for part in answer))
    open_ = list(range(len(left)))
    for _ in range(model.refinement_passes):
        again = {
            k: recrop_from_landmarks(model, left[k], answer.points[k], answer.radius[k])
            for k in open_
        }
        side = model.size[1]
        open_ = [k for k in open_ if always or not _near(left[k].matrix, again[k].matrix, side)]
        if not open_:
            break
        for k in open_:
            left[k] = again[k]
        closer = run_crops(model, pictures, [left[k] for k in open_])
        for whole, part in zip(answer, closer, strict=True):
            whole[open_] = part
    return left, answer


def run_crops(
    model: LandmarkNetwork, pictures: Sequence[NDArray[np.uint8]], places: Sequence[FaceCrop]
) -> LandmarkOutput:
    crops = np.empty((len(places), *model.size), dtype=np.uint8)
    for row, place in zip(crops, places, strict=True):
        row[:] = crop(pictures[place.image], place.matrix, model.size)
    answer = model(crops)
    points, radius = answer.points.copy(), answer.radius.copy()
    for row, place in enumerate(places):
        points[row] = affine.apply(affine.invert(place.matrix), points[row])
        radius[row] /= math.hypot(*place.matrix[:, 0])
    return LandmarkOutput(points, radius, answer.score)


def _near(first: affine.Matrix, second: affine.Matrix, side: int) -> bool:
    """Whether two crops of `side` pixels show nearly the same: both are similarities."""
    (a, _, x), (b, _, y) = first.tolist()
    (c, _, u), (d, _, v) = second.tolist()
    size = a * a + b * b
    # the second over the first, as complex numbers
    cos, sin = (c * a + d * b) / size, (d * a - c * b) / size
    middle = (side - 1) / 2
    right = cos * (middle - x) - sin * (middle - y) + u - middle
    down = sin * (middle - x) + cos * (middle - y) + v - middle
    return (
        abs(math.degrees(math.atan2(sin, cos))) <= _TURN
        and abs(math.log(math.hypot(sin, cos))) <= _SIZE
        and max(abs(right), abs(down)) <= _SHIFT * side
    )


def recrop_from_landmarks(
    model: LandmarkNetwork,
    place: FaceCrop,
    points: NDArray[np.float32],
    radius: NDArray[np.float32],
) -> FaceCrop:
    """The crop in which points lie as those of the training crops do, the surer ones above
    all."""
    weights = 1 / np.maximum(radius.astype(np.float64), 1e-3) ** 2
    try:
        matrix = affine.fit_similarity(points, model.canonical_points, weights)
    except DataError:  # all points in one place
        return place
    first = np.hypot(*place.matrix[:, 0])
    if not 1 / _ZOOM < np.hypot(*matrix[:, 0]) / first < _ZOOM:
        return place
    return FaceCrop(place.image, place.detection, matrix)


def crop(
    picture: NDArray[np.uint8], matrix: affine.Matrix, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """A gray `geometry.warp` of just the part of a picture, (H, W) or (H, W, 3) RGB, that the
    crop shows, which is quicker for a small face in a large picture."""
    height, width = size
    rows, columns, moved = affine.needed_region(picture.shape, matrix, width, height)
    return affine.warp(to_gray(picture[rows, columns]), moved, width, height)
