"""Splits rows by person, and finds groups of near-identical images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = ["CLUSTER", "duplicate_groups", "split_groups", "spread_rows"]


CLUSTER = "picture-"
"""Prefix of the names of duplicate clusters."""

_THUMB = 16  # side of the compared thumbnails, pixels
_SAME = 0.995  # two images are duplicates if their thumbnails correlate at least this much


def duplicate_groups(images: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Cluster near-identical images (N, H, W). Returns the name of each image's cluster (N,).

    Two images are duplicates if their 16x16 thumbnails, normalized for brightness and
    contrast, correlate at 0.995 or more. This finds re-encoded copies and neighboring video
    frames of a still face. A cluster is named after its first row.
    """
    n = len(images)
    thumbs = np.empty((n, _THUMB * _THUMB), dtype=np.float32)
    for row in range(n):
        thumbs[row] = affine.resize(images[row], _THUMB, _THUMB).ravel()
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    thumbs /= np.maximum(np.linalg.norm(thumbs, axis=1, keepdims=True), 1e-6)
    first = np.arange(n)

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = first[first[row]]
            row = int(first[row])
        return row

    for start in range(0, n, 1024):
        alike = thumbs[start : start + 1024] @ thumbs[: start + 1024].T >= _SAME
        for row in np.flatnonzero(np.count_nonzero(alike, axis=1) > 1):
            same = np.flatnonzero(alike[row])
            # unique parents only: a cluster of all rows would take quadratic time otherwise
            roots = [root(int(parent)) for parent in np.unique(first[same])]
            first[roots] = first[same] = min(roots)
    return np.array([f"{CLUSTER}{root(row)}" for row in range(n)], dtype=np.str_)


def split_groups(
    group: NDArray[np.str_], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split row numbers into training and held-out rows, so that no group is in both.

    Args:
        group: (N,) the person or duplicate cluster of every row.
        share: share of the rows to hold out, [0, 1). Random groups are drawn until they hold
            at least this share.
        seed: random seed; the same seed and groups give the same split.

    Returns:
        Row numbers to train on and row numbers to hold out, both ascending.

    Raises:
        DataError: `share` is above 0 and there is only one group.
    """
    names, member = np.unique(group, return_inverse=True)
    rows = np.arange(len(group))
    if share == 0:
        return rows, rows[:0]
    if len(names) < 2:
        raise DataError(
            f"cannot hold out {share:.0%} of the rows: all {len(group)} belong to one person or "
            f"image; add more data, or hold out no rows (`validation=0`)"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(member)[order]
    reached = np.searchsorted(np.cumsum(sizes), share * len(group))
    chosen = order[: int(np.clip(reached + 1, 1, len(names) - 1))]
    held = np.isin(member, chosen)
    return rows[~held], rows[held]


def spread_rows(rows: int, count: int) -> NDArray[np.int64]:
    """At most `count` evenly spaced row numbers from 0 to `rows` - 1, including both."""
    return np.unique(np.linspace(0, rows - 1, min(count, rows)).round().astype(np.int64))
