"""Where the eyes look: the direction of both eyes from the irises, the corners and the head pose.

The iris is found in the image (`iris`). It turns with the eyeball, and its pupil lies about 10 mm
from the center of rotation. Seen from far away, it moves by 10 mm times the sine of the angle. The
center follows from the corners of the eye and the head pose (`OFFSET`, measured on people who look
at the camera, or at marks around it). Both eyes are averaged: each eye's axis of sight differs from
its pupil's axis by about 5 degrees, to the left in one eye and to the right in the other, and eyes
that look at a near thing turn inward.

This is coarse. Where the pupils are 60 pixels apart, one pixel is 5 degrees. Trackers with infrared
lights and a calibration for each person reach 1 degree.

Sources: the center of rotation lies 13.5 mm behind the cornea (Fry & Hill 1962, Am J Optom 39:
581-595), and the pupil that is seen 3.0 mm behind it (Atchison & Smith 2000, Optics of the Human
Eye).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.image_input import ImageInput, as_array
from facepoints.imaging.image_io import to_gray
from facepoints.inference.face import Face
from facepoints.inference.face_list import check_one_face
from facepoints.inference.radius_calibration import DISC_90
from facepoints.measurement.gaze_factors import OFFSET, RADIUS_FACTORS, SHIFT, TURN_FORM, TURN_RADII
from facepoints.measurement.head_position import MM_PER_UNIT
from facepoints.measurement.iris import find_iris
from facepoints.measurement.pose import INTERVAL_90, HeadPose, head_pose

__all__ = [
    "CAMERA_ANGLE",
    "EYE_RADIUS",
    "NO_IRIS",
    "TURN_FORMS",
    "EyeMove",
    "Gaze",
    "angles_of",
    "eye_move",
    "eye_turns",
    "gaze",
    "mean_turn",
    "spread_of",
    "turns_of",
]

Array = NDArray[np.floating]

EYE_RADIUS = 10.5
"""Millimeters from the center of rotation of an eye to its pupil."""
CAMERA_ANGLE = 12.0
"""Angle in degrees between gaze and camera up to which somebody looks at the camera. It holds 9 of
10 people who do."""

TURN_FORMS = ("none", "constant", "gaze", "head", "larger", "both", "own")
"""Names of what can add to the radius; see `turns_of`."""

NO_IRIS = "no iris seen"
"""Reason of an eye without a dark disc where an iris can be."""

_OPEN = 0.12  # opening of the lids below which the iris is covered, height over width
_CLOSED = 0.5  # probability of a closed eye from which it is not used
_HIDDEN = 0.5  # mean visibility of the points of an eye below which it is not used
_SMALLEST = 8.0  # pixels between the corners of an eye
_CONTRAST = 4.0  # gray values by which an iris is darker than what is around it, at least
_IRIS_RADIUS = 0.06  # 90 % error radius of an iris, over the length of the eye
_IRIS_PIXELS = 0.5  # the same in pixels, which adds to it
_FARTHEST = 1.2  # offset of an iris in eye radii; farther out, it cannot be
_STEEPEST = 0.9  # an eye turns by 64 degrees at most
_MOST_TURN = 60.0  # degrees; larger turns of the head count as this one
_WIDEST = 40.0  # degrees; with a larger radius the direction says nothing
_SIDES = {"right": -1.0, "left": 1.0}
"""Sign of x on the head of the subject's eyes."""


@dataclass(frozen=True)
class Gaze:
    """The direction in which both eyes look.

    Angles have the signs of `HeadPose`: yaw is positive toward the subject's left, the right of the
    image, and pitch is positive up. Both are 0 for eyes that look at the camera.

    Attributes:
        yaw, pitch: degrees, relative to the line from the camera to the face.
        radius: 90 % error radius of (yaw, pitch) in degrees.
        head_yaw, head_pitch: the same direction relative to the head, in degrees; 0 straight ahead.
            Their error is larger: that of the head pose adds to it.
        head_radius: 90 % error radius of (head_yaw, head_pitch) in degrees.
        vector: (3,) unit vector in camera axes: x right, y down, z away from the camera.
        camera_angle: degrees between the gaze and the direction to the camera.
        looks_at_camera: whether that is at most `CAMERA_ANGLE`; None if the radius is too large
            to tell.
        eyes: "both", or the subject's "right" or "left" eye if only it can be used.
        right_vector, left_vector: (3,) as `vector`, of one eye alone; None if it cannot be used.
    """

    yaw: float
    pitch: float
    radius: tuple[float, float]
    head_yaw: float
    head_pitch: float
    head_radius: tuple[float, float]
    vector: tuple[float, float, float]
    camera_angle: float
    looks_at_camera: bool | None
    eyes: str
    right_vector: tuple[float, float, float] | None = None
    left_vector: tuple[float, float, float] | None = None


