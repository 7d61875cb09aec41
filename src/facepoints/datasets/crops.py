"""Square crops of labelled faces, cut and resized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.affine import resize_images

__all__ = ["CROP_MARGIN", "center_crop", "cut_crops", "resize_samples"]


CROP_MARGIN = 0.4
"""Side of a training crop over the longer side of the box of its points, less one."""


def cut_crops(
    photos: Photos,
    size: int = 96,
    margin: float = CROP_MARGIN,
    out: NDArray[np.uint8] | None = None,
) -> Samples:
    """Square crops around the labelled points of every face.

    Faces without a labelled point are left out: there is nothing to crop them by.

    Args:
        size: side of the crops in pixels.
        margin: see `geometry.crop_matrix`.
        out: (faces with a label, size, size) uint8 to draw into (a memory map, say).

    Raises:
        DataError: a picture does not open, or no face has a labelled point.
    """
    rows = np.flatnonzero(photos.labelled.any(axis=1))
    if not len(rows):
        raise DataError("no face has a labelled point to crop it by")
    place = {int(row): k for k, row in enumerate(rows)}
    images = np.empty((len(rows), size, size), dtype=np.uint8) if out is None else out
    points = np.zeros_like(photos.points)
    for row, picture in enumerate(photos.pictures()):
        if row not in place:
            continue
        box = affine.bounding_box(photos.points[row], photos.labelled[row])
        matrix = affine.crop_matrix(box, size, margin)
        images[place[row]] = affine.warp(picture, matrix, size, size)
        points[row] = affine.apply(matrix, photos.points[row])
    points[~photos.labelled] = 0
    return Samples(
        images=images,
        points=points[rows],
        labelled=photos.labelled[rows],
        landmarks=photos.landmarks,
        group=photos.group[rows],
        names=photos.names[rows],
        scheme=photos.scheme[rows],
        schemes=photos.schemes,
    )


def resize_samples(samples: Samples, height: int, width: int) -> Samples:
    """Samples with images of another size, points moved along."""
    if samples.size == (height, width):
        return samples
    matrix = affine.resize_matrix(width / samples.size[1], height / samples.size[0])
    moved = replace(samples, images=resize_images(samples.images, height, width))
    return moved.with_points(affine.apply(matrix, samples.points), samples.labelled)


def center_crop(samples: Samples, side: int | None) -> Samples:
    """Samples cut to the middle `side` pixels of their pictures; None: as they are.

    Points outside are kept: what a network sees may end before the face does.

    Raises:
        SettingsError: the pictures are smaller, or by an odd number larger, so that their
            middle falls between pixels.
    """
    height, width = samples.size
    if side is None:
        return samples
    if min(height, width) < side or (height - side) % 2 or (width - side) % 2:
        raise SettingsError(
            f"the middle {side} pixels were asked for (--view), the pictures are {width}x{height}; "
            f"they must be as large or larger, by an even number"
        )
    top, left = (height - side) // 2, (width - side) // 2
    cut = replace(samples, images=samples.images[:, top : top + side, left : left + side])
    shift = np.array([left, top], dtype=np.float32)
    return cut.with_points(samples.points - shift, samples.labelled)
