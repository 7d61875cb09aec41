"""The faces of an evaluation: the best and the worst as pictures, and a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.evaluation.matching import Matched
from facepoints.evaluation.summary import normalizers
from facepoints.imaging import affine
from facepoints.reports.picture import Mark, Picture, data_uri, dots, edge_lines
from facepoints.reports.table import Cell, Column, Table, count, number, share, text

__all__ = ["best_and_worst", "face_table"]

_WORST, _BEST = 16, 8
_LISTED = 500  # faces in the table
_FEW = 30  # points, up to which dots are large
_SIDE = 256  # largest side of a picture in pixels


def best_and_worst(matched: Matched) -> tuple[list[Picture], list[Picture]]:
    """The worst faces, largest error first, and the best, smallest first, without overlap."""
    error = _mean_distance(matched)
    rows = np.flatnonzero(np.isfinite(error))
    order = rows[np.argsort(-error[rows], kind="stable")]
    worst = order[: min(_WORST, -(-2 * len(order) // 3))]
    best = order[len(worst) :][::-1][:_BEST]
    return (
        [_picture(matched, int(row), float(error[row])) for row in worst],
        [_picture(matched, int(row), float(error[row])) for row in best],
    )


def _mean_distance(matched: Matched) -> NDArray[np.float64]:
    """Mean distance (N,) of each face's points from their labels in pixels; NaN without labels."""
    labelled = matched.truth.labelled
    distance = np.linalg.norm(matched.predicted - matched.truth.points, axis=-1).astype(float)
    counts = labelled.sum(axis=1)
    total = np.where(labelled, distance, 0).sum(axis=1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def _picture(matched: Matched, row: int, error: float) -> Picture:
    truth = matched.truth
    image, labelled = truth.images[row], truth.labelled[row]
    matrix = np.eye(2, 3)
    if max(image.shape) > _SIDE:
        scale = _SIDE / max(image.shape)
        size = [max(1, round(length * scale)) for length in image.shape]
        matrix = affine.resize_matrix(size[1] / image.shape[1], size[0] / image.shape[0])
        image = affine.resize(image, size[1], size[0])
    labels = affine.apply(matrix, truth.points[row]).astype(np.float64)
    predicted = affine.apply(matrix, matched.predicted[row]).astype(np.float64)
    misses = "".join(
        f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}"
        for a, b in zip(labels[labelled], predicted[labelled], strict=True)
    )
    fine = " fine" if labelled.sum() > _FEW else ""
    marks = [
        Mark("miss", misses),
        Mark("edges prediction", edge_lines(predicted, truth.landmarks, labelled)),
        Mark(f"under{fine}", dots(labels[labelled])),
        Mark(f"dots{fine} label", dots(labels[labelled])),
        Mark(f"under{fine}", dots(predicted[labelled])),
        Mark(f"dots{fine} prediction", dots(predicted[labelled])),
    ]
    name = str(truth.names[row])
    height, width = image.shape[:2]
    return Picture(
        data_uri(image),
        width,
        height,
        [mark for mark in marks if mark.path],
        title=f"{name}: labels and predictions, mean distance {error:.2f} pixels",
        caption=f"{error:.2f} px",
        name=name,
    )


def face_table(matched: Matched, sets: tuple[Sequence[str], NDArray[np.int64]] | None) -> Table:
    """A row per face, largest error first."""
    truth = matched.truth
    error = _mean_distance(matched)
    rows = np.flatnonzero(np.isfinite(error))
    rows = rows[np.argsort(-error[rows], kind="stable")]
    listed = rows[:_LISTED]
    inside = np.linalg.norm(matched.predicted - truth.points, axis=-1) <= matched.radius
    name, (_, length) = next(iter(normalizers(truth).items()))
    with_sets = sets is not None and len(sets[0]) > 1
    columns = [Column("face", numeric=False)]
    columns += [Column("data set", numeric=False)] if with_sets else []
    columns += [Column("marking scheme", numeric=False)] if len(truth.schemes) > 1 else []
    columns += [
        Column("mean distance"),
        Column(f"NME, {name}"),
        Column("within radius"),
        Column("labels"),
    ]
    schemes = list(truth.schemes)
    body = []
    for row in listed:
        labelled = truth.labelled[row]
        cells: list[Cell] = [text(str(truth.names[row]))]
        if sets is not None and with_sets:
            cells.append(text(sets[0][int(sets[1][row])]))
        if len(schemes) > 1:
            cells.append(text(schemes[int(truth.scheme[row])]))
        cells.append(number(float(error[row]), unit=" px"))
        cells.append(share(float(error[row] / length[row]) if length[row] > 0 else None, 2))
        cells.append(share(float(inside[row][labelled].mean()), 0))
        cells.append(count(int(labelled.sum())))
        body.append(cells)
    left = f"the {_LISTED} worst of {len(rows)}" if len(rows) > _LISTED else "all, worst first"
    return Table(columns, body, f"Faces: {left}")