class EyeMove(NamedTuple):
    """How far the iris of an eye lies from the middle of its corners.

    Attributes:
        millimeters: (2,) right and down in the image, on a head of mean size.
        radius: 90 % error radius in millimeters.
    """

    millimeters: NDArray[np.float64]
    radius: float


def gaze(image: ImageInput, face: Face) -> Gaze:
    """The gaze of a face.

    Examples:
        >>> image = facepoints.read_image("photo.jpg")  # doctest: +SKIP
        >>> facepoints.gaze(image, model(image)[0]).looks_at_camera  # doctest: +SKIP

    Args:
        image: (H, W) gray or (H, W, 3) RGB, uint8; a file, its bytes or a Pillow image.
        face: in pixels of the image.

    Raises:
        DataError: not an image or not one face; or it cannot be had. The message says why: no
            points of the eyes, no head pose, or no eye that is seen, open and large enough.
    """
    check_one_face(face, "gaze")
    pose, gray = head_pose(face), to_gray(as_array(image))
    seen = {side: eye_move(gray, face, pose, side) for side in _SIDES}
    turned = eye_turns(seen, pose, OFFSET, SHIFT)
    if not turned:
        reasons = {side: move if isinstance(move, str) else NO_IRIS for side, move in seen.items()}
        raise DataError("; ".join(f"{side} eye: {reason}" for side, reason in reasons.items()))
    mean, std = mean_turn(turned)
    found = _gaze_of(mean, std, pose, "both" if len(turned) == 2 else next(iter(turned)))
    alone = {side: _vector(move) for side, (move, _) in turned.items()}
    return replace(found, right_vector=alone.get("right"), left_vector=alone.get("left"))


def eye_turns(
    seen: Mapping[str, EyeMove | str], pose: HeadPose, offset: Sequence[float] | Array, shift: float
) -> dict[str, tuple[Array, float]]:
    """Distances of the irises from where they are if the eyes look at the camera, and the standard
    deviation: (2,) right and down, in eye radii. Eyes that cannot be used are left out.

    Args:
        seen: of both eyes, as `eye_move` returns it.
        pose: of the head.
        offset: `gaze_factors.OFFSET`.
        shift: `gaze_factors.SHIFT`.
    """
    turned = {}
    for side, move in seen.items():
        if isinstance(move, str):
            continue
        ahead = (pose.turn[:2] * (_SIDES[side], 1, 1)) @ np.asarray(offset) + (shift, 0)
        turn = (move.millimeters - ahead) / EYE_RADIUS
        if np.hypot(*turn) <= _FARTHEST:
            turned[side] = turn, move.radius / EYE_RADIUS / DISC_90
    return turned


def mean_turn(turned: Mapping[str, tuple[Array, float]]) -> tuple[Array, Array]:
    """The mean (2,) of `eye_turns`, and its standard deviation (2,)."""
    moves = np.array([move for move, _ in turned.values()])
    weights = np.array([std**-2 for _, std in turned.values()])
    std = np.sqrt(1 / weights.sum()) * np.ones(2)
    if len(moves) == 2:  # eyes that disagree
        std = np.hypot(std, np.abs(moves[1] - moves[0]) / 4)
    return weights @ moves / weights.sum(), std


def eye_move(gray: NDArray[np.uint8], face: Face, pose: HeadPose, side: str) -> EyeMove | str:
    """Measure how far an iris is from the middle of its eye, or say why that cannot be had.

    Args:
        gray: (H, W).
        face: in pixels of the image.
        pose: of the face.
        side: "right" or "left", the subject's.
    """
    names = [f"{side}_eye_{end}_corner" for end in ("outer", "inner")]
    lids = [
        f"{side}_eye_{part}"
        for part in ("outer_corner", "upper_outer", "upper_inner", "inner_corner", "lower_inner",
                     "lower_outer")
    ]  # fmt: skip
    if not set(lids) <= set(face.landmarks.names):
        return "no outline among the points"
    columns = face.landmarks.columns(tuple(lids))
    if face.visible is not None and face.visible[columns].mean() < _HIDDEN:
        return "hidden"
    closed = None if face.eye_closure is None else face.eye_closure.of(side)[0]
    outline = face.points[columns].astype(np.float64)
    corners = np.array([face[name] for name in names], dtype=np.float64)
    length = float(np.hypot(*(corners[1] - corners[0])))
    height = float(np.hypot(*(outline[[1, 2]] - outline[[5, 4]]).T).mean())
    if (closed is not None and closed >= _CLOSED) or height < _OPEN * length:
        return "closed"
    if length < _SMALLEST:
        return "too small"
    iris = find_iris(gray, corners, outline)
    if iris is None or iris.contrast < _CONTRAST:
        return NO_IRIS
    mm = MM_PER_UNIT / pose.scale
    radii = face.radius[face.landmarks.columns(tuple(names))].astype(np.float64)
    error = np.hypot(_IRIS_RADIUS * length, _IRIS_PIXELS)
    return EyeMove(
        (iris.center - corners.mean(axis=0)) * mm,
        float(np.sqrt(error**2 + (radii @ radii) / 4)) * mm,
    )


