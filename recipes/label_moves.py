"""Moves of a simulated annotator on faces of 68 points, for `label_forms.py`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from support.annotator import Labeled  # noqa: E402
from support.tables import Cells  # noqa: E402

from facepoints.labeling.drawn_lines import rows_of  # noqa: E402
from facepoints.labeling.face_state import FaceState  # noqa: E402
from facepoints.labeling.shape_learning import upright_errors  # noqa: E402
from facepoints.labeling.shape_model import ShapeModel, face_frame  # noqa: E402
from facepoints.landmarks.known_sets import IBUG_68  # noqa: E402

__all__ = ["PART", "PARTS", "Faces", "moves_of_parts", "tangents", "upright", "where_moves_go"]

Array = NDArray[np.float64]

PART = 0.03
"""Of the eye distance: every point must be so near."""
NAMES = ("jaw", "right brow", "left brow", "nose", "right eye", "left eye", "mouth")
PARTS = tuple(
    np.arange(*ends)
    for ends in ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
)
"""Points of each part."""


@dataclass(frozen=True)
class Faces:
    """N faces with all 68 points: predicted and true points (N, 68, 2), radii (N, 68), points that
    are read again from a crop that the true points place (validation people only), and which of
    the faces are of validation people."""

    points: Array
    truth: Array
    radius: Array
    again: Array
    held: NDArray[np.bool_]

    def part(self, mask: NDArray[np.bool_]) -> Faces:
        """Some faces."""
        return Faces(*(value[mask] for value in vars(self).values()))

    @property
    def labeled(self) -> Labeled:
        """As the annotator takes them."""
        eyes = np.linalg.norm(self.truth[:, 36] - self.truth[:, 45], axis=1)
        known = np.ones(self.truth.shape[:2], dtype=bool)
        return Labeled((Path(),) * len(eyes), self.truth, known, eyes)


def upright(shape: Array, faces: Faces) -> tuple[Array, Array]:
    """Errors (N, 136) in radii and predicted shapes (N, 68, 2) in face sizes, both upright."""
    known = np.ones(faces.points.shape[:2], dtype=bool)
    errors, _ = upright_errors(shape, faces.points, faces.truth, known, faces.radius)
    shapes = []
    for points in faces.points:
        turn, size = face_frame(points, shape, known[0])
        shapes.append((points - points.mean(axis=0)) @ turn / size)
    return errors, np.array(shapes)


def tangents(shapes: Array) -> Array:
    """(N, 136, 136): rotations of each point's error into directions along and across its row."""
    turned = np.zeros((len(shapes), 136, 136))
    for row in rows_of(IBUG_68.edge_columns, shapes.mean(axis=0)):
        steps = np.gradient(shapes[:, row], axis=1)
        steps /= np.linalg.norm(steps, axis=2, keepdims=True)
        for k, (x, y) in zip(row, steps.transpose(1, 2, 0), strict=True):
            turned[:, 2 * k, 2 * k], turned[:, 2 * k, 2 * k + 1] = x, y
            turned[:, 2 * k + 1, 2 * k], turned[:, 2 * k + 1, 2 * k + 1] = -y, x
    return turned


def where_moves_go(model: ShapeModel, faces: Faces) -> Cells:
    """Moves per face by part, and by whether the point lay off along its outline or across it."""
    turns = tangents(upright(model.mean_shape, faces)[1])
    counts: Counter[tuple[int, bool]] = Counter()
    labeled = faces.labeled
    for row, (points, truth) in enumerate(zip(faces.points, faces.truth, strict=True)):
        state = FaceState(model, points, faces.radius[row])
        turn, _ = face_frame(points, model.mean_shape, np.ones(68, dtype=bool))
        while True:
            gaps = truth - state.points
            away = np.linalg.norm(gaps, axis=1)
            worst = int(away.argmax())
            if away[worst] <= PART * labeled.eyes[row]:
                break
            here = slice(2 * worst, 2 * worst + 2)
            along, across = np.abs(turns[row][here, here] @ (gaps[worst] @ turn))
            part = next(k for k, points in enumerate(PARTS) if worst in points)
            counts[part, bool(along > across)] += 1
            state.place(worst, truth[worst])
    total = len(faces.points)
    return [
        ["part", "along", "across"],
        *(
            [name, f"{counts[k, True] / total:.2f}", f"{counts[k, False] / total:.2f}"]
            for k, name in enumerate(NAMES)
        ),
    ]


def moves_of_parts(model: ShapeModel, faces: Faces, numbers: int) -> NDArray[np.int64]:
    """Moves (N,) if a part can be moved as a whole, once, where that leaves less error.

    Args:
        numbers: 2: a part is shifted; 4: it is shifted, turned and scaled in one move.
    """
    errors, shapes = upright(model.mean_shape, faces)
    counts = []
    for row, eyes in enumerate(faces.labeled.eyes):
        scale = np.repeat(faces.radius[row], 2) / eyes
        size = face_frame(faces.points[row], model.mean_shape, np.ones(68, bool))[1]
        noise = (model.placed_noise * size / eyes) ** 2
        covariance = model.covariance * scale[:, None] * scale
        counts.append(_label(errors[row] * scale, covariance, shapes[row], noise, numbers))
    return np.array(counts)


def _label(error: Array, covariance: Array, shape: Array, noise: float, numbers: int) -> int:
    """Moves of one face; all in eye distances."""
    left, moves, placed = error.copy(), 0, np.zeros(68, dtype=bool)
    parts = [_motions(shape, part)[:numbers] for part in PARTS]
    while True:
        away = np.where(placed, 0, np.hypot(left[::2], left[1::2]))
        if away.max() <= PART:
            return moves
        worst = int(away.argmax())
        own = np.zeros((2, 136))
        own[[0, 1], [2 * worst, 2 * worst + 1]] = 1
        best, chosen = _seen(left, covariance, own, noise), -1
        done = placed | (np.arange(68) == worst)
        least = (np.where(np.repeat(done, 2), 0, best[0]) ** 2).sum()
        for number, shown in enumerate(parts):
            if (away[PARTS[number]] > PART).sum() < 2 or not len(shown):
                continue
            after = _seen(left, covariance, shown, noise)
            rest = (np.where(np.repeat(placed, 2), 0, after[0]) ** 2).sum()
            if rest < least:
                best, least, chosen = after, rest, number
        left, covariance = best
        moves += 1
        if chosen < 0:
            placed = done
        else:
            parts[chosen] = parts[chosen][:0]


def _motions(shape: Array, part: NDArray[np.intp]) -> Array:
    """(4, 136): two shifts, the turn and the scale of a part, each of length 1."""
    away = shape[part] - shape[part].mean(axis=0)
    motions = np.zeros((4, 68, 2))
    motions[0, part, 0] = motions[1, part, 1] = 1
    motions[2, part], motions[3, part] = away, away[:, ::-1] * (-1, 1)
    flat = motions.reshape(4, 136)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _seen(left: Array, covariance: Array, shown: Array, noise: float) -> tuple[Array, Array]:
    """Errors and covariance that are left after a move shows some sums of the errors."""
    follows = shown @ covariance
    gain = np.linalg.solve(follows @ shown.T + noise * np.eye(len(shown)), follows).T
    return left - gain @ (shown @ left), covariance - gain @ follows
