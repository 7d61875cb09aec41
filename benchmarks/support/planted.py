"""Faults planted in the labels of photos, each as a mistake of a person or a program makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.audit import Cause
from facepoints.datasets.samples import Photos

__all__ = ["GROSS", "KINDS", "Face", "eye_distance", "mirror_pairs", "plant_all", "repeated"]

Points = NDArray[np.float64]


class Face:
    """A labeled face that a fault is planted in.

    Attributes:
        points: (K, 2) in pixels of the photo.
        size: width and height of the photo.
        eyes: distance of the outer corners of the eyes in pixels.
        other: (K, 2), the label of another row.
        mirror: (K,), the column of each point's mirror partner.
        place: pseudo-random numbers.
    """

    def __init__(
        self,
        points: Points,
        size: tuple[int, int],
        eyes: float,
        other: Points,
        mirror: NDArray[np.intp],
        random: np.random.Generator,
    ) -> None:
        self.points, self.size, self.eyes = points, size, eyes
        self.other, self.mirror, self.random = other, mirror, random

    def direction(self, length: float) -> Points:
        """A vector (2,) of this length in a random direction."""
        angle = self.random.uniform(0, 2 * np.pi)
        return length * np.array([np.cos(angle), np.sin(angle)])


def _left_right(face: Face) -> Points:
    return face.points[face.mirror]


def _pair(face: Face) -> Points:
    apart = np.linalg.norm(face.points - face.points[face.mirror], axis=1)
    one = int(face.random.choice(np.flatnonzero(apart > 0)))
    order = np.arange(len(face.points))
    order[[one, face.mirror[one]]] = face.mirror[one], one
    return face.points[order]


def _order(face: Face) -> Points:
    """From the other end, off by one, at random, or the two halves of the list exchanged."""
    count = len(face.points)
    orders = (
        np.arange(count)[::-1],
        np.roll(np.arange(count), 1),
        face.random.permutation(count),
        np.roll(np.arange(count), count // 2),
    )
    return face.points[orders[face.random.integers(len(orders))]]


def _point(face: Face) -> Points:
    """One point off by 10 % of the eye distance."""
    points = face.points.copy()
    points[face.random.integers(len(points))] += face.direction(0.1 * face.eyes)
    return points


def _other(face: Face) -> Points:
    return face.other


def _mirrored(face: Face) -> Points:
    """The label of the photo before it was flipped."""
    return ((face.size[0] - 1, 0) + face.points * (-1, 1))[face.mirror]


def _turned(face: Face) -> Points:
    """The label of the photo before it was turned by a quarter or half."""
    width, height = face.size
    x, y = face.points.T
    turns = ((height - 1 - y, x), (y, width - 1 - x), (width - 1 - x, height - 1 - y))
    return np.column_stack(turns[face.random.integers(3)])


def _scaled(face: Face) -> Points:
    """The label of the photo at another size: 1.15 to 2 times as large, or as small."""
    size = np.exp(face.random.uniform(np.log(1.15), np.log(2)) * face.random.choice([-1, 1]))
    return face.points * size


def _shifted(face: Face) -> Points:
    """All points shifted by 8 to 30 % of the eye distance."""
    return face.points + face.direction(face.random.uniform(0.08, 0.3) * face.eyes)


KINDS: dict[str, tuple[Callable[[Face], Points], Cause]] = {
    "left and right swapped": (_left_right, Cause.LEFT_RIGHT_SWAPPED),
    "one pair swapped": (_pair, Cause.PAIR_SWAPPED),
    "other order": (_order, Cause.WRONG_ORDER),
    "label of another face": (_other, Cause.OTHER_FACE),
    "mirrored photo": (_mirrored, Cause.MIRRORED_IMAGE),
    "turned photo": (_turned, Cause.TURNED_IMAGE),
    "other size": (_scaled, Cause.WRONG_SCALE),
    "shift of 8 to 30 %": (_shifted, Cause.OFFSET),
    "one point off by 10 %": (_point, Cause.POINT_OFF),
}
"""By name: what plants the fault, and the cause that an audit should name."""

GROSS = tuple(name for name in KINDS if name != "one point off by 10 %")
"""The kinds that concern a whole face, or two points."""


def mirror_pairs(points: Points) -> NDArray[np.intp]:
    """The mirror partner (K,) of each point, from the mean shape (K, 2) of upright faces."""
    x = points[:, 0] - (points[:, 0].min() + points[:, 0].max()) / 2
    flipped = np.column_stack([-x, points[:, 1]])
    shape = np.column_stack([x, points[:, 1]])
    partner = np.linalg.norm(flipped[:, None] - shape[None], axis=-1).argmin(axis=1)
    assert (partner[partner] == np.arange(len(points))).all()
    return partner


def eye_distance(photos: Photos, outer: tuple[str, str]) -> NDArray[np.float64]:
    """Distance (N,) of the outer corners of the eyes."""
    a, b = photos.landmarks.columns(outer)
    return np.linalg.norm(photos.points[:, a] - photos.points[:, b], axis=1).astype(np.float64)


def plant_all(
    photos: Photos,
    sizes: NDArray[np.int64],
    eyes: NDArray[np.float64],
    mirror: NDArray[np.intp],
    seed: int,
) -> NDArray[np.float32]:
    """Every label with every fault: (N, kinds, K, 2) in the order of `KINDS`.

    Args:
        sizes: (N, 2), width and height of each photo.
        eyes: (N,), `eye_distance`.
    """
    random = np.random.default_rng(seed)
    out = np.zeros((len(photos), len(KINDS), *photos.points.shape[1:]), np.float32)
    for row in range(len(photos)):
        others = np.flatnonzero(photos.group != photos.group[row])
        other = photos.points[random.choice(others)].astype(np.float64)
        width, height = sizes[row].tolist()
        own = photos.points[row].astype(np.float64)
        face = Face(own, (width, height), float(eyes[row]), other, mirror, random)
        for number, (make, _) in enumerate(KINDS.values()):
            out[row, number] = make(face)
    return out


def repeated(photos: Photos, points: NDArray[np.float32]) -> Photos:
    """Each photo V times, with other points (N, V, K, 2)."""
    count = points.shape[1]

    def images() -> Iterator[NDArray[np.uint8]]:
        for image in photos.read_images():
            for _ in range(count):
                yield image

    rows = np.repeat(np.arange(len(photos)), count)
    return replace(
        photos,
        read_images=images,
        points=points.reshape(-1, *points.shape[2:]),
        labelled=photos.labelled[rows],
        group=photos.group[rows],
        names=photos.names[rows],
        scheme=photos.scheme[rows],
        visibility=None,
        boxes=None if photos.boxes is None else photos.boxes[rows],
    )
