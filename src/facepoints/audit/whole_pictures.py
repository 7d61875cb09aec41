"""Whole pictures for an audit: the faces that lie beside the crop around a label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation
from facepoints.audit.opinion import ModelOpinion, Readings, SecondOpinion
from facepoints.audit.picture_fit import in_picture
from facepoints.datasets.crops import blank_images
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine

__all__ = ["Pictures", "SeenPicture", "rows_to_see", "see_crops", "see_pictures"]

_SIDE = 512  # pixels that the longer side of a whole picture is read with at most
_MOST_FACES = 12  # of a picture
_BATCH = 64  # pictures in memory
_ALL = 500  # rows up to which the pictures of all are searched
_MOST_ROWS = 1000  # whose pictures are searched
_FACE = 0.5  # score from which a reading is a face
_AWAY = 0.15  # mean error in eye distances from which a picture is searched


@dataclass(frozen=True)
class Pictures:
    """The whole pictures that the crops of N rows were cut from.

    Attributes:
        picture: (N,) number of the picture of each row; rows of one picture have the same.
        read: yields the gray pictures (h, w) uint8 of rows, whose numbers rise. It raises
            DataError for one that cannot be read.
    """

    picture: NDArray[np.int64]
    read: Callable[[Sequence[int]], Iterator[NDArray[np.uint8]]]


@dataclass(frozen=True)
class SeenPicture:
    """What a second opinion sees in the whole picture of a row.

    Attributes:
        width, height: of the picture in pixels.
        points: (F, M, 2) points of its faces, in pixels of the picture.
        radius: (F, M), pixels.
        score: (F,).
    """

    width: float
    height: float
    points: NDArray[np.float64]
    radius: NDArray[np.float64]
    score: NDArray[np.float64]


def rows_to_see(
    faces: Samples, readings: Readings, expected: Expectation, picture: NDArray[np.int64]
) -> tuple[list[int], float]:
    """The rows whose whole pictures are worth a search: their crops show no face or several, their
    labels fit badly, or a picture has several labels near each other. All, if there are few.

    Args:
        picture: (N,) number of the picture of each row.

    Returns:
        The rows, and their share of those that are worth it: of very many, some are chosen.
    """
    some = faces.labelled.any(axis=1)
    if some.sum() > _ALL:
        count = np.maximum(expected.mask.sum(axis=1), 1)
        off = np.abs(expected.residual).sum(axis=1) / count
        sure = (readings.score >= _FACE).sum(axis=1)
        some &= (sure != 1) | (off > _AWAY) | _near_another(faces, picture)
    rows = np.flatnonzero(some)
    count = max(len(rows), 1)
    if len(rows) > _MOST_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).round().astype(np.intp)]
    return [int(row) for row in rows], max(len(rows), 1) / count


def _near_another(faces: Samples, picture: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True (N,) where the middle of a label lies within the label of another row of its picture."""
    near = np.zeros(len(faces), bool)
    _, member, count = np.unique(picture, return_inverse=True, return_counts=True)
    labels = in_picture(faces)
    for number in np.flatnonzero(count > 1):
        rows = np.flatnonzero(member.ravel() == number)
        rows = rows[faces.labelled[rows].any(axis=1)]
        middle = np.array([labels[r, faces.labelled[r]].mean() for r in rows])
        size = np.array(
            [
                np.abs(labels[r, faces.labelled[r]] - m).max()
                for r, m in zip(rows, middle, strict=True)
            ]
        )
        apart = np.abs(middle[:, None] - middle[None]) + np.where(np.eye(len(rows)) > 0, np.inf, 0)
        near[rows] = (apart < size[:, None]).any(axis=1)
    return near


def see_pictures(
    faces: Samples, rows: Sequence[int], pictures: Pictures, opinion: SecondOpinion
) -> dict[int, SeenPicture]:
    """The faces in the whole pictures of some rows.

    Raises:
        DataError: a picture cannot be read.
    """
    if isinstance(opinion, ModelOpinion):
        opinion = replace(opinion, most=_MOST_FACES)
    seen: dict[int, SeenPicture] = {}
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(int(pictures.picture[row]), row)
    every, rows = rows, list(first.values())
    images = iter(pictures.read(rows))
    for start in range(0, len(rows), _BATCH):
        some = list(rows[start : start + _BATCH])
        batch, matrices, sizes = [], [], []
        for image in (next(images) for _ in some):
            height, width = image.shape
            factor = min(1.0, _SIDE / max(height, width))
            matrices.append(affine.resize_matrix(factor, factor))
            sizes.append((float(width), float(height)))
            batch.append(affine.warp(image, matrices[-1], _SIDE, _SIDE, border="black"))
        readings = opinion(_as_samples(faces, some, np.stack(batch), matrices))
        for place, row in enumerate(some):
            seen[row] = _seen(readings, place, affine.invert(matrices[place]), sizes[place])
    return {row: seen[first[int(pictures.picture[row])]] for row in every}


def _as_samples(
    faces: Samples,
    rows: list[int],
    images: NDArray[np.uint8],
    matrices: list[affine.Matrix],
) -> Samples:
    """The rows in their whole pictures, with their labels there."""
    some = replace(faces, images=blank_images(len(faces), 1)).take(rows)
    points = []
    for place, matrix in enumerate(matrices):
        frame = np.eye(2, 3) if some.frame is None else some.frame[place]
        points.append(affine.apply(affine.compose(frame, matrix), some.points[place]))
    frame = np.stack([affine.invert(matrix) for matrix in matrices])
    moved = replace(some, images=images, frame=frame)
    return moved.with_points(np.stack(points).astype(np.float32), some.labelled)


def see_crops(faces: Samples, readings: Readings, rows: Sequence[int]) -> dict[int, SeenPicture]:
    """Return what was seen in the images of some rows, where they are whole pictures."""
    height, width = faces.size
    seen = {}
    for row in rows:
        frame = np.eye(2, 3) if faces.frame is None else faces.frame[row]
        scale = float(np.hypot(frame[0, 0], frame[1, 0]))
        seen[int(row)] = _seen(readings, int(row), frame, (width * scale, height * scale))
    return seen


def _seen(
    readings: Readings, place: int, matrix: affine.Matrix, size: tuple[float, float]
) -> SeenPicture:
    good = np.isfinite(readings.points[place]).all(axis=(1, 2))
    points = readings.points[place][good]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    moved = [affine.apply(matrix, one) for one in points]
    return SeenPicture(
        width=size[0],
        height=size[1],
        points=np.array(moved, np.float64).reshape(points.shape),
        radius=readings.radius[place][good].astype(np.float64) * scale,
        score=readings.score[place][good].astype(np.float64),
    )
