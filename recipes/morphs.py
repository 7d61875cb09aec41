"""Morphs: faces warped to the shape of another, or blends of two faces.

A network memorizes a few hundred photos before it has seen enough faces. Two faces in a similar
pose make any number of new ones: both are warped to a shape between theirs by a thin-plate spline
through all points (Bookstein 1989, doi:10.1109/34.24792), and the new image is one of them or a
blend of both (morphs, Beier & Neely 1992, doi:10.1145/133994.134003). The points follow from the
spline. In a blend the errors of two labels average out; in a patchwork, where one region shows one
face and the rest the other, each with its own light, nothing is blurred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Faces", "bent", "halved", "joined", "morphs"]

Gray = NDArray[np.uint8]

ALIKE = 60
"""Faces of other people among which the other one is drawn: those whose shape is nearest."""
BENT = (0.3, 1.1)
"""Range of the warp to the other's shape where one face fills the image: 0 none, 1 the other's."""
MIXED = (0.3, 0.7)
"""Range of the warp in a blend, and of the weight of the other face in it."""
PATCHED = (-0.2, 1.1)
"""Range of the warp in a patchwork."""
BLOB = (0.15, 0.4)
"""Radius of the other's part in a patchwork, in face sizes, unless it is half of the image."""
SEAM = (0.02, 0.08)
"""Width of the seam of a patchwork, in face sizes."""
_STEP = 8  # pixels between the places where the spline is computed; it is interpolated in between
_SMOOTH = 1.0  # added to the spline's diagonal: points at the same place must not fold it


@dataclass(frozen=True)
class Faces:
    """N square images with their points.

    Attributes:
        images: (N, S, S) uint8.
        points: (N, K, 2) float64, pixels.
        people: (N,) names; a person's faces are not blended with each other.
    """

    images: Gray
    points: NDArray[np.float64]
    people: NDArray[np.str_]


def joined(parts: Sequence[Faces]) -> Faces:
    """Concatenate several sets."""
    return Faces(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.people for part in parts]),
    )


def halved(faces: Faces) -> Faces:
    """Images and points at half the side."""
    side = faces.images.shape[1] // 2
    small = [cv2.resize(i, (side, side), interpolation=cv2.INTER_AREA) for i in faces.images]
    return Faces(np.stack(small).astype(np.uint8), (faces.points + 0.5) / 2 - 0.5, faces.people)


def morphs(faces: Faces, times: int, rng: np.random.Generator) -> Faces:
    """Make 3 * N * `times` morphs of N faces.

    Every face is warped to the shape of others, blended with others and combined with others in a
    patchwork, each `times` times. Faces without a partner of another person are left out.
    """
    shapes = faces.points - faces.points.mean(axis=1, keepdims=True)
    flat = (shapes / np.linalg.norm(shapes, axis=(1, 2), keepdims=True)).reshape(len(shapes), -1)
    alike = flat @ flat.T
    images, points, people = [], [], []
    for number in range(3 * times * len(faces.images)):
        first = number % len(faces.images)
        near = np.argsort(-alike[first], kind="stable")[: 4 * ALIKE]
        near = near[faces.people[near] != faces.people[first]][:ALIKE]
        if not len(near):
            continue
        second = int(rng.choice(near))
        kind = number // len(faces.images) % 3
        part = rng.uniform(*(BENT, MIXED, PATCHED)[kind])
        target = (1 - part) * faces.points[first] + part * faces.points[second]
        image = bent(faces.images[first], faces.points[first], target)
        if kind > 0:
            other = bent(faces.images[second], faces.points[second], target)
            mask = rng.uniform(*MIXED) if kind == 1 else _patch(target, len(image), rng)
            image = _mixed(image, other, mask)
        images.append(image)
        points.append(target)
        people.append(faces.people[first])
    return Faces(np.stack(images), np.array(points), np.array(people))


def bent(image: Gray, points: NDArray[np.float64], target: NDArray[np.float64]) -> Gray:
    """Warp a square image so that its points (K, 2) move to the target's. Its border stays."""
    side = len(image)
    ends = np.linspace(0, side - 1, 5)
    rim = np.array([(x, y) for x in ends for y in ends if {x, y} & {ends[0], ends[-1]}])
    here, there = np.concatenate([points, rim]), np.concatenate([target, rim])
    spots = np.arange(0, side + _STEP, _STEP, dtype=float)
    grid = np.stack(np.meshgrid(spots, spots), axis=-1)
    moves = _spline(there, here - there, grid.reshape(-1, 2)).reshape(grid.shape)
    ys, xs = np.indices((side, side), dtype=np.float32)
    lies = [
        cv2.remap(moves[..., k].astype(np.float32), xs / _STEP, ys / _STEP, cv2.INTER_LINEAR)
        for k in range(2)
    ]
    drawn = cv2.remap(
        image, xs + lies[0], ys + lies[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(drawn, np.uint8)


def _spline(
    knots: NDArray[np.float64], moves: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The thin-plate spline with `moves` (n, 2) at `knots` (n, 2), at places (m, 2)."""
    count = len(knots)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bends(knots, knots) + _SMOOTH * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1, knots
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.concatenate([moves, np.zeros((3, 2))]))
    return _bends(places, knots) @ weights[:count] + weights[count] + places @ weights[count + 1 :]


def _bends(places: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """r^2 log r of the distances (m, n)."""
    square = ((places[:, None] - knots) ** 2).sum(-1)
    return 0.5 * square * np.log(np.maximum(square, 1e-9))


def _patch(points: NDArray[np.float64], side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(side, side) weight of the second face in a patchwork, from 0 to 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max())
    ys, xs = np.indices((side, side))
    if rng.random() < 0.5:
        x, y = rng.uniform(low + (high - low) / 4, high - (high - low) / 4)
        turn = rng.uniform(0, 2 * np.pi)
        inside = (xs - x) * np.cos(turn) + (ys - y) * np.sin(turn)
    else:
        x, y = points[rng.integers(len(points))]
        inside = rng.uniform(*BLOB) * size - np.hypot((xs - x) / rng.uniform(0.7, 1.4), ys - y)
    return 1 / (1 + np.exp(-np.clip(3 * inside / (rng.uniform(*SEAM) * size), -30, 30)))


def _mixed(first: Gray, second: Gray, part: float | NDArray[np.float64]) -> Gray:
    """Blend two images, the second with the brightness and contrast of the first.

    Args:
        part: weight of the second, [0, 1]; one for all pixels or one for each.
    """
    other = (second - second.mean()) / (second.std() + 5) * (first.std() + 5) + first.mean()
    return ((1 - part) * first + part * other).clip(0, 255).astype(np.uint8)
