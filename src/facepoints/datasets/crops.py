"""Cuts labeled photos into square crops for training, and resizes crops.

`crop_geometry` measures where faces lie in such crops. `inference/cropping.py` cuts crops for
prediction, framed in the same way. The training data of the built-in model is not cut here:
`recipes/without_face.py` states its framing (`FACE`), and `procrustes.align_crops` cuts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.face_boxes import face_boxes
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine

__all__ = [
    "CROP_MARGIN",
    "blank_images",
    "center_crop",
    "crop_labels",
    "cut_crops",
    "resize_samples",
]


CROP_MARGIN = 0.4
"""Margin around a face: the crop's side is 1.4 times the longer side of the box around its
points."""


def cut_crops(
    photos: Photos,
    size: int = 96,
    margin: float = CROP_MARGIN,
    out: NDArray[np.uint8] | None = None,
    around: Photos | None = None,
    where: str = "",
) -> Samples:
    """Cut a square crop around the points of every face. Points that are not labeled count where
    they probably are (`face_boxes`).

    Faces without a labeled point are left out.

    Args:
        photos: N faces, each with its image.
        size: side of the crops in pixels.
        margin: the side of a crop is 1 + margin times the longer side of the box around the
            points. Larger: more surroundings, a smaller face.
        out: (faces with a label, size, size) uint8 to write the crops into, such as a memory
            map; None: a new array.
        around: the same photos, whose labels the crops are cut by; None: `photos`.
        where: beginning of error messages about all faces, such as the path of the data.

    Returns:
        The faces with a label, in the order of `photos`: images (M, size, size), points in pixels
        of the crops.

    Raises:
        DataError: an image cannot be read, no face has a labeled point, or nothing says how large
            the faces are (`face_boxes`).
    """
    rows, matrices = _crop_matrices(photos if around is None else around, size, margin, where)
    number = {int(row): k for k, row in enumerate(rows)}
    images = np.empty((len(rows), size, size), dtype=np.uint8) if out is None else out
    for row, image in enumerate(photos.read_images()):
        if row in number:
            images[number[row]] = affine.warp(image, matrices[number[row]], size, size)
    return _cropped(photos, images, rows, matrices)


def crop_labels(
    photos: Photos, size: int = 96, margin: float = CROP_MARGIN, where: str = ""
) -> Samples:
    """`cut_crops` without the images: all their pixels are 0, and no file is opened."""
    rows, matrices = _crop_matrices(photos, size, margin, where)
    return _cropped(photos, blank_images(len(rows), size), rows, matrices)


def blank_images(count: int, size: int) -> NDArray[np.uint8]:
    """Images (count, size, size) in which all pixels are 0, in the memory of one pixel."""
    return np.broadcast_to(np.uint8(0), (count, size, size))


def _crop_matrices(
    photos: Photos, size: int, margin: float, where: str
) -> tuple[NDArray[np.int64], list[affine.Matrix]]:
    """The rows with a label, and the map from each of these photos to its crop. Raises DataError
    if there is none, or if nothing says how large the faces are."""
    rows = np.flatnonzero(photos.labelled.any(axis=1))
    if not len(rows):
        raise DataError(f"{where}no face has a labeled point to crop it by")
    in_file = None if photos.boxes is None else photos.boxes[rows]
    points, labelled = photos.points[rows], photos.labelled[rows]
    boxes = face_boxes(points, labelled, photos.landmarks, in_file, where)
    return rows, [affine.crop_matrix(box, size, margin) for box in boxes]


def _cropped(
    photos: Photos,
    images: NDArray[np.uint8],
    rows: NDArray[np.int64],
    matrices: Sequence[affine.Matrix],
) -> Samples:
    pairs = list(zip(matrices, photos.points[rows], strict=True))
    points = np.stack([affine.apply(matrix, places) for matrix, places in pairs])
    frame = np.stack([affine.invert(matrix) for matrix in matrices])
    return photos.as_samples(images, points, rows, frame)


def resize_samples(samples: Samples, height: int, width: int) -> Samples:
    """Resize the images of samples, and move the points with them."""
    if samples.size == (height, width):
        return samples
    matrix = affine.resize_matrix(width / samples.size[1], height / samples.size[0])
    images = affine.resize_images(samples.images, height, width)
    points = affine.apply(matrix, samples.points)
    resized = replace(samples, images=images, frame=_through(matrix, samples))
    return resized.with_points(points, samples.labelled)


def center_crop(samples: Samples, side: int | None) -> Samples:
    """Cut the images of samples to their central `side` x `side` pixels; None: no change.

    Points outside the crop are kept: a network may predict points outside of its input.

    Raises:
        SettingsError: the images are smaller, or larger by an odd number of pixels, so that
            the crop would start between pixels.
    """
    height, width = samples.size
    if side is None:
        return samples
    if min(height, width) < side or (height - side) % 2 or (width - side) % 2:
        raise SettingsError(
            f"`input_size={side}` cuts the central {side} pixels; the images are {width}x{height} "
            f"and must be as large, or larger by an even number of pixels"
        )
    top, left = (height - side) // 2, (width - side) // 2
    shift = np.array([left, top], dtype=np.float32)
    frame = _through(np.array([[1.0, 0, -left], [0, 1, -top]]), samples)
    images = samples.images[:, top : top + side, left : left + side]
    cut = replace(samples, images=images, frame=frame)
    return cut.with_points(samples.points - shift, samples.labelled)


def _through(matrix: affine.Matrix, samples: Samples) -> NDArray[np.float64]:
    """The frames (N, 2, 3) of images after a map of all their pixels by `matrix`."""
    whole = np.eye(2, 3)[None]
    frame = np.repeat(whole, len(samples), axis=0) if samples.frame is None else samples.frame
    back = affine.invert(matrix)
    moved = frame[:, :, :2] @ back
    moved[:, :, 2] += frame[:, :, 2]
    return moved