def _gaze_of(move: Array, std: Array, pose: HeadPose, eyes: str) -> Gaze:
    """The gaze of a mean offset (2,) in eye radii, with its standard deviation (2,)."""
    vector, (yaw, pitch) = angles_of(move)
    ahead = -vector[2]
    direction = np.array([*vector[:2], ahead])  # z to the camera
    turn = turns_of(np.array([yaw, pitch]), pose)[TURN_FORM]
    parts = spread_of(vector, std) * RADIUS_FACTORS, turn * TURN_RADII
    radius = np.minimum(np.hypot(*parts), 180.0)
    angle = math.degrees(math.acos(min(ahead, 1.0)))
    head_yaw, head_pitch = _angles(_rotation(pose).T @ direction)
    head_radius = np.minimum(np.hypot(radius, pose.radius[:2]), 180.0)
    known = bool(radius.max() <= _WIDEST)
    return Gaze(
        float(yaw),
        float(pitch),
        (float(radius[0]), float(radius[1])),
        head_yaw,
        head_pitch,
        (float(head_radius[0]), float(head_radius[1])),
        vector,
        angle,
        angle <= CAMERA_ANGLE if known else None,
        eyes,
    )


def angles_of(move: Array) -> tuple[tuple[float, float, float], Array]:
    """Unit vector in camera axes, and yaw and pitch (2,) in degrees, of a turn (2,) of the eyes in
    eye radii."""
    x, y, z = vector = _vector(move)
    return vector, np.array(_angles(np.array([x, y, -z])))


def spread_of(vector: tuple[float, float, float], std: Array) -> Array:
    """The part of the radius (2,) of yaw and pitch that the errors of irises and corners make, in
    degrees, before its factor."""
    pitch = math.asin(-vector[1])
    slope = np.array([1 / max(-vector[2], 0.3), 1 / max(math.cos(pitch), 0.3)])
    return np.rad2deg(INTERVAL_90 * std) * slope


def turns_of(angles: Array, pose: HeadPose) -> dict[str, Array]:
    """Return what can add to the radius (2,) of yaw and pitch, before its factor, by the names of
    `TURN_FORMS`: nothing ("none"), the same for every gaze ("constant"), the angle in degrees from
    the camera to the gaze, or to the head, the larger of these, both (the root of the sum of their
    squares), or for each of yaw and pitch the larger of its own two angles ("own").

    Args:
        angles: (2,) yaw and pitch of the gaze in degrees.
        pose: of the head.
    """
    yaw, pitch = np.deg2rad(angles)
    gaze_turn = math.degrees(math.acos(np.clip(math.cos(yaw) * math.cos(pitch), -1, 1)))
    heads = np.minimum(np.abs([pose.yaw, pose.pitch]), _MOST_TURN)
    head_turn = min(math.hypot(pose.yaw, pose.pitch), _MOST_TURN)
    both = np.ones(2)
    return {
        "none": 0 * both,
        "constant": both,
        "gaze": gaze_turn * both,
        "head": head_turn * both,
        "larger": max(gaze_turn, head_turn) * both,
        "both": math.hypot(gaze_turn, head_turn) * both,
        "own": np.maximum(np.abs(angles), heads),
    }


def _vector(move: Array) -> tuple[float, float, float]:
    """Unit vector in camera axes of an offset (2,) in eye radii."""
    x, y = move * min(1.0, _STEEPEST / max(float(np.hypot(*move)), 1e-9))
    return float(x), float(y), -math.sqrt(1 - float(x * x + y * y))


def _angles(direction: Array) -> tuple[float, float]:
    """Yaw and pitch in degrees of a direction (3,): x right, y down, z to the camera."""
    x, y, z = (float(part) for part in direction)
    return math.degrees(math.atan2(x, z)), math.degrees(math.asin(min(max(-y, -1.0), 1.0)))


def _rotation(pose: HeadPose) -> NDArray[np.float64]:
    """The rotation (3, 3) of the angles of a head."""
    x, y, z = np.deg2rad([pose.pitch, pose.yaw, pose.roll])
    turns = [
        np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]),
        np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]),
        np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]),
    ]
    return turns[2] @ turns[1] @ turns[0]
