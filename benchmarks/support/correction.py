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
FEWEST = 30  # faces that a point must be labelled in, to be corrected
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)


def fit(
    kind: str,
    predicted: Points,
    truth: Points,
    people: NDArray[np.str_],
    labelled: NDArray[np.bool_] | None = None,
) -> Correction:
    """Fit a correction (N, K, 2) -> (N, K, 2), in pixels, from predictions to the truth.

    Args:
        kind: one of `KINDS`.
        predicted, truth: (N, K, 2) in pixels; the first 68 points are those of 300-W.
        people: (N,); a person is in one part of the cross-validation only.
        labelled: (N, K), the points that have a truth; None: all. A point that is labelled in
            fewer than `FEWEST` faces is not corrected.
    """
    frame = _frame(predicted)
    own, wanted = _into(frame, predicted), _into(frame, truth)
    every = np.ones(predicted.shape[:2], dtype=bool) if labelled is None else labelled
    correct = KINDS[kind](own, np.where(every[..., None], wanted, own), every, people)

    def corrected(points: Points) -> Points:
        frame = _frame(points)
        return _out_of(frame, correct(_into(frame, points)))

    return corrected


def _point(
    own: Points, wanted: Points, labelled: NDArray[np.bool_], people: NDArray[np.str_]
) -> Correction:
    def with_one(points: Points) -> Points:
        return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2)

    inputs = with_one(own)
    maps = np.zeros((own.shape[1], 3, 2))
    maps[:] = np.eye(3)[:, :2]
    for k, rows in enumerate(labelled.T):
        if rows.sum() >= FEWEST:
            maps[k] = np.linalg.lstsq(inputs[rows, k], wanted[rows, k])[0]
    return lambda points: np.einsum("nki,kij->nkj", with_one(points), maps)


def _linear(
    own: Points, wanted: Points, labelled: NDArray[np.bool_], people: NDArray[np.str_]
) -> Correction:
    names = np.random.default_rng(0).permutation(np.unique(people))
    part = {name: i % FOLDS for i, name in enumerate(names)}
    fold = np.array([part[name] for name in people])

    def error(strength: float) -> float:
        """Sum of the distances on the parts that were not fitted on."""
        total = 0.0
        for k in range(FOLDS):
            out = fold == k
            corrected = _ridge(own[~out], wanted[~out], labelled[~out], strength)(own[out])
            total += float(np.linalg.norm(corrected - wanted[out], axis=2)[labelled[out]].sum())
        return total

    return _ridge(own, wanted, labelled, min(STRENGTHS, key=error))


def _ridge(own: Points, wanted: Points, labelled: NDArray[np.bool_], strength: float) -> Correction:
    """Ridge regression of the difference. Points that are labelled in the same faces share a
    solution; a point is fitted on the faces where it is labelled."""
    flat, change = own.reshape(len(own), -1), wanted - own
    parts: list[tuple[NDArray[np.intp], Points, Points, Points]] = []
    patterns, pattern = np.unique(labelled, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        if rows.sum() < FEWEST:
            continue
        columns = np.flatnonzero(pattern == number)
        wish = change[rows][:, columns].reshape(int(rows.sum()), -1)
        mean, shift = flat[rows].mean(axis=0), wish.mean(axis=0)
        centered = flat[rows] - mean
        square = centered.T @ centered + strength * np.eye(centered.shape[1])
        weights = np.linalg.solve(square, centered.T @ (wish - shift))
        parts.append((columns, mean, shift, weights))

    def correct(points: Points) -> Points:
        flat, out = points.reshape(len(points), -1), np.array(points)
        for columns, mean, shift, weights in parts:
            moved = shift + (flat - mean) @ weights
            out[:, columns] += moved.reshape(len(points), len(columns), 2)
        return out

    return correct


KINDS: dict[str, Callable[[Points, Points, NDArray[np.bool_], NDArray[np.str_]], Correction]] = {
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
