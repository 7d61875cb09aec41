"""Marking schemes: points of one name that annotators place differently.

A marking scheme is a set of rules by which annotators place points. A data set may hold labels of
several schemes, in which one name means different places (`Samples.scheme`). A table has such a
point in one column for all schemes (``nose_tip``), or in a column for one scheme
(``nose_tip@4-point``). This module finds the column of a point for a scheme and moves labels and
predictions between columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.landmarks.conversion import (
    Parts,
    conversion_parts,
    mean_of_parts,
    parts_matrix,
)
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, scheme_of, with_scheme

__all__ = [
    "convertible_as_marked",
    "in_scheme_columns",
    "pick_scheme",
    "points_as_marked",
    "points_by_scheme",
    "scheme_columns",
    "scheme_matrix",
    "widest_scheme",
]


def _column(landmarks: LandmarkSet, name: str, scheme: str) -> int | None:
    """The column of a point for a scheme: ``name@scheme`` if there is one, else the plain name."""
    own = name if scheme_of(name) else with_scheme(name, scheme)
    for candidate in (own, name, base_name(name)):
        if candidate in landmarks.names:
            return landmarks.names.index(candidate)
    return None


def pick_scheme(requested: set[str], schemes: Mapping[str, Sequence[str]]) -> str:
    """The marking scheme with the fewest points that has all `requested` points (ties: the first).

    In the competition, an image with requests for eyes, nose and lip belongs to the 4-point
    scheme, and one with a request for a brow to the 15-point scheme.

    Returns:
        Its name. If no scheme has all points, the one with the most points; "" if there are no
        schemes.
    """
    covering = [s for s, names in schemes.items() if requested <= {*map(base_name, names)}]
    if covering:
        return min(covering, key=lambda s: len(schemes[s]))
    return max(schemes, key=lambda s: len(schemes[s]), default="")


def points_by_scheme(samples: Samples) -> dict[str, tuple[str, ...]]:
    """The points of each scheme that has labeled rows.

    These are the points that the scheme lists and any others that are labeled in its rows.
    """
    marked = {}
    for index, (scheme, listed) in enumerate(samples.schemes.items()):
        labelled = np.any(samples.labelled[samples.scheme == index], axis=0)
        if labelled.any():
            columns = zip(samples.landmarks.names, labelled, strict=True)
            marked[scheme] = tuple(name for name, has in columns if has or name in listed)
    return marked


def scheme_columns(landmarks: LandmarkSet, marked: Mapping[str, Sequence[str]]) -> LandmarkSet:
    """A landmark set with separate columns for each scheme.

    Args:
        landmarks: the points of all schemes.
        marked: the points of each scheme; at least one scheme.

    Returns:
        The points of the widest scheme by their plain names, then those of every other scheme
        as ``name@scheme``.
    """
    main = widest_scheme(marked)
    columns = landmarks.subset(marked[main])
    for scheme, names in marked.items():
        if scheme != main:
            columns = columns.union(_renamed(landmarks.subset(names), scheme))
    return columns


def _renamed(landmarks: LandmarkSet, scheme: str) -> LandmarkSet:
    return LandmarkSet(
        names=tuple(with_scheme(n, scheme) for n in landmarks.names),
        eyes=tuple(with_scheme(n, scheme) for n in landmarks.eyes),
        edges=tuple((with_scheme(a, scheme), with_scheme(b, scheme)) for a, b in landmarks.edges),
        mirrorable=landmarks.mirrorable,
    )


def in_scheme_columns(samples: Samples, landmarks: LandmarkSet) -> Samples:
    """Move each row's labels to the columns that `landmarks` has for its marking scheme.

    This gives held-out rows the columns of a run that was trained with "per-scheme". Labels of
    points that `landmarks` lacks are dropped.
    """
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    for index, scheme in enumerate(samples.schemes):
        rows = np.flatnonzero(samples.scheme == index)
        for column, name in enumerate(samples.landmarks.names):
            target = _column(landmarks, name, scheme)
            if target is not None:
                points[rows, target] = samples.points[rows, column]
                labelled[rows, target] = samples.labelled[rows, column]
    return samples.with_points(points, labelled, landmarks)


def points_as_marked(
    points: NDArray[np.float32], have: LandmarkSet, want: LandmarkSet, scheme: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Convert predicted points to the points `want` of one marking scheme.

    A point comes from the model's column for that scheme, else from its plain column, else
    from a conversion (`conversion.convert`: eye centers from the 68 points), which may depend
    on the scheme.

    Args:
        points: (N, len(have), 2) in pixels; or values (N, len(have)) of the points, such as
            squared radii.
        have: all columns of the model.
        want: K points.
        scheme: the scheme that plain names of `want` belong to.

    Returns:
        Points (N, K, 2) or values (N, K), 0 for points that the model cannot give, and the mask
        (K,) of those that it can.
    """
    parts = _marked_parts(have, want, scheme)
    return mean_of_parts(points, parts), np.array([bool(columns) for columns in parts])


def scheme_matrix(
    have: LandmarkSet, want: LandmarkSet, scheme: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The matrix of `points_as_marked`; compare `conversion.conversion_matrix`.

    Returns:
        Weights (len(want), len(have)): a row sums to 1, or is 0 for a point that the model
        cannot give. Mask (len(want),) of the points that it can.
    """
    parts = _marked_parts(have, want, scheme)
    return parts_matrix(parts, len(have)), np.array([bool(columns) for columns in parts])


def convertible_as_marked(have: LandmarkSet, want: LandmarkSet, scheme: str) -> NDArray[np.bool_]:
    """Mask (len(want),) of the points of one scheme that can be computed from `have`."""
    return scheme_matrix(have, want, scheme)[1]


def _marked_parts(have: LandmarkSet, want: LandmarkSet, scheme: str) -> Parts:
    """For each point of `want` as the scheme marks it: the columns of `have` to average."""
    parts = conversion_parts(have, _with_scheme_names(want, scheme))
    for row, name in enumerate(want.names):
        column = _column(have, name, scheme)
        if column is not None:
            parts[row] = [column]
    return parts


def _with_scheme_names(want: LandmarkSet, scheme: str) -> LandmarkSet:
    """Add the scheme to every name, except where two names would then be the same."""
    own = [name if scheme_of(name) else with_scheme(name, scheme) for name in want.names]
    pairs = zip(want.names, own, strict=True)
    names = tuple(name if own.count(named) > 1 else named for name, named in pairs)
    return LandmarkSet(names, mirrorable=False)


def widest_scheme(marked: Mapping[str, Sequence[str]]) -> str:
    """The scheme with the most points (ties: the first); "" if there is none.

    In `scheme_columns` its points keep their plain names.
    """
    return max(marked, key=lambda scheme: len(marked[scheme]), default="")
