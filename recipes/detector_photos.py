"""Training photos of the face detector, and possible unlabelled faces in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from detector_scenes import Gray, ScenePhoto, scene_photo
from numpy.typing import NDArray
from points_data import read_sets

from facepoints._util import files
from facepoints.datasets.samples import Photos
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_FACE

__all__ = ["scene_photos", "without_faces"]

WITHOUT_FACES = "brick grass gravel coffee chelsea coins moon page text rocket immunohistochemistry"
WITHOUT_FACES += " clock horse hubble_deep_field retina colorwheel cell"
"""Images of scikit-image without a face."""


def others(folder: Path, name: str, photos: Photos) -> list[list[tuple[float, ...]]]:
    """For every photo the squares (x, y, side, votes) that may show another face.

    The detection takes minutes, so the result is kept in `folder`.
    """
    kept = folder / f"others-{name.replace(' ', '-')}.json"
    if kept.exists():
        return files.read_json(kept)
    cascade = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")  # pyright: ignore
    )
    squares = []
    for image, points in zip(photos.read_images(), photos.points, strict=True):
        scale = min(1.0, 400 / max(image.shape))
        size = [round(n * scale) for n in image.shape[::-1]]
        small = affine.resize(image, size[0], size[1])
        windows, votes = cascade.detectMultiScale2(small, 1.15, 2, minSize=(20, 20))
        x, y, side, _ = affine.bounding_box(points)
        places = []
        for (left, top, wide, _), count in zip(windows, votes, strict=True):
            place = ((left + wide / 2) / scale, (top + wide * 0.65) / scale, wide * 0.9 / scale)
            far = np.hypot(place[0] - x - side / 2, place[1] - y - side / 2)
            if far > 0.6 * max(side, place[2]):
                places.append((*map(float, place), int(count)))
        squares.append(places)
    files.write_json(kept, squares)
    return squares


def scene_photos(
    data: Path, folder: Path, seed: int
) -> tuple[list[list[ScenePhoto]], list[tuple[Gray, NDArray]]]:
    """Training photos by data set, and validation photos with their points (68, 2).

    Args:
        data: folder of the data sets.
        folder: of the run.
        seed: of the choice of validation people.
    """
    faces: dict[str, list[ScenePhoto]] = {}
    validation = []
    for name, (photos, held, _) in read_sets(data, seed).items():
        unknown = others(folder, name, photos)
        rows = zip(photos.read_images(), photos.points, held, unknown, strict=True)
        for image, points, kept, places in rows:
            if kept:
                validation.append((image, points))
                continue
            squares = np.array(places, dtype=float).reshape(-1, 4)[:, :3]
            photo = scene_photo(image, points, MEAN_FACE, squares)
            faces.setdefault(name.split()[0], []).append(photo)
    return list(faces.values()), validation


def without_faces() -> list[ScenePhoto]:
    """Photos and drawings without a face."""
    from skimage import data as images

    photos = []
    for name in WITHOUT_FACES.split():
        image = np.asarray(getattr(images, name)())
        if image.dtype != np.uint8:
            image = image * 255
        image = image.astype(np.uint8)
        gray = image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)
        photos.append(scene_photo(np.ascontiguousarray(gray, dtype=np.uint8)))
    return photos
