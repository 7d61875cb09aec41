"""Crops without a face, to train the landmark model's face score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import procrustes
from facepoints.datasets.samples import Photos, Samples
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image, to_gray

__all__ = ["FACE", "VIEW", "WIDE", "emptied", "from_scenes", "missed", "textures"]

VIEW = 96
"""Side of the network input, pixels."""
FACE = 72.0
"""Side of the mean face's box in the network input, pixels."""
WIDE = 148
"""Side of the crops, pixels: larger, so that augmentation moves real surroundings into view."""


def from_scenes(
    paths: Sequence[Path], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Random crops of pictures without a face, (WIDE, WIDE) each."""
    images = [read_image(path) for path in paths]
    grays = [to_gray(image) for image in images]
    crops = []
    for _ in range(count):
        image = grays[rng.integers(len(grays))]
        height, width = image.shape
        side = float(np.exp(rng.uniform(np.log(30), np.log(min(height, width)))))
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        matrix = affine.crop_matrix((x, y, side, side), WIDE, WIDE / VIEW - 1)
        crops.append(affine.warp(image, matrix, WIDE, WIDE))
    return crops


def missed(
    photos: Photos, shape: NDArray[np.float64], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Crops that a face detector might make by mistake: beside the face, of a part of it, much too
    large, or rotated by 90 or 180 degrees."""
    target = procrustes.canonical_points(shape, WIDE, FACE)
    each = count / len(photos)
    crops = []
    for image, points in zip(photos.read_images(), photos.points, strict=True):
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
            center = (WIDE - 1) / 2
            change = affine.rotation_matrix(turn, (center, center))
            change[:, :2] *= scale
            change[:, 2] = center - change[:, :2] @ (center, center) + shift
            matrix = affine.compose(upright, change)
            crops.append(affine.warp(image, matrix, WIDE, WIDE))
    return crops


def emptied(
    faces: Samples, fillers: list[NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Heads without a face: the center is replaced by another image, blended at the edge."""
    ys, xs = np.mgrid[:WIDE, :WIDE] - (WIDE - 1) / 2
    crops = []
    for row in rng.integers(len(faces), size=count):
        filler = fillers[rng.integers(len(fillers))].astype(np.float32)
        far = np.hypot(xs / (0.5 * FACE), ys / (0.56 * FACE)) - rng.uniform(0.95, 1.1)
        inside = 1 / (1 + np.exp(np.clip(far * rng.uniform(15, 60), -50, 50)))
        if rng.random() < 0.3:  # an even surface, like a balloon or the back of a head
            filler = np.full_like(filler, faces.images[row].mean()) + filler * 0.1
        mixed = faces.images[row] * (1 - inside) + filler * inside
        crops.append(mixed.clip(0, 255).astype(np.uint8))
    return crops


def textures(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Crops of public-domain images without a face, and of generated gradients and noise."""
    from skimage import data

    names = "brick grass gravel coffee chelsea coins moon page text rocket immunohistochemistry"
    images = []
    for name in names.split():
        image = np.asarray(getattr(data, name)())
        gray = image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)
        images.append(np.ascontiguousarray(gray))
    crops = []
    for _ in range(count):
        image = images[rng.integers(len(images))]
        side = float(np.exp(rng.uniform(np.log(24), np.log(min(image.shape)))))
        x, y = rng.uniform(0, np.array(image.shape[::-1]) - side)
        matrix = affine.crop_matrix((x, y, side, side), WIDE, 0)
        crop = affine.warp(image, matrix, WIDE, WIDE)
        if rng.random() < 0.2:
            small = rng.normal(rng.uniform(40, 200), rng.uniform(0, 60), (rng.integers(2, 40),) * 2)
            crop = affine.resize(small.clip(0, 255).astype(np.uint8), WIDE, WIDE)
        crops.append(crop)
    return crops
