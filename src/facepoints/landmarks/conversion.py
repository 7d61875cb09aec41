"""Computes the points of one landmark set from the points of another.

A point is either a point of the other set or the mean of several (`known_sets.CONVERSIONS`): an
eye center is the mean of the six points around the eye. So a conversion is linear, and
`conversion_matrix` is its matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.landmarks.known_sets import CONVERSIONS
from facepoints.landmarks.landmark_set import LandmarkSet, base_name

__all__ = [
    "Parts",
    "check_convertible",
    "conversion_matrix",
    "conversion_parts",
    "convert",
    "convertible",
    "mean_of_parts",
    "parts_matrix",
]

Parts = list[list[int]]
"""For each wanted point, the columns that are averaged to compute it. A column that is listed n
times has n times the weight. The list is empty for a point that cannot be computed."""


def conversion_matrix(
    have: LandmarkSet, want: LandmarkSet
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The conversion from one set to another as a matrix.

    Returns:
        Weights (len(want), len(have)): a row sums to 1, or is 0 for a point that cannot be
        computed. Mask (len(want),) of the points that can be computed.

    Examples:
        >>> from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
        >>> weights, known = conversion_matrix(IBUG_68, KAGGLE_15)
        >>> weights.shape, bool(known.all())
        ((15, 68), True)
    """
    parts = conversion_parts(have, want)
    return parts_matrix(parts, len(have)), np.array([bool(columns) for columns in parts])


def convertible(have: LandmarkSet, want: LandmarkSet) -> NDArray[np.bool_]:
    """Mask (len(want),) of the points of `want` that can be computed from those of `have`."""
    return np.array([bool(columns) for columns in _parts(have, want)])


def check_convertible(have: LandmarkSet, want: LandmarkSet) -> None:
    """Raises DataError if a point of `want` cannot be computed from the points of `have`."""
    known = convertible(have, want)
    if not known.all():
        lacking = [name for name, k in zip(want.names, known, strict=True) if not k]
        raise DataError(
            f"no point {', '.join(lacking[:3])}{', ...' if len(lacking) > 3 else ''} can be "
            f"computed from the {len(have)} points of this model; choose other points"
        )


def convert(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    have: LandmarkSet,
    want: LandmarkSet,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Compute the points of the set `want` from the points of the set `have`.

    A point in both sets is copied. A point that is a mean of points of `have` is labeled where
    all of them are labeled. Any other point is unlabeled. A column of a marking scheme
    ("nose_tip@4-point") falls back to the plain name if nothing is known for the scheme.

    Args:
        points: (N, K, 2) in pixels; or values (N, K) or (N, K, D) of the points, such as
            squared radii.
        labelled: (N, K).

    Returns:
        Points (N, len(want), ...), 0 where unlabeled, and the mask (N, len(want)).
    """
    parts = conversion_parts(have, want)
    out = mean_of_parts(points, parts)
    mask = np.zeros((len(points), len(want)), dtype=bool)
    copied, sources = _copied(parts)
    mask[:, copied] = labelled[:, sources]
    for column, columns in enumerate(parts):
        if len(columns) > 1:
            mask[:, column] = labelled[:, columns].all(axis=1)
    out[~mask] = 0
    return out, mask


def conversion_parts(have: LandmarkSet, want: LandmarkSet) -> Parts:
    """For each point of `want`, the columns of `have` that are averaged to compute it."""
    return [list(columns) for columns in _parts(have, want)]


@lru_cache(maxsize=512)
def _parts(have: LandmarkSet, want: LandmarkSet) -> tuple[tuple[int, ...], ...]:
    """`conversion_parts`, computed once: every face of a video is converted alike."""
    means: dict[str, tuple[str, ...]] = {}
    for names, made in CONVERSIONS.items():
        if set(names) <= set(have.names):
            means |= made
    parts: Parts = []
    for name in want.names:
        if name in have.names:
            parts.append(have.columns((name,)))
        elif name in means:
            parts.append(have.columns(means[name]))
        elif base_name(name) in means:
            parts.append(have.columns(means[base_name(name)]))
        elif base_name(name) in have.names:
            parts.append(have.columns((base_name(name),)))
        else:
            parts.append([])
    return tuple(tuple(columns) for columns in parts)


def mean_of_parts(values: NDArray[np.floating], parts: Parts) -> NDArray[np.float32]:
    """Average the columns of each part: values (N, K, ...) to (N, len(parts), ...).

    A point with an empty part gets 0.

    The result equals the product with `parts_matrix` up to rounding. Here the columns are added
    in order, so the last bit is the same on every processor and for every shape.
    """
    out = np.zeros((len(values), len(parts), *values.shape[2:]), dtype=np.float32)
    copied, sources = _copied(parts)
    out[:, copied] = values[:, sources]
    for column, columns in enumerate(parts):
        if len(columns) > 1:
            total = values[:, columns[0]]
            for other in columns[1:]:
                total = total + values[:, other]
            out[:, column] = total / len(columns)
    return out


def _copied(parts: Parts) -> tuple[list[int], list[int]]:
    """The points that are copies of one column, and these columns."""
    copied = [column for column, columns in enumerate(parts) if len(columns) == 1]
    return copied, [parts[column][0] for column in copied]


def parts_matrix(parts: Sequence[Sequence[int]], width: int) -> NDArray[np.float32]:
    """The parts as weights (len(parts), width) of the columns; each row sums to 1, or is 0."""
    counts = np.zeros((len(parts), width), dtype=np.float32)
    for row, columns in enumerate(parts):
        np.add.at(counts[row], list(columns), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
