"""Millimeters per pixel of a face, from the width of its irises.

The visible iris is almost equally wide in all adults: 11.71 mm, with a standard deviation of
0.42 mm between people (Rüfer, Schröder & Erb 2005, doi:10.1097/01.ico.0000148312.01805.53). It is
smaller in babies, by a fifth at birth. So an iris is a ruler that every open eye carries.

The iris is found (`iris`), and then its left and right edge: the circle across whose left and right
arcs the brightness rises most (the integro-differential operator of Daugman 1993,
doi:10.1109/34.244676, without the parts that lids hide). The brightness rises most a little inside
the edge that eye doctors measure: `iris_factors.WIDTH` corrects for that. The radius of the scale
covers the spread between people and the error of the edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_input import ImageInput, as_array
from facepoints.imaging.image_io import to_gray
from facepoints.inference.face import Face
from facepoints.inference.face_list import check_one_face
from facepoints.inference.mirrored import mirror_face, mirror_image
from facepoints.measurement.gaze import EyeMove, eye_move
from facepoints.measurement.head_position import MM_PER_UNIT
from facepoints.measurement.iris_factors import EDGE_STD, WIDTH
from facepoints.measurement.pose import INTERVAL_90, HeadPose, head_pose

__all__ = ["IRIS_MM", "IRIS_STD", "IrisScale", "iris_scale", "iris_width"]

Array = NDArray[np.floating]

IRIS_MM = 11.71
"""Mean width of the visible iris in millimeters."""
IRIS_STD = 0.42
"""Its standard deviation between people."""

_LENGTH = 96.0  # pixels between the corners of the eye in the crop
_SIZE = 160, 112  # width and height of the crop
_RADII = np.arange(0.165, 0.31, 0.004) * _LENGTH  # of the iris
_ACROSS = np.arange(-5, 6) * 0.015 * _LENGTH  # shifts of the center
_DOWN = np.arange(-4, 5) * 0.015 * _LENGTH
_ANGLES = np.deg2rad([*range(-30, 31, 5)])  # below the horizontal, of the arcs
_SIDES = ("right", "left")
_SMOOTH = 2.0  # pixels of the crop
_MOST_TURN = 30.0  # degrees of yaw, beyond which the iris is narrowed
_SMALLEST = 8.0  # pixels across an iris
_LEAST_STEP = 6.0  # gray values by which the brightness rises at the edge
_DISAGREE = 0.12  # of their mean, by which the widths of both eyes differ at most


@dataclass(frozen=True)
class IrisScale:
    """The scale of a face.

    Attributes:
        mm_per_pixel: millimeters per pixel, in the plane of the eyes.
        radius: its 90 % error radius.
        eyes: "both", or the subject's "right" or "left" eye if only it can be used.
    """

    mm_per_pixel: float
    radius: float
    eyes: str


def iris_scale(image: ImageInput, face: Face, *, symmetric: bool = False) -> IrisScale:
    """The scale of a face by its irises.

    Args:
        image: (H, W) gray or (H, W, 3) RGB, uint8; a file, its bytes or a Pillow image.
        face: in pixels of the image.
        symmetric: average the widths of the irises in the image and in its mirror image.

    Raises:
        DataError: not an image or not one face; or it cannot be had. The message says why: no
            pose, a head that is turned too far, or no eye that is seen, open and large enough.
    """
    check_one_face(face, "iris_scale")
    gray = to_gray(as_array(image))
    seen = _widths(gray, face)
    if symmetric:
        seen = _averaged(seen, _widths(mirror_image(gray), mirror_face(face, gray.shape[1])))
    widths = {side: width for side, width in seen.items() if not isinstance(width, str)}
    if not widths:
        raise DataError("; ".join(f"{side} eye: {reason}" for side, reason in seen.items()))
    values = np.array(list(widths.values()))
    mean = float(values.mean())
    if len(values) == 2 and np.ptp(values) > _DISAGREE * mean:
        raise DataError("the irises of both eyes are not equally wide")
    error = INTERVAL_90 * float(np.hypot(EDGE_STD, IRIS_STD / IRIS_MM))
    scale = IRIS_MM / (WIDTH * mean)
    return IrisScale(scale, scale * error, "both" if len(widths) == 2 else next(iter(widths)))


def _widths(gray: NDArray[np.uint8], face: Face) -> dict[str, float | str]:
    """The width of each iris in pixels, or why it cannot be had.

    Raises:
        DataError: the head is turned too far.
    """
    pose = head_pose(face)
    if max(abs(pose.yaw), abs(pose.pitch)) > _MOST_TURN:
        turn = max(abs(pose.yaw), abs(pose.pitch))
        raise DataError(f"head turned by {turn:.0f} degrees")
    widths: dict[str, float | str] = {}
    for side in _SIDES:
        moved = eye_move(gray, face, pose, side)
        widths[side] = moved if isinstance(moved, str) else _width_of(gray, face, pose, side, moved)
    return widths


def _averaged(
    here: dict[str, float | str], mirrored: dict[str, float | str]
) -> dict[str, float | str]:
    """The mean widths of the image and of its mirror image, where left and right are swapped."""
    mean: dict[str, float | str] = {}
    for side, other in (_SIDES, _SIDES[::-1]):
        a, b = here[side], mirrored[other]
        if isinstance(a, str):
            mean[side] = b
        else:
            mean[side] = a if isinstance(b, str) else (a + b) / 2
    return mean


def _width_of(
    gray: NDArray[np.uint8], face: Face, pose: HeadPose, side: str, moved: EyeMove
) -> float | str:
    ends = np.array([face[f"{side}_eye_{end}_corner"] for end in ("outer", "inner")], np.float64)
    center = ends.mean(axis=0) + moved.millimeters * pose.scale / MM_PER_UNIT
    width = iris_width(gray, ends, center)
    if width is None:
        return "no edge of the iris seen"
    return width if width >= _SMALLEST else "iris too small"


def iris_width(gray: NDArray[np.uint8], corners: Array, center: Array) -> float | None:
    """Width of an iris in pixels; None if it has no clear edge.

    Args:
        gray: (H, W).
        corners: (2, 2) of the eye.
        center: (2,) of the iris, as `find_iris` gives it.
    """
    corners = corners[np.argsort(corners[:, 0])]
    middle = (np.array(_SIZE) - 1) / 2
    ends = middle + np.array([[-_LENGTH / 2, 0], [_LENGTH / 2, 0]])
    matrix = affine.fit_similarity(corners, ends)
    crop = affine.warp(gray, matrix, *_SIZE).astype(np.float32)
    crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), _SMOOTH), np.float32)
    at = affine.apply(matrix, np.asarray(center)).astype(np.float64)
    places = [(at[0] + x, at[1] + y) for y in _DOWN for x in _ACROSS]
    rises = np.stack([_rises(crop, x, y) for x, y in places])  # (places, 2, radii)
    weaker = rises.min(axis=1)  # an edge is on both sides
    total = np.where(weaker > 0, rises.sum(axis=1), 0)
    place, radius = np.unravel_index(int(np.argmax(total)), total.shape)
    peak = total[place]
    if peak[radius] < 2 * _LEAST_STEP or not 0 < radius < len(_RADII) - 1:
        return None
    a, b, c = (float(peak[radius + step]) for step in (-1, 0, 1))
    part = (a - c) / (2 * (a - 2 * b + c)) if a - 2 * b + c < 0 else 0.0
    best = _RADII[radius] + np.clip(part, -1, 1) * (_RADII[1] - _RADII[0])
    return float(2 * best / np.hypot(*matrix[:, 0]))


def _rises(crop: NDArray[np.float32], x: float, y: float) -> NDArray[np.float64]:
    """Rise of brightness (2, radii) across the left and right arcs around a center."""
    step = 2.5
    sides = []
    for sign in (-1, 1):
        bright = []
        for radii in (_RADII + step, _RADII - step):
            across = (x + sign * radii[:, None] * np.cos(_ANGLES)).astype(np.float32)
            down = (y + radii[:, None] * np.sin(_ANGLES)).astype(np.float32)
            seen = cv2.remap(crop, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            bright.append(np.asarray(seen, np.float64))
        sides.append((bright[0] - bright[1]).mean(axis=1))
    return np.stack(sides)
