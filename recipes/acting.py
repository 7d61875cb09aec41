"""Edits photos of faces: closes the eyes, opens the mouth and turns the head by known amounts.

Only the inside of the mouth is painted; lids, jaw and head are the photo's own pixels, moved. An
eyelid slides over the eye and stretches the skin above it; the jaw moves chin and lower lip; the
head turns like the mean head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.pose import head_points, head_pose

__all__ = ["acted", "acted_points", "closed_eye", "closure", "gaping", "turned"]

Array = NDArray[np.floating]
Image = NDArray[np.uint8]

SIDES = ("left", "right")
STAYING = tuple(name for name in IBUG_68.names if "upper_lip" in name or "corner" in name)
"""Points that stay when the mouth opens, even if a label puts them below the lips."""
ROUNDS = 30
"""Iterations to compute how far a point moves down; each leaves two thirds of the error."""
GRID = 8
"""Pixels between the points at which the motion of a turned head is computed."""
NECK = (0.0, 0.3, -0.4)
"""Center of the mean head's rotation, in its units."""


def closure(time: float, blinks: tuple[float, ...]) -> float:
    """Closure of the eyes, 0 to 1, with blinks of a third of a second at these times (seconds)."""
    course = ([0, 0.1, 0.17, 0.32], [0, 1, 1, 0])
    return max((float(np.interp(time - begun, *course)) for begun in blinks), default=0.0)


def gaping(time: float, yawns: tuple[float, ...]) -> float:
    """Opening of the mouth, 0 to 1, with yawns of 3.5 seconds at the given times (seconds)."""
    course = ([0, 1, 2.5, 3.5], [0, 1, 1, 0])
    return max((float(np.interp(time - begun, *course)) for begun in yawns), default=0.0)


def acted(photo: Image, points: Array, closed: float = 0.0, gape: float = 0.0) -> Image:
    """The photo (H, W, 3) with the eyes closed and the mouth opened.

    Args:
        photo: (H, W, 3) uint8.
        points: (68, 2), those of `IBUG_68`, in pixels.
        closed: closure of the eyes: 0 unchanged, 1 closed.
        gape: additional opening of the mouth, as a fraction of its width.
    """
    place = dict(zip(IBUG_68.names, np.asarray(points, dtype=np.float64), strict=True))
    for side in SIDES if closed else ():
        photo = _lid(photo, _Eye.of(place, side), closed)
    return _jaw(photo, _Mouth.of(place, gape)) if gape else photo


def closed_eye(photo: Image, points: Array, side: str, closed: float) -> Image:
    """The photo with one eye closed, as in `acted`.

    Args:
        photo: (H, W) or (H, W, 3) uint8.
        points: (68, 2), those of `IBUG_68`, in pixels.
        side: "left" or "right" of the subject.
        closed: 0 unchanged, 1 closed.
    """
    place = dict(zip(IBUG_68.names, np.asarray(points, dtype=np.float64), strict=True))
    return _lid(photo, _Eye.of(place, side), closed)


def _falls(name: str, below: float) -> bool:
    """True for a point that moves with the jaw.

    The lower lip always does: half of the labels of closed mouths have it above the line where the
    lips meet.

    Args:
        name: of the point.
        below: distance of the point below that line, pixels.
    """
    return "lower_lip" in name or (name not in STAYING and below > 0)


def acted_points(points: Array, closed: float = 0.0, gape: float = 0.0) -> Array:
    """Positions of the points (68, 2) of a photo after `acted`."""
    moved = np.asarray(points, dtype=np.float64).copy()
    place = dict(zip(IBUG_68.names, moved.copy(), strict=True))
    for side in SIDES if closed else ():
        eye = _Eye.of(place, side)
        rows = [IBUG_68.names.index(f"{side}_eye_upper_{part}") for part in ("inner", "outer")]
        along, _ = eye.line.of(moved[rows])
        by = closed * (eye.lower - eye.upper) * eye.arch(along)
        moved[rows] += by[:, None] * eye.line.down
    if gape:
        mouth = _Mouth.of(place, gape)
        along, below = mouth.below(moved)
        now = below
        for _ in range(ROUNDS):  # the fading depends on the new position
            now = below + mouth.drop(along) * mouth.fading(along, now)
        falls = np.array(
            [_falls(name, depth) for name, depth in zip(IBUG_68.names, below, strict=True)]
        )
        moved += np.where(falls, now - below, 0)[:, None] * mouth.line.down
    return moved


@dataclass(frozen=True)
class _Line:
    """A line between two points, and the direction down from it."""

    middle: Array
    along: Array
    down: Array
    length: float

    @classmethod
    def between(cls, a: Array, b: Array) -> _Line:
        length = float(np.hypot(*(b - a)))
        along = (b - a) / length
        down = np.array([-along[1], along[0]])
        return cls((a + b) / 2, along, down * np.sign(down[1]), length)

    def of(self, places: Array) -> tuple[Array, Array]:
        """Coordinates of points (..., 2): along the line, -1 to 1 between its two ends, and pixels
        below it."""
        off = places - self.middle
        return off @ self.along / (self.length / 2), off @ self.down


