"""Pictures that are unlike the photos a model was trained on: how much the radius grows there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data as pictures

from facepoints.datasets.synthetic import render
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor

from .faces import FaceSet
from .ours import points_of, radius_of
from .patch import OneBox, as_rgb

__all__ = ["KINDS", "growth"]

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
CAT = (80, 50, 290, 245)  # box of the face in scikit-image's chelsea: x, y, width, height
CATS = 24  # placements of it


class Case(NamedTuple):
    """A picture, the box of its face, and the true points if there are any."""

    image: Pixels
    box: tuple[float, float, float, float]
    points: Points | None


def _clear(image: Pixels, side: float) -> Pixels:
    return image


def _sketch(image: Pixels, side: float) -> Pixels:
    """A pencil drawing of a photo."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    around = cv2.GaussianBlur(255 - gray, (0, 0), side / 25)
    drawn = cv2.divide(gray, 255 - around, scale=256)
    return as_rgb(np.asarray(drawn, dtype=np.uint8))


def _statue(image: Pixels, side: float) -> Pixels:
    """A photo as if of stone: no color, few shades, smooth skin, dark eyes and brows lifted."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    smooth = cv2.bilateralFilter(gray, 0, 40, side / 30).astype(np.float32)
    broad = cv2.GaussianBlur(smooth, (0, 0), side / 6)
    stone = 165 + 0.5 * (broad - broad.mean()) + 0.35 * (smooth - broad)
    grain = np.random.default_rng(0).normal(0, 4, gray.shape)
    return as_rgb(np.clip(stone + grain, 0, 255).astype(np.uint8))


def _inverted(image: Pixels, side: float) -> Pixels:
    return 255 - image


def _blurred(share: float) -> Callable[[Pixels, float], Pixels]:
    def blur(image: Pixels, side: float) -> Pixels:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), share * side), dtype=np.uint8)

    return blur


_OF_PHOTOS: dict[str, Callable[[Pixels, float], Pixels]] = {
    "photos": _clear,
    "photos as pencil drawings": _sketch,
    "photos as statues": _statue,
    "photos with inverted colors": _inverted,
    "photos blurred by 4 % of the face": _blurred(0.04),
    "photos blurred by 8 % of the face": _blurred(0.08),
}
KINDS = (*_OF_PHOTOS, "synthetic drawings", "a cat", "no face")
"""Kinds of pictures; the first is what the others are compared with."""


def _photos(faces: FaceSet, change: Callable[[Pixels, float], Pixels]) -> Iterator[Case]:
    for file, every in zip(faces.files, faces.points, strict=True):
        points = every[:68]
        box = affine.bounding_box(points)
        yield Case(change(as_rgb(read_image(file)), max(box[2:])), box, points)


def _drawings(count: int) -> Iterator[Case]:
    drawn = render(count, size=160)
    for image, points in zip(drawn.images, drawn.points.astype(np.float64), strict=True):
        yield Case(image, affine.bounding_box(points), points)


def _cats(count: int) -> Iterator[Case]:
    random, image = np.random.default_rng(0), np.asarray(pictures.chelsea(), dtype=np.uint8)
    x, y, width, height = CAT
    for number in range(count):
        shift = random.normal(0, 0.05, 2) * (width, height)
        size = random.uniform(0.8, 1.2)
        box = (x + shift[0] - (size - 1) * width / 2, y + shift[1] - (size - 1) * height / 2)
        seen = np.ascontiguousarray(image[:, ::-1]) if number % 2 else image
        left = image.shape[1] - 1 - box[0] - size * width if number % 2 else box[0]
        yield Case(seen, (float(left), float(box[1]), size * width, size * height), None)


def _nothing(files: Sequence[Path]) -> Iterator[Case]:
    for file in files:
        image = as_rgb(read_image(file))
        side = 0.5 * min(image.shape[:2])
        corner = (image.shape[1] - side) / 2, (image.shape[0] - side) / 2
        yield Case(image, (*corner, side, side), None)


def _cases(kind: str, faces: FaceSet, negatives: Sequence[Path]) -> Iterator[Case]:
    if kind in _OF_PHOTOS:
        return _photos(faces, _OF_PHOTOS[kind])
    if kind == "a cat":
        return _cats(CATS)
    return _drawings(len(faces)) if "drawings" in kind else _nothing(negatives)


def growth(
    faces: FaceSet, negatives: Sequence[Path], model: LandmarkModel
) -> dict[str, dict[str, Any]]:
    """Radii on pictures of each kind, all predicted with a known box.

    Args:
        faces: photos with all 68 points labelled.
        negatives: pictures without a face; the box is in their middle.

    Returns:
        For each kind the number of pictures, the median radius in percent of the box's longer
        side, that over the photos' ("times"), the 90 % quantile of the errors over that of the
        photos ("error_times") and the coverage in percent; both None without true points.
    """
    rows: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        radii, errors, within = [], [], []
        for case in _cases(kind, faces, negatives):
            found = Predictor(model, OneBox(case.box), min_score=0)(case.image)
            if not found:
                continue
            radius = radius_of(found[:1])[0, :68]
            radii.append(radius / max(case.box[2:]))
            if case.points is not None:
                error = np.linalg.norm(points_of(found[:1])[0, :68] - case.points, axis=1)
                errors.append(error / max(case.box[2:]))
                within.append(error <= radius)
        row: dict[str, Any] = {"pictures": len(radii), "error_90": None, "coverage": None}
        row["radius"] = round(100 * float(np.median(radii)), 2) if radii else None
        if errors:
            row["error_90"] = round(100 * float(np.quantile(errors, 0.9)), 2)
            row["coverage"] = round(100 * float(np.mean(within)), 2)
        rows[kind] = row
    base = rows[KINDS[0]]
    for row in rows.values():
        for key, of in (("times", "radius"), ("error_times", "error_90")):
            known = row[of] and base[of]
            row[key] = round(row[of] / base[of], 2) if known else None
    return rows
