"""Pictures made of held-out photos: turned, with small faces, with crowds; and their true faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine

from .faces import FaceSet
from .frames import frame_of
from .motion import head_mask

__all__ = ["CROWD", "LARGE", "crowds", "in_large", "subset", "turned_or_shrunk"]

Points = NDArray[np.float64]

CROWD = 57
"""Faces of a crowd."""
_CROWD_SIZE, _COLUMNS = (1280, 960), 10
LARGE = ((4000, 3000, 30), (6000, 4000, 60), (12000, 8000, 93))
"""Width and height of large photos, and the side of the box of their one face's points, pixels."""
_GRAY = 110


def subset(faces: FaceSet, size: int) -> FaceSet:
    """At most `size` faces, evenly spread."""
    return faces.take(np.unique(np.linspace(0, len(faces) - 1, size).astype(np.intp)))


def _turned(image: NDArray[np.uint8], points: Points, degrees: float):
    """An image turned about its center and enlarged to hold all of it, and its points."""
    height, width = image.shape[:2]
    matrix = affine.rotation_matrix(degrees, ((width - 1) / 2, (height - 1) / 2))
    corners = affine.apply(matrix, np.array([[0, 0], [width, 0], [0, height], [width, height]]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    matrix[:, 2] -= low
    new = tuple(int(n) for n in np.ceil(high - low))
    drawn = cv2.warpAffine(image, matrix, new, flags=cv2.INTER_LINEAR)
    return drawn, affine.apply(matrix, points)


def _shrunk(image: NDArray[np.uint8], points: Points, side: float, rng: np.random.Generator):
    """A photo shrunk so that its face measures `side`, on a blurred copy of 640 x 480."""
    scale = side / frame_of(points).side
    height, width = image.shape[:2]
    new = max(1, round(width * scale)), max(1, round(height * scale))
    new = min(new[0], 640), min(new[1], 480)
    small = affine.resize(image, *new)
    canvas = cv2.GaussianBlur(cv2.resize(image, (640, 480)), (0, 0), 40)
    left, top = (int(rng.integers(0, n - m + 1)) for n, m in zip((640, 480), new, strict=True))
    canvas[top : top + new[1], left : left + new[0]] = small
    matrix = affine.resize_matrix(new[0] / width, new[1] / height)
    return canvas, affine.apply(matrix, points) + np.array([left, top])


def turned_or_shrunk(faces: FaceSet, folder: Path, kind: str, amount: float) -> FaceSet:
    """Changed copies of a set's photos, one face each.

    Args:
        kind: "turn" by degrees clockwise, or "size": the face's frame measures so many pixels.
    """
    rng = np.random.default_rng(0)
    files, points = [], []
    for number, (file, true) in enumerate(zip(faces.files, faces.points, strict=True)):
        image = _read(file)
        if kind == "turn":
            image, true = _turned(image, true, amount)
        else:
            image, true = _shrunk(image, true, amount, rng)
        files.append(folder / f"{kind}{amount}-{number}.png")
        cv2.imwrite(str(files[-1]), image)
        points.append(true)
    return _made(files, points, faces)


def crowds(faces: FaceSet, folder: Path, count: int, side: float = 44) -> FaceSet:
    """Photos of `CROWD` people in rows, as in a class photo, 1280 x 960.

    Args:
        faces: with all 68 points labelled; different people are taken for each photo, from the
            start again when there are too few.
        count: photos.
        side: longer side of the box of each face's points, pixels.
    """
    width, height = _CROWD_SIZE
    rng, order = np.random.default_rng(0), 0
    files, points, rows = [], [], []
    for number in range(count):
        image = np.full((height, width, 3), 120, np.float32)
        image += np.linspace(-30, 30, height)[:, None, None]
        file = folder / f"crowd{number}.png"
        for place in range(CROWD):
            line, column = divmod(place, _COLUMNS)
            x = width * (column + 0.75 + 0.5 * (line % 2) - 0.25) / (_COLUMNS + 0.5)
            y = height * (line + 0.7) / (CROWD // _COLUMNS + 1.4)
            row = order % len(faces)
            order += 1
            true = faces.points[row, :68]
            left, top, wide, high = affine.bounding_box(true)
            scale = side * rng.uniform(0.9, 1.1) / max(wide, high)
            turn = affine.rotation_matrix(float(rng.normal(0, 4)), (0, 0))[:, :2] * scale
            middle = turn @ (left + wide / 2, top + high / 2)
            matrix = np.column_stack([turn, np.array([x, y]) + rng.normal(0, 3, 2) - middle])
            _paste(image, _read(faces.files[row]), matrix, true)
            files.append(file)
            points.append(affine.apply(matrix, faces.points[row]))
            rows.append(row)
        noisy = image + rng.normal(0, 3, image.shape)
        cv2.imwrite(str(file), np.rint(np.clip(noisy, 0, 255)).astype(np.uint8))
    return _made(files, points, faces.take(np.array(rows)))


def _paste(
    image: NDArray[np.float32], photo: NDArray[np.uint8], matrix: affine.Matrix, points: Points
) -> None:
    """Blend the head of a photo, moved by a matrix, into the image."""
    left, top, wide, high = affine.bounding_box(affine.apply(matrix, points))
    x, y = max(int(left - wide), 0), max(int(top - high), 0)
    width, height = (
        min(round(3 * wide), image.shape[1] - x),
        min(round(3 * high), image.shape[0] - y),
    )
    here = matrix - np.array([[0, 0, x], [0, 0, y]])
    mask = head_mask(affine.apply(here, points), width, height)
    part = image[y : y + height, x : x + width]
    part += mask * (affine.warp(photo, here, width, height) - part)


def in_large(faces: FaceSet, folder: Path, width: int, height: int, side: float) -> FaceSet:
    """Photos shrunk until the box of the face's points has this side, somewhere on a large gray
    picture."""
    rng = np.random.default_rng(0)
    files, points = [], []
    for number, (file, true) in enumerate(zip(faces.files, faces.points, strict=True)):
        image = _read(file)
        scale = side / max(affine.bounding_box(true[:68])[2:])
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        small = affine.resize(image, *size)
        canvas = np.full((height, width, 3), _GRAY, np.uint8)
        left, top = (
            int(rng.integers(0, n - m)) for n, m in zip((width, height), size, strict=True)
        )
        canvas[top : top + size[1], left : left + size[0]] = small
        files.append(folder / f"large{width}-{number}.jpg")
        cv2.imwrite(str(files[-1]), canvas, [cv2.IMWRITE_JPEG_QUALITY, 95])
        matrix = affine.resize_matrix(size[0] / image.shape[1], size[1] / image.shape[0])
        points.append(affine.apply(matrix, true) + np.array([left, top]))
    return _made(files, points, faces)


def _read(file: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(file)), dtype=np.uint8)


def _made(files: Sequence[Path], points: Sequence[Points], faces: FaceSet) -> FaceSet:
    return FaceSet(tuple(files), np.array(points), faces.labelled, faces.names, faces.people)