@dataclass(frozen=True)
class _Eye:
    """An eye: the line between its corners, and the pixels of the lids below it."""

    line: _Line
    upper: float
    lower: float

    @classmethod
    def of(cls, place: dict[str, Array], side: str) -> _Eye:
        line = _Line.between(place[f"{side}_eye_outer_corner"], place[f"{side}_eye_inner_corner"])
        lids = (
            [line.of(place[f"{side}_eye_{lid}_{part}"])[1] for part in ("inner", "outer")]
            for lid in ("upper", "lower")
        )
        return cls(line, *(float(np.mean(lid)) for lid in lids))

    def arch(self, along: Array) -> Array:
        """Height of a lid along the eye, as a fraction of its maximum."""
        return 1.15 * np.clip(1 - np.abs(along / 1.05) ** 3, 0, 1)


@dataclass(frozen=True)
class _Mouth:
    """A mouth that opens `gape` times its width: the line between its inner corners, and the pixels
    below it where the lips meet in the center."""

    line: _Line
    lips: float
    gape: float

    @classmethod
    def of(cls, place: dict[str, Array], gape: float) -> _Mouth:
        line = _Line.between(place["inner_mouth_right_corner"], place["inner_mouth_left_corner"])
        lips = (place["inner_upper_lip_center"] + place["inner_lower_lip_center"]) / 2
        return cls(line, float(line.of(lips)[1]), gape)

    def below(self, places: Array) -> tuple[Array, Array]:
        """As `_Line.of`, but pixels below the line where the lips meet."""
        along, below = self.line.of(places)
        return along, below - self.lips * np.clip(1 - along**2, 0, 1)

    def gap(self, along: Array) -> Array:
        """Pixels between the lips."""
        return self.gape * self.line.length * np.sqrt(np.clip(1 - along**2, 0, 1))

    def drop(self, along: Array) -> Array:
        """Pixels that the face below the mouth moves down, before fading."""
        wide = self.gape * self.line.length * np.exp(-0.7 * (along / 1.3) ** 4)
        return np.maximum(wide, self.gap(along))

    def fading(self, along: Array, below: Array) -> Array:
        """Fraction of `drop` at a distance below the mouth; the neck does not move."""
        far = 1.7 * self.line.length
        return np.clip(1.5 * (far + self.drop(along) - below) / far, 0, 1)


def _pixels(photo: Image) -> Array:
    ys, xs = np.mgrid[: photo.shape[0], : photo.shape[1]]
    return np.stack([xs, ys], axis=-1)


def _moved(photo: Image, by: Array, down: Array) -> Image:
    """The photo, with each pixel taken from `by` pixels further down."""
    x, y = np.moveaxis(_pixels(photo) + by[..., None] * down, -1, 0).astype(np.float32)
    moved = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _lid(photo: Image, eye: _Eye, closed: float) -> Image:
    along, below = eye.line.of(_pixels(photo))
    upper = eye.upper * eye.arch(along)
    crease = upper - 0.42 * eye.line.length
    edge = upper + closed * (eye.lower - eye.upper) * eye.arch(along)
    covered = (np.abs(along) < 1.05) & (below < edge) & (below > crease)
    stretched = crease + (below - crease) * (upper - crease) / (edge - crease)
    return _moved(photo, np.where(covered, stretched - below, 0), eye.line.down)


def _jaw(photo: Image, mouth: _Mouth) -> Image:
    along, below = mouth.below(_pixels(photo))
    gap, drop = mouth.gap(along), mouth.drop(along)
    by = np.where(below > drop, -drop * mouth.fading(along, below), np.where(below > 0, -below, 0))
    hole = ((below > 0) & (below < gap)).astype(np.float32)
    soft = cv2.GaussianBlur(hole, (0, 0), 1.0)[..., None]
    shown = _moved(photo, by, mouth.line.down) * (1 - soft) + np.array([45, 15, 18]) * soft
    return shown.astype(np.uint8)


def turned(photo: Image, points: Array, yaw: float, pitch: float) -> Image:
    """The photo with the head turned by degrees to the subject's left and up, up to about 30."""
    height, width = photo.shape[:2]
    points = np.asarray(points, dtype=np.float64)
    face = Face((0, 0, 1, 1), 1.0, points.astype(np.float32), np.ones(68, np.float32), IBUG_68)
    pose = head_pose(face)
    depth = (head_points(IBUG_68)[0] @ pose.turn.T)[:, 2:]
    head = np.concatenate([(points - pose.shift) / pose.scale, depth], axis=1) - NECK
    y, p = np.deg2rad([yaw, pitch])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    to = (head @ (left @ up).T + NECK)[:, :2] * pose.scale + pose.shift
    rim = np.array([[x, y] for x in (0, width / 2, width) for y in (0, height / 2, height)])
    rim = rim[[0, 1, 2, 3, 5, 6, 7, 8]]  # the center of the image moves
    known = np.concatenate([to, rim]), np.concatenate([points - to, 0 * rim])
    ys, xs = np.mgrid[0 : height + GRID : GRID, 0 : width + GRID : GRID].astype(float)
    coarse = RBFInterpolator(*known, smoothing=1)(np.stack([xs.ravel(), ys.ravel()], axis=1))
    coarse = coarse.reshape(*xs.shape, 2).astype(np.float32)
    at = np.mgrid[:height, :width].astype(np.float32)
    by = cv2.remap(coarse, at[1] / GRID, at[0] / GRID, cv2.INTER_LINEAR)
    x, y = at[1] + by[..., 0], at[0] + by[..., 1]
    shown = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, dtype=np.uint8)
