"""A linear correction for peers that mark slightly other places than the labels do.

Marking schemes differ in where they put, for example, the third point of the jaw. So that this
is not counted as error, a peer's points are mapped to the labels' by the best linear map,
fitted on faces of the same set whose people are not held out. The map works in the face's own
coordinates (center of the predicted points, size of their box, eyes level), so it does not
depend on the place and the size of the face in the image.

``point``: an affine map per point, 6 numbers each.
``linear``: every coordinate from all predicted coordinates, by ridge regression. Its strength is
chosen by cross-validation on the same faces. It can also correct shapes, and is the most that a
linear map can do for a peer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "fit"]

Points = NDArray[np.float64]
Correction = Callable[[Points], Points]

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FOLDS = 5
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)


def fit(kind: str, predicted: Points, truth: Points, people: NDArray[np.str_]) -> Correction:
    """Fit a correction (N, 68, 2) -> (N, 68, 2), in pixels, from predictions to the truth.

    Args:
        kind: one of `KINDS`.
        predicted, truth: (N, 68, 2) in pixels.
        people: (N,); a person is in one part of the cross-validation only.
    """
    frame = _frame(predicted)
    own, wanted = _into(frame, predicted), _into(frame, truth)
    correct = KINDS[kind](own, wanted, people)

    def corrected(points: Points) -> Points:
        frame = _frame(points)
        return _out_of(frame, correct(_into(frame, points)))

    return corrected


def _point(own: Points, wanted: Points, people: NDArray[np.str_]) -> Correction:
    def with_one(points: Points) -> Points:
        return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2)

    inputs = with_one(own)
    maps = np.stack([np.linalg.lstsq(inputs[:, k], wanted[:, k])[0] for k in range(own.shape[1])])
    return lambda points: np.einsum("nki,kij->nkj", with_one(points), maps)


def _linear(own: Points, wanted: Points, people: NDArray[np.str_]) -> Correction:
    names = np.random.default_rng(0).permutation(np.unique(people))
    part = {name: i % FOLDS for i, name in enumerate(names)}
    fold = np.array([part[name] for name in people])

    def error(strength: float) -> float:
        """Sum of the distances on the parts that were not fitted on."""
        total = 0.0
        for k in range(FOLDS):
            out = fold == k
            left = _ridge(own[~out], wanted[~out], strength)(own[out]) - wanted[out]
            total += float(np.linalg.norm(left, axis=2).sum())
        return total

    return _ridge(own, wanted, min(STRENGTHS, key=error))


def _ridge(own: Points, wanted: Points, strength: float) -> Correction:
    """Ridge regression of the difference."""
    flat = own.reshape(len(own), -1)
    mean = flat.mean(axis=0)
    change = (wanted - own).reshape(len(own), -1)
    shift = change.mean(axis=0)
    centered = flat - mean
    square = centered.T @ centered + strength * np.eye(centered.shape[1])
    weights = np.linalg.solve(square, centered.T @ (change - shift))

    def correct(points: Points) -> Points:
        flat = points.reshape(len(points), -1)
        return (flat + shift + (flat - mean) @ weights).reshape(points.shape)

    return correct


KINDS: dict[str, Callable[[Points, Points, NDArray[np.str_]], Correction]] = {
    "point": _point,
    "linear": _linear,
}

Frame = tuple[Points, Points, Points]  # center (N, 1, 2), size (N, 1, 1), turn (N, 2, 2)


def _frame(points: Points) -> Frame:
    sides = points.max(axis=1) - points.min(axis=1)
    size = np.sqrt(np.maximum(sides.prod(axis=1), 1e-9))[:, None, None]
    across = points[:, LEFT_EYE].mean(axis=1) - points[:, RIGHT_EYE].mean(axis=1)
    angle = np.arctan2(across[:, 1], across[:, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    return points.mean(axis=1, keepdims=True), size, turn


def _into(frame: Frame, points: Points) -> Points:
    center, size, turn = frame
    return np.asarray((points - center) / size @ turn)


def _out_of(frame: Frame, points: Points) -> Points:
    center, size, turn = frame
    return np.asarray(points @ turn.transpose(0, 2, 1) * size + center)
