"""The radius of points that a patch hides, against that of the same points without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor

from .faces import FaceSet
from .ours import points_of, radius_of

__all__ = [
    "PATCH",
    "Hidden",
    "OneBox",
    "add_patch",
    "as_rgb",
    "figures_of_hidden",
    "hide",
    "joined_hidden",
]

PATCH = (0.4, 0.6)  # width and height, shares of the longer side of the face's box
COARSE = 0.1  # cell of the patch's texture, share of the same side


@dataclass(frozen=True)
class OneBox:
    """A detector that returns one given box."""

    box: tuple[float, float, float, float]

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Return the box."""
        return [Detection(self.box)]


def add_patch(
    image: NDArray[np.uint8], points: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A gray image with a patch over a part of the face, and a mask (K,) of the hidden points."""
    longer = max(affine.bounding_box(points)[2:])
    width, height = PATCH[0] * longer, PATCH[1] * longer
    center = points[random.integers(len(points))] + random.normal(0, 0.05 * longer, 2)
    angle = random.uniform(0, 180)
    upright = affine.rotation_matrix(-angle, (float(center[0]), float(center[1])))

    def inside(places: NDArray[np.floating]) -> NDArray[np.bool_]:
        across = np.abs(affine.apply(upright, places) - center)
        return np.asarray((across[..., 0] <= width / 2) & (across[..., 1] <= height / 2))

    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    here = inside(np.stack([columns, rows], axis=-1))
    x, y, w, h = (round(v) for v in affine.bounding_box(points))
    face = image[max(y, 0) : y + h, max(x, 0) : x + w]
    cells = [max(2, round(n / (longer * COARSE))) for n in image.shape]
    coarse = random.normal(face.mean() * random.uniform(0.7, 1.2), 0.5 * face.std(), cells)
    texture = cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_CUBIC)
    grain = random.normal(0, 3, image.shape)
    patched = np.where(here, np.clip(texture + grain, 0, 255), image).astype(np.uint8)
    return patched, inside(points)


@dataclass(frozen=True)
class Hidden:
    """M faces predicted with a patch over a part of each, and without.

    Attributes:
        ratio: (M, 68) radius with the patch over radius without.
        covered: (M, 68) whether the patch lies over the true point.
        within: (M, 68) whether the true point is within the radius, with the patch.
    """

    ratio: NDArray[np.float64]
    covered: NDArray[np.bool_]
    within: NDArray[np.bool_]


def hide(faces: FaceSet, model: LandmarkModel) -> Hidden:
    """Predict every face with a patch and without.

    Args:
        faces: of a set with all 68 points labelled.
    """
    random = np.random.default_rng(0)
    rows = []
    for file, every in zip(faces.files, faces.points, strict=True):
        points = every[:68]
        rgb = as_rgb(read_image(file))
        gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        patched, covers = add_patch(gray, points, random)
        predict = Predictor(model, OneBox(affine.bounding_box(points)), min_score=0)
        both = [detected[0] for detected in predict([gray, patched])]
        clear, changed = radius_of(both)[:, :68]
        off = np.linalg.norm(points_of(both)[1, :68] - points, axis=1)
        rows.append((changed / clear, covers, off <= changed))
    return Hidden(*(np.array(column) for column in zip(*rows, strict=True)))


def joined_hidden(parts: Sequence[Hidden]) -> Hidden:
    """Join the faces of several sets."""
    names = ("ratio", "covered", "within")
    return Hidden(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def figures_of_hidden(h: Hidden) -> dict[str, Any]:
    """Median ratio of the radii, and the share of hidden points within them."""
    return {
        "hidden_points": int(h.covered.sum()),
        "larger_where_hidden": round(float(np.median(h.ratio[h.covered])), 2),
        "larger_elsewhere": round(float(np.median(h.ratio[~h.covered])), 2),
        "hidden_within_radius": round(float(h.within[h.covered].mean()) * 100, 2),
    }


def as_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (H, W) or (H, W, 3) as (H, W, 3)."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
