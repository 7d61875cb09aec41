"""Joins data sets to one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.crops import resize_samples
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import CLUSTER, duplicate_groups
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["concatenate", "groups_across"]


def groups_across(sets: Sequence[Samples], data: Samples) -> NDArray[np.str_]:
    """Groups (N,) of all rows, with duplicates clustered anew across the sets.

    Each set numbers its own clusters. Kept as they are, one number would mean different images
    in two sets, and an image in both sets would be in two clusters.
    """
    clusters = np.concatenate([np.char.startswith(s.group, CLUSTER) for s in sets])
    rows = np.flatnonzero(clusters)
    group = data.group.astype(object)
    group[rows] = duplicate_groups(data.images[rows])
    return group.astype(np.str_)


def concatenate(parts: Sequence[Samples]) -> Samples:
    """Join data sets to one table with all rows and all columns.

    Images are resized to the size of the first set. Columns that a set lacks are unlabeled in
    its rows.

    Raises:
        DataError: no set was given, or two schemes of one name mark different points.
    """
    if not parts:
        raise DataError("expected at least one data set, got none")
    if len(parts) == 1:
        return parts[0]
    landmarks = parts[0].landmarks
    schemes: dict[str, tuple[str, ...]] = {}
    for part in parts:
        landmarks = landmarks.union(part.landmarks)
        for name, marked in part.schemes.items():
            if schemes.setdefault(name, marked) != marked:
                raise DataError(
                    f"two data sets use the marking scheme name '{name}' for different points"
                )
    order = list(schemes)
    fitted = [_in_columns(resize_samples(part, *parts[0].size), landmarks) for part in parts]
    return Samples(
        images=np.concatenate([p.images for p in fitted]),
        points=np.concatenate([p.points for p in fitted]),
        labelled=np.concatenate([p.labelled for p in fitted]),
        landmarks=landmarks,
        group=np.concatenate([p.group for p in fitted]),
        names=np.concatenate([p.names for p in fitted]),
        scheme=np.concatenate(
            [np.array([order.index(s) for s in p.schemes], np.int16)[p.scheme] for p in fitted]
        ),
        schemes=schemes,
        visibility=_joined_visibility(fitted),
        frame=_joined_frames(fitted),
    )


def _joined_visibility(parts: Sequence[Samples]) -> NDArray[np.int8] | None:
    """Visibility of all rows; unknown (-1) in sets that have none."""
    if all(part.visibility is None for part in parts):
        return None
    return np.concatenate([
        np.full(part.labelled.shape, -1, np.int8) if part.visibility is None else part.visibility
        for part in parts
    ])  # fmt: skip


def _joined_frames(parts: Sequence[Samples]) -> NDArray[np.float64] | None:
    """Frames of all rows; the images themselves in sets whose images were not cut."""
    if all(part.frame is None for part in parts):
        return None
    whole = np.eye(2, 3)
    return np.concatenate([
        np.broadcast_to(whole, (len(part), 2, 3)) if part.frame is None else part.frame
        for part in parts
    ])  # fmt: skip


def _in_columns(samples: Samples, landmarks: LandmarkSet) -> Samples:
    """Move samples to the columns of a larger landmark set. New columns are unlabeled."""
    index = landmarks.columns(samples.landmarks.names)
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    points[:, index], labelled[:, index] = samples.points, samples.labelled
    moved = samples.with_points(points, labelled, landmarks)
    if samples.visibility is None:
        return moved
    visibility = np.full(labelled.shape, -1, dtype=np.int8)
    visibility[:, index] = samples.visibility
    return replace(moved, visibility=visibility)
