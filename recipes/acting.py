"""Photos of faces made to close their eyes, to gape and to turn, so that it is known when.

Nothing new is painted but the inside of the mouth: lids, jaw and head are the photo's own pixels,
moved. An eyelid slides over the eye and stretches the skin above it; a jaw takes chin and lower lip
along; a head turns as the mean head would under the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from facepoints.face import Face
from facepoints.landmark_sets import IBUG_68
from facepoints.measure.pose import head_points, pose_of

__all__ = ["acted", "closure", "gaping", "turned"]

Array = NDArray[np.floating]
Image = NDArray[np.uint8]

GRID = 8
"""Pixels between the places of which a turned head's movement is worked out."""
NECK = (0.0, 0.3, -0.4)
"""Where the mean head turns, in its units."""


def closure(time: float, blinks: tuple[float, ...]) -> float:
    """How far eyes are closed, 0 to 1, that blink at times in seconds: a third of a second each."""
    course = ([0, 0.1, 0.17, 0.32], [0, 1, 1, 0])
    return max((float(np.interp(time - begun, *course)) for begun in blinks), default=0.0)


def gaping(time: float, yawns: tuple[float, ...]) -> float:
    """How far a mouth is open, 0 to 1, that yawns at times in seconds: three and a half each."""
    course = ([0, 1, 2.5, 3.5], [0, 1, 1, 0])
    return max((float(np.interp(time - begun, *course)) for begun in yawns), default=0.0)


def acted(photo: Image, points: Array, closed: float = 0.0, gape: float = 0.0) -> Image:
    """The photo (H, W, 3) with the eyes closed and the mouth opened.

    Args:
        points: (68, 2), those of `IBUG_68`.
        closed: 0 as they are, 1 closed.
        gape: how much wider the mouth is open, as part of its width.
    """
    place = dict(zip(IBUG_68.names, np.asarray(points, dtype=np.float64), strict=True))
    for side in ("left", "right") if closed else ():
        photo = _lid(photo, place, side, closed)
    return _jaw(photo, place, gape) if gape else photo


def _axes(photo: Image, a: Array, b: Array) -> tuple[Array, Array, float, Array]:
    """Each pixel's place along a to b, -1 to 1 between them, and pixels below that line; the
    distance of a and b, and the direction down (2,)."""
    ys, xs = np.mgrid[: photo.shape[0], : photo.shape[1]]
    length = float(np.hypot(*(b - a)))
    along = (b - a) / length
    down = np.array([-along[1], along[0]])
    down *= np.sign(down[1])
    off = np.stack([xs, ys], axis=-1) - (a + b) / 2
    return off @ along / (length / 2), off @ down, length, down


def _moved(photo: Image, by: Array, down: Array) -> Image:
    """The photo with each pixel taken from so many pixels further down."""
    ys, xs = np.mgrid[: photo.shape[0], : photo.shape[1]]
    x, y = ((p + by * d).astype(np.float32) for p, d in zip((xs, ys), down, strict=True))
    moved = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _lid(photo: Image, place: dict[str, Array], side: str, closed: float) -> Image:
    a, b = place[f"{side}_eye_outer_corner"], place[f"{side}_eye_inner_corner"]
    along, below, length, down = _axes(photo, a, b)
    upper, lower = (
        np.mean([(place[f"{side}_eye_{lid}_{p}"] - (a + b) / 2) @ down for p in ("inner", "outer")])
        for lid in ("upper", "lower")
    )
    arch = 1.15 * np.clip(1 - np.abs(along / 1.05) ** 3, 0, 1)
    crease = upper * arch - 0.42 * length
    edge = upper * arch + closed * (lower - upper) * arch
    covered = (np.abs(along) < 1.05) & (below < edge) & (below > crease)
    stretched = crease + (below - crease) * (upper * arch - crease) / (edge - crease)
    return _moved(photo, np.where(covered, stretched - below, 0), down)


def _jaw(photo: Image, place: dict[str, Array], gape: float) -> Image:
    a, b = place["inner_mouth_right_corner"], place["inner_mouth_left_corner"]
    along, below, length, down = _axes(photo, a, b)
    lips = (place["inner_upper_lip_center"] + place["inner_lower_lip_center"]) / 2
    below = below - (lips - (a + b) / 2) @ down * np.clip(1 - along**2, 0, 1)
    gap = gape * length * np.sqrt(np.clip(1 - along**2, 0, 1))
    drop = np.maximum(gape * length * np.exp(-0.7 * (along / 1.3) ** 4), gap)
    far = 1.7 * length  # where the neck does not move any more
    fading = np.clip(1.5 * (far + drop - below) / far, 0, 1)
    by = np.where(below > drop, -drop * fading, np.where(below > 0, -below, 0))
    hole = ((below > 0) & (below < gap)).astype(np.float32)
    soft = cv2.GaussianBlur(hole, (0, 0), 1.0)[..., None]
    return (_moved(photo, by, down) * (1 - soft) + np.array([45, 15, 18]) * soft).astype(np.uint8)


def turned(photo: Image, points: Array, yaw: float, pitch: float) -> Image:
    """The photo with the head turned by degrees to the subject's left and up; fit for 30."""
    height, width = photo.shape[:2]
    points = np.asarray(points, dtype=np.float64)
    face = Face((0, 0, 1, 1), 1.0, points.astype(np.float32), np.ones(68, np.float32), IBUG_68)
    pose = pose_of(face)
    depth = (head_points(IBUG_68)[0] @ pose.turn.T)[:, 2:]
    head = np.concatenate([(points - pose.shift) / pose.scale, depth], axis=1) - NECK
    y, p = np.deg2rad([yaw, pitch])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    to = (head @ (left @ up).T + NECK)[:, :2] * pose.scale + pose.shift
    rim = np.array([[x, y] for x in (0, width / 2, width) for y in (0, height / 2, height)])
    rim = rim[[0, 1, 2, 3, 5, 6, 7, 8]]  # the middle of the picture moves
    known = np.concatenate([to, rim]), np.concatenate([points - to, 0 * rim])
    ys, xs = np.mgrid[0 : height + GRID : GRID, 0 : width + GRID : GRID].astype(float)
    coarse = RBFInterpolator(*known, smoothing=1)(np.stack([xs.ravel(), ys.ravel()], axis=1))
    coarse = coarse.reshape(*xs.shape, 2).astype(np.float32)
    at = np.mgrid[:height, :width].astype(np.float32)
    by = cv2.remap(coarse, at[1] / GRID, at[0] / GRID, cv2.INTER_LINEAR)
    x, y = at[1] + by[..., 0], at[0] + by[..., 1]
    shown = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, dtype=np.uint8)
