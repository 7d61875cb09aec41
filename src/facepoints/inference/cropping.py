"""Cuts face crops for prediction, framed like the training crops, and runs the model on them.

`datasets/crops.py` cuts training crops from labeled photos. `datasets/crop_geometry.py` measures
where faces lie in them; the model file holds the result.

The first crop of a face follows the detector's box; `refinement.py` makes better ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "FIRST_STEPS",
    "REFINED_STEPS",
    "CropSteps",
    "FaceCrop",
    "LandmarkNetwork",
    "crop",
    "initial_crop",
    "rounded_crop",
    "run_crops",
]


@dataclass(frozen=True)
class CropSteps:
    """Steps that a crop's scale, rotation and place are rounded to.

    Attributes:
        scale: of the logarithm of the scale to base 2.
        turn: radians.
        place: crop pixels, of the crop's center in the image.
    """

    scale: float
    turn: float
    place: float


FIRST_STEPS = CropSteps(scale=1 / 32, turn=1 / 32, place=1.0)
"""Steps of the first crop: 2 % of the size, 1.8 degrees and a pixel, below the errors of a
detection."""

REFINED_STEPS = CropSteps(scale=1 / 512, turn=1 / 1024, place=1 / 32)
"""Steps of a refined crop: they move no landmark of a crop by more than some hundredths of a
pixel."""


class LandmarkNetwork(Protocol):
    """The part of `LandmarkModel` that prediction needs."""

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
    """The crop of a detected face in one of several images.

    Attributes:
        image: index of the image.
        detection: the face detection that the crop was made for.
        matrix: affine (2, 3) from image pixels to crop pixels.
    """

    image: int
    detection: Detection
    matrix: affine.Matrix


def initial_crop(model: LandmarkNetwork, image: int, detection: Detection) -> FaceCrop:
    """The crop that puts the detected box where the model's training crops have it, upright.

    Args:
        image: index of the image that the detection belongs to.
    """
    x, y, width, height = detection.box
    left, top, across, down = model.face_box
    center_x, center_y = x + width / 2, y + height / 2
    scale = max(across, down) / max(width, height, 1e-6)
    turn = math.radians(-detection.angle)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    shift_x = left + across / 2 - cos * center_x + sin * center_y
    shift_y = top + down / 2 - sin * center_x - cos * center_y
    return FaceCrop(image, detection, np.array([[cos, -sin, shift_x], [sin, cos, shift_y]]))


def rounded_crop(crop: FaceCrop, size: tuple[int, int], steps: CropSteps) -> FaceCrop:
    """A crop with rounded scale, rotation and place.

    Processors and browsers compute networks with different last digits. Without rounding these
    digits would move the next crop a little, its pixels would differ by a gray level here and
    there, and the landmarks by some tenths of a pixel.

    Args:
        size: (height, width) of the crop in pixels.
    """
    (a, _, _), (b, _, _) = crop.matrix.tolist()
    if not np.isfinite(crop.matrix).all() or not (a or b):
        return crop
    x, y = (affine.invert(crop.matrix) @ ((size[1] - 1) / 2, (size[0] - 1) / 2, 1)).tolist()
    scale = 2.0 ** (round(math.log2(math.hypot(a, b)) / steps.scale) * steps.scale)
    turn = round(math.atan2(b, a) / steps.turn) * steps.turn
    step = steps.place / scale
    x, y = round(x / step) * step, round(y / step) * step
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    right, down = (size[1] - 1) / 2, (size[0] - 1) / 2
    matrix = [[cos, -sin, right - cos * x + sin * y], [sin, cos, down - sin * x - cos * y]]
    return FaceCrop(crop.image, crop.detection, np.array(matrix))


def run_crops(
    model: LandmarkNetwork,
    images: Sequence[NDArray[np.uint8]],
    matrices: Sequence[affine.Matrix],
    radius_type: DTypeLike = np.float32,
) -> tuple[LandmarkOutput, NDArray[np.uint8]]:
    """Cut crops out of images, run the model on all of them at once, and map its output back.

    Args:
        images: the image of each of the B crops, (H, W) gray or (H, W, 3) RGB.
        matrices: affine (2, 3) of each crop, from image pixels to crop pixels; similarities.
        radius_type: float type that radii are computed in. float64 is for filters that compute
            with them.

    Returns:
        The output with points and radii in pixels of the images, and the crops (B, H, W).
    """
    crops = np.empty((len(matrices), *model.size), dtype=np.uint8)
    for row, image, matrix in zip(crops, images, matrices, strict=True):
        row[:] = crop(image, matrix, model.size)
    output = model(crops)
    points, radius = output.points.copy(), output.radius.astype(radius_type)
    for row, matrix in enumerate(matrices):
        points[row] = affine.apply(affine.invert(matrix), points[row])
        radius[row] /= float(np.hypot(*matrix[:, 0]))
    return LandmarkOutput(points, radius, output.score, visible=output.visible), crops


def crop(
    image: NDArray[np.uint8], matrix: affine.Matrix, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Gray crop of `size` (height, width), cut out of an image (H, W) or (H, W, 3) RGB.

    It equals `affine.warp` of the whole image, but converts only the part that the crop shows:
    faster for a small face in a large image.
    """
    height, width = size
    rows, columns, moved = affine.needed_region(image.shape, matrix, width, height)
    return affine.warp(to_gray(image[rows, columns]), moved, width, height)
