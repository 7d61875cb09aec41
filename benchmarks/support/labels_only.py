"""The labels of the competition's training file, without its images."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import known_or_plain

__all__ = ["labels_of"]


def labels_of(path: Path) -> Samples:
    """A row per face, pairs of columns ``<point>_x,<point>_y``, blanks where not labeled. The
    images are black."""
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    values = np.array([[float(cell) if cell else np.nan for cell in line] for line in lines])
    points = values.reshape(len(lines), -1, 2)
    labelled = np.asarray(np.isfinite(points).all(axis=2))
    landmarks = known_or_plain([name[:-2] for name in header[::2]])
    names = np.array([f"row-{number}" for number in range(1, len(lines) + 1)])
    return Samples(
        images=np.broadcast_to(np.zeros((1, 96, 96), np.uint8), (len(lines), 96, 96)),
        points=np.where(labelled[..., None], points, 0).astype(np.float32),
        labelled=labelled,
        landmarks=landmarks,
        group=names,
        names=names,
        scheme=np.zeros(len(lines), np.int16),
        schemes={"": landmarks.names},
    )
