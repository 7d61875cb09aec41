"""Faces of noise, for the time of a training step: it does not depend on what images show."""

from __future__ import annotations

import numpy as np

from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import KAGGLE_15

__all__ = ["noise_faces"]


def noise_faces(rows: int, size: int = 96) -> Samples:
    """Images of noise with the 15 points of Kaggle's tables at random places, 70 % of them labeled.

    Args:
        rows: number of faces.
        size: side of the images, in pixels.
    """
    rng = np.random.default_rng(0)
    k = len(KAGGLE_15)
    return Samples(
        images=rng.integers(0, 256, (rows, size, size), dtype=np.uint8),
        points=rng.uniform(10, size - 10, (rows, k, 2)).astype(np.float32),
        labelled=rng.random((rows, k)) < 0.7,
        landmarks=KAGGLE_15,
        group=np.array([f"person-{row}" for row in range(rows)], dtype=np.str_),
        names=np.array([f"row-{row}" for row in range(rows)], dtype=np.str_),
        scheme=np.zeros(rows, dtype=np.int16),
        schemes={"noise": KAGGLE_15.names},
    )
