"""Crops that show no face, so that the points network learns to tell whether there is one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import procrustes
from facepoints.datasets.samples import Photos, Samples
from facepoints.detection import overlap_of_smaller
from facepoints.imaging import affine

__all__ = ["FACE", "VIEW", "WIDE", "elsewhere", "emptied", "missed", "textures"]

VIEW = 96
"""Pixels a side that the network sees."""
FACE = 72.0
"""Pixels of the view that the mean face's box is high and wide."""
WIDE = 148
"""Pixels a side that are cut, so that turns and shifts bring in the surroundings."""


def elsewhere(photos: Photos, count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Crops of the photos that no face is in: neither the labelled one nor one that a cascade
    thinks it sees, since not every face is labelled."""
    cascade = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")  # pyright: ignore
    )
    each = -(-count // len(photos))
    found = []
    for picture, points in zip(photos.read_images(), photos.points, strict=True):
        height, width = picture.shape
        taken = [affine.bounding_box(points)]
        for left, top, wide, high in cascade.detectMultiScale(picture, 1.1, 1):
            taken.append((float(left), float(top), float(wide), float(high)))
        for _ in range(20 * each):
            side = float(np.exp(rng.uniform(np.log(30), np.log(min(height, width) * 0.9))))
            x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
            if any(overlap_of_smaller((x, y, side, side), box) > 0.02 for box in taken):
                continue
            matrix = affine.crop_matrix((x, y, side, side), WIDE, WIDE / VIEW - 1)
            found.append(affine.warp(picture, matrix, WIDE, WIDE))
            if len(found) % each == 0:
                break
    return found[:count]


def missed(
    photos: Photos, shape: NDArray[np.float64], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Crops that a face finder might give by mistake: beside the face, a part of it, far too
    much around it, or lying and upside down."""
    target = procrustes.canonical_points(shape, WIDE, FACE)
    each = count / len(photos)
    found = []
    for picture, points in zip(photos.read_images(), photos.points, strict=True):
        upright = affine.fit_similarity(points, target)
        for _ in range(rng.poisson(each)):
            turn, scale, shift = rng.uniform(-30, 30), np.exp(rng.uniform(-0.2, 0.2)), np.zeros(2)
            kind = rng.integers(4)
            if kind == 0:
                way = rng.uniform(0, 2 * np.pi)
                shift = FACE * rng.uniform(0.75, 1.4) * np.array([np.cos(way), np.sin(way)])
            elif kind == 1:
                scale = rng.uniform(0.2, 0.4)
            elif kind == 2:
                scale, shift = rng.uniform(2.5, 5), rng.uniform(-0.8, 0.8, 2) * FACE
            else:
                turn = rng.choice([90, 180, -90]) + rng.uniform(-25, 25)
            centre = (WIDE - 1) / 2
            change = affine.rotation_matrix(turn, (centre, centre))
            change[:, :2] *= scale
            change[:, 2] = centre - change[:, :2] @ (centre, centre) + shift
            matrix = affine.compose(upright, change)
            found.append(affine.warp(picture, matrix, WIDE, WIDE))
    return found


def emptied(
    faces: Samples, fillers: list[NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Heads without a face: the middle replaced by another picture, blended at the rim."""
    ys, xs = np.mgrid[:WIDE, :WIDE] - (WIDE - 1) / 2
    found = []
    for row in rng.integers(len(faces), size=count):
        filler = fillers[rng.integers(len(fillers))].astype(np.float32)
        far = np.hypot(xs / (0.5 * FACE), ys / (0.56 * FACE)) - rng.uniform(0.95, 1.1)
        inside = 1 / (1 + np.exp(np.clip(far * rng.uniform(15, 60), -50, 50)))
        if rng.random() < 0.3:  # an even surface, as of a balloon or the back of a head
            filler = np.full_like(filler, faces.images[row].mean()) + filler * 0.1
        mixed = faces.images[row] * (1 - inside) + filler * inside
        found.append(mixed.clip(0, 255).astype(np.uint8))
    return found


def textures(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Crops of public-domain pictures without a face, and of made-up gradients and noise."""
    from skimage import data

    names = "brick grass gravel coffee chelsea coins moon page text rocket immunohistochemistry"
    pictures = []
    for name in names.split():
        picture = np.asarray(getattr(data, name)())
        gray = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)
        pictures.append(np.ascontiguousarray(gray))
    found = []
    for _ in range(count):
        picture = pictures[rng.integers(len(pictures))]
        side = float(np.exp(rng.uniform(np.log(24), np.log(min(picture.shape)))))
        x, y = rng.uniform(0, np.array(picture.shape[::-1]) - side)
        matrix = affine.crop_matrix((x, y, side, side), WIDE, 0)
        crop = affine.warp(picture, matrix, WIDE, WIDE)
        if rng.random() < 0.2:
            small = rng.normal(rng.uniform(40, 200), rng.uniform(0, 60), (rng.integers(2, 40),) * 2)
            crop = affine.resize(small.clip(0, 255).astype(np.uint8), WIDE, WIDE)
        found.append(crop)
    return found
