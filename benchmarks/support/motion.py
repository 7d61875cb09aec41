"""Clips of photos moved by known motion, with the true points of every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.video.frame import Frame

__all__ = ["MOTIONS", "RATE", "Clip", "Crossing", "crossing", "head_mask", "hidden", "moved"]

RATE = 30.0
WIDTH, HEIGHT = 640, 360
FACE = 80.0  # pixels, longer side of the box of a face's points
WALK = 1.4 / 0.16  # face widths per second: a walker passing by, and a face of 16 cm
NOISE = 3.0  # standard deviation of the camera's noise, gray values


@dataclass(eq=False)
class Clip:
    """Frames with the true points of each face; a `VideoSource`.

    Attributes:
        frames: T frames, RGB.
        points: (T, faces, 68, 2) pixels.
        visible: (T, faces) whether a face is visible.
    """

    frames: list[NDArray[np.uint8]]
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]
    name: str = "clip"
    fps: float = RATE
    total: int = 0
    live: bool = False
    lost: int = 0
    note: str = ""

    def __iter__(self) -> Iterator[Frame]:
        for index, image in enumerate(self.frames):
            yield Frame(image, index, index / RATE, "clip")


def _still(t: float) -> tuple[float, float, float, float]:
    return WIDTH / 2, HEIGHT / 2, 1.0, 0.0


def _pan(t: float) -> tuple[float, float, float, float]:
    return 60 + WALK * FACE * t, HEIGHT / 2, 1.0, 0.0


def _stroll(t: float) -> tuple[float, float, float, float]:
    return 200 + 0.2 * WALK * FACE * t, HEIGHT / 2 + 12 * np.sin(4 * t), 1.0, 0.0


def _zoom(t: float) -> tuple[float, float, float, float]:
    return WIDTH / 2, HEIGHT / 2, 1.6 ** np.sin(2.5 * t), 0.0


def _turn(t: float) -> tuple[float, float, float, float]:
    return WIDTH / 2, HEIGHT / 2, 1.0, 18 * np.sin(3 * t)


Path_ = Callable[[float], tuple[float, float, float, float]]
MOTIONS: dict[str, tuple[Path_, bool, int]] = {
    # center, scale and degrees clockwise at a time; whether the light changes; frames
    "still": (_still, False, 40),
    "walk": (_pan, False, 23),
    "stroll": (_stroll, False, 40),
    "zoom": (_zoom, False, 40),
    "turn": (_turn, False, 40),
    "light": (_still, True, 40),
}


def _placement(points: NDArray, x: float, y: float, size: float, degrees: float) -> affine.Matrix:
    """Affine from a photo to the frame that puts the face's center at (x, y)."""
    left, top, width, height = affine.bounding_box(points)
    center = np.array([left + width / 2, top + height / 2])
    scale = FACE / max(width, height) * size
    turn = affine.rotation_matrix(degrees, (0.0, 0.0))[:, :2] * scale
    return np.column_stack([turn, np.array([x, y]) - turn @ center])


def moved(photo: NDArray[np.uint8], points: NDArray, motion: str, seed: int = 0) -> Clip:
    """A clip of a photo (H, W, 3) with one face, moved by one of `MOTIONS`."""
    path, light, count = MOTIONS[motion]
    random = np.random.default_rng(seed)
    frames, truth = [], []
    for index in range(count):
        t = index / RATE
        matrix = _placement(points, *path(t))
        image = affine.warp(photo, matrix, WIDTH, HEIGHT).astype(np.float32)
        if light:
            across = np.linspace(-1, 1, WIDTH)[None, :, None]
            image *= 0.8 + 0.35 * np.sin(5 * t) + 0.3 * np.sin(3 * t) * across
        frames.append(_noisy(image, random))
        truth.append([points @ matrix[:, :2].T + matrix[:, 2]])
    return Clip(frames, np.array(truth), np.ones((count, 1), bool))


def _noisy(image: NDArray, random: np.random.Generator) -> NDArray[np.uint8]:
    noise = random.normal(0, NOISE, image.shape)
    return np.rint(np.clip(image + noise, 0, 255)).astype(np.uint8)


def head_mask(points: NDArray, width: int, height: int) -> NDArray[np.float32]:
    """Share of each pixel that the head covers, (H, W, 1), with a soft edge."""
    left, top, wide, high = affine.bounding_box(points)
    mask = np.zeros((height, width), np.float32)
    center = round(left + wide / 2), round(top + 0.38 * high)
    cv2.ellipse(mask, center, (round(0.62 * wide), round(0.85 * high)), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), max(wide / 40, 0.8))
    return np.asarray(soft, dtype=np.float32)[..., None]


Crossing = tuple[NDArray[np.uint8], NDArray]
"""A photo and the points of its face."""


def crossing(front: Crossing, back: Crossing, seed: int = 0, step: float = 6.0) -> Clip:
    """Two faces that cross, one in front of the other, against a plain wall.

    Args:
        step: pixels that each face moves per frame.
    """
    count = round((WIDTH - 200) / step)
    random = np.random.default_rng(seed)
    frames, truth, visible = [], [], []
    for index in range(count):
        image = np.full((HEIGHT, WIDTH, 3), 120, np.float32)
        image += np.linspace(-30, 30, WIDTH)[None, :, None]
        row, places = [], (100 + index * step, WIDTH - 100 - index * step)
        for who, ((photo, points), x) in enumerate(zip((back, front), places, strict=True)):
            y = HEIGHT / 2 + 4 * np.sin(index / 5 + 2 * who)
            matrix = _placement(points, x, y, 1.1, 0.0)
            here = points @ matrix[:, :2].T + matrix[:, 2]
            mask = head_mask(here, WIDTH, HEIGHT)
            image += mask * (affine.warp(photo, matrix, WIDTH, HEIGHT) - image)
            row.append(here)
        frames.append(_noisy(image, random))
        truth.append(row)
        apart = abs(places[0] - places[1]) > 0.9 * FACE
        visible.append([apart, True])
    return Clip(frames, np.array(truth), np.array(visible))


def hidden(photo: NDArray[np.uint8], points: NDArray, seed: int = 0) -> Clip:
    """A face that strolls by, hidden by a board for half a second."""
    clip = moved(photo, points, "stroll", seed)
    visible = np.ones((len(clip.frames), 1), bool)
    frames = list(clip.frames)
    for index in range(12, 12 + round(0.5 * RATE)):
        image = frames[index].copy()
        x, y = clip.points[index, 0].mean(axis=0)
        left, top = max(round(x - 1.1 * FACE), 0), max(round(y - 1.1 * FACE), 0)
        image[top : round(y + 1.1 * FACE), left : round(x + 1.1 * FACE)] = (120, 90, 60)
        frames[index], visible[index] = image, False
    return Clip(frames, clip.points, visible)
