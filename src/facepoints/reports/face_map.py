"""The error of every point, drawn to scale on a mean face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.landmarks.mean_face import MEAN_FACE, mean_points
from facepoints.reports.picture import path_of
from facepoints.reports.table import significant

__all__ = ["FaceMap", "MapPoint", "face_map"]

_SIDE, _EDGE = 560, 50  # longer side of the drawing, and room around it
_FIFTHS = 5
_JAW = 17  # points of the jaw, the first of the mean face


@dataclass(frozen=True)
class MapPoint:
    """A point of a `FaceMap`: its place, the radius of its circle, its class and its tooltip."""

    x: float
    y: float
    r: float
    kind: str
    label: str


@dataclass(frozen=True)
class FaceMap:
    """A drawing of a face with a circle at each point whose radius is the point's error.

    `outline` is a path of the mean face's jaw, for orientation; empty if the points are not known
    on the mean face.
    """

    width: float
    height: float
    edges: str
    outline: str
    points: tuple[MapPoint, ...]


def face_map(truth: Samples, predicted: NDArray[np.float32]) -> FaceMap | None:
    """Draw the root mean square distance of each point, as a part of the face, on a mean face.

    Args:
        truth: labeled faces.
        predicted: (N, K, 2) in the same columns.

    Returns:
        None if no face has two labeled points, which tell its size.
    """
    shape, known = _shape(truth)
    mask = truth.labelled & known
    scale = _scales(truth.points, mask, shape)
    rows = scale > 0
    if not rows.any():
        return None
    distance = np.linalg.norm(predicted[rows] - truth.points[rows], axis=-1)
    relative = np.where(mask[rows], distance / scale[rows, None], 0)
    counts = mask[rows].sum(axis=0)
    error = np.sqrt((relative**2).sum(axis=0) / np.maximum(counts, 1))
    shown = np.flatnonzero(counts > 0)
    on_mean_face = np.array_equal(shape, mean_points(truth.landmarks)[0])
    outline = MEAN_FACE[:_JAW].astype(np.float64) if on_mean_face else shape[:0]
    return _drawn(truth, shape, error, counts, shown, outline)


def _shape(truth: Samples) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places (K, 2) of the points on a face, and the mask (K,) of those that are known.

    They are those of the mean face if it has all labeled points. Else they are the means of the
    labels of the faces with the most labels, after the boxes around these are made equal.
    """
    has = truth.labelled.any(axis=0)
    points, known = mean_points(truth.landmarks)
    if known[has].all():
        return points.astype(np.float64), np.asarray(known & has)
    counts = truth.labelled.sum(axis=1)
    full = truth.labelled[counts == counts.max()]
    pattern = full[0]
    rows = (truth.labelled == pattern).all(axis=1)
    labels = truth.points[rows][:, pattern].astype(np.float64)
    labels = labels - labels.mean(axis=1, keepdims=True)
    size = np.sqrt((labels**2).sum(axis=(1, 2), keepdims=True))
    shape = np.zeros((len(truth.landmarks), 2))
    shape[pattern] = (labels / np.maximum(size, 1e-9)).mean(axis=0)
    return shape, pattern


def _scales(
    points: NDArray[np.float32], mask: NDArray[np.bool_], shape: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pixels (N,) per unit of the shape, by the sizes of both; 0 where fewer than two points
    tell."""
    weight = mask[..., None].astype(float)
    count = np.maximum(mask.sum(axis=1), 1)[:, None, None]

    def size(values: NDArray) -> NDArray[np.float64]:
        center = (values * weight).sum(axis=1, keepdims=True) / count
        return np.sqrt((((values - center) * weight) ** 2).sum(axis=(1, 2)))

    here, there = size(points.astype(np.float64)), size(np.broadcast_to(shape, points.shape))
    usable = (mask.sum(axis=1) >= 2) & (there > 1e-9)
    return np.where(usable, here / np.where(usable, there, 1), 0)


def _drawn(
    truth: Samples,
    shape: NDArray[np.float64],
    error: NDArray[np.float64],
    counts: NDArray[np.int64],
    shown: NDArray[np.int64],
    outline: NDArray[np.float64],
) -> FaceMap:
    every = np.concatenate([shape[shown], outline])
    low, high = every.min(axis=0), every.max(axis=0)
    unit = _SIDE / max(float((high - low).max()), 1e-9)
    placed = (shape - low) * unit + _EDGE
    order = np.argsort(np.argsort(error[shown], kind="stable"), kind="stable")
    fifth = order * _FIFTHS // max(len(shown), 1)
    names = truth.landmarks.names
    width = float((high - low).max())
    points = [
        MapPoint(
            float(placed[k, 0]),
            float(placed[k, 1]),
            max(1.5, min(float(error[k]) * unit, _EDGE - 4.0)),
            f"e{int(group)}",
            f"{names[k]}: {significant(100 * float(error[k]) / width)} % of the face's longer "
            f"side ({int(counts[k])} labels)",
        )
        for k, group in sorted(zip(shown, fifth, strict=True), key=lambda pair: -error[pair[0]])
    ]
    present = set(shown.tolist())
    edges = [e for e in truth.landmarks.edge_columns if present.issuperset(e)]
    drawn = "".join(path_of(placed[list(edge)]) for edge in edges)
    width_drawn, height_drawn = (high - low) * unit + 2 * _EDGE
    jaw = path_of((outline - low) * unit + _EDGE) if len(outline) else ""
    return FaceMap(float(width_drawn), float(height_drawn), drawn, jaw, tuple(points))
