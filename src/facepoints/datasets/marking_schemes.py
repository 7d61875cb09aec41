"""Marking schemes: points of one name that several annotators place differently.

A data set may join the work of annotators who mark different places under one name
(`Samples.source`). A table of columns may hold such a point once for all schemes, as
``nose_tip``, or for a scheme of its own, as ``nose_tip@4-point``. Here is what finds the
column of a point as a scheme marks it, and moves labels and predictions between columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.conversion import CONVERSIONS, convert
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, scheme_of, with_scheme

__all__ = [
    "column_for",
    "in_scheme_columns",
    "pick_scheme",
    "points_as_marked",
    "points_by_scheme",
    "scheme_columns",
    "scheme_matrix",
    "source_columns",
    "widest_scheme",
]


def column_for(landmarks: LandmarkSet, name: str, scheme: str) -> int:
    """Column of point `name` as `source` marks it: ``name@source``, else the plain name.

    Raises:
        DataError: the set has neither.
    """
    found = _column(landmarks, name, scheme)
    if found is None:
        raise DataError(
            f"no point '{name}' for the marking scheme '{scheme}' here; "
            f"known points: {', '.join(landmarks.names)}"
        )
    return found


def _column(landmarks: LandmarkSet, name: str, scheme: str) -> int | None:
    own = name if scheme_of(name) else with_scheme(name, scheme)
    for candidate in (own, name, base_name(name)):
        if candidate in landmarks.names:
            return landmarks.names.index(candidate)
    return None


def source_columns(landmarks: LandmarkSet, names: Iterable[str], scheme: str) -> list[int]:
    """`column_for` each of `names`. Raises DataError for one that the set lacks."""
    return [column_for(landmarks, name, scheme) for name in names]


def pick_scheme(requested: set[str], schemes: Mapping[str, Sequence[str]]) -> str:
    """The smallest marking scheme that marks all `requested` points (ties: the first).

    The widest if none does; "" if there are no schemes. Asked for eyes, nose and lip
    only, an image belongs to the 4-point scheme; asked for a brow too, to the 15-point one.
    """
    covering = [s for s, names in schemes.items() if requested <= {*map(base_name, names)}]
    if covering:
        return min(covering, key=lambda s: len(schemes[s]))
    return max(schemes, key=lambda s: len(schemes[s]), default="")


def points_by_scheme(samples: Samples) -> dict[str, tuple[str, ...]]:
    """The points of each scheme that has labelled rows: listed ones and labelled ones."""
    marked = {}
    for index, (scheme, listed) in enumerate(samples.schemes.items()):
        seen = np.any(samples.labelled[samples.scheme == index], axis=0)
        if seen.any():
            named = zip(samples.landmarks.names, seen, strict=True)
            marked[scheme] = tuple(n for n, s in named if s or n in listed)
    return marked


def scheme_columns(landmarks: LandmarkSet, marked: Mapping[str, Sequence[str]]) -> LandmarkSet:
    """Columns for every scheme of its own.

    Args:
        landmarks: the points of all schemes.
        marked: for each scheme, one at least, the points that it marks.

    Returns:
        The points of the scheme with the most (ties: the first) by their plain names, then
        those of every other as ``name@scheme``.
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
    """Every row's labels in the columns that `landmarks` has for its marking scheme.

    For held-out rows of a run that was trained with `sources`. Labels of points that
    `landmarks` lacks are left out.
    """
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    for index, source in enumerate(samples.schemes):
        rows = np.flatnonzero(samples.scheme == index)
        for column, name in enumerate(samples.landmarks.names):
            place = _column(landmarks, name, source)
            if place is not None:
                points[rows, place] = samples.points[rows, column]
                labelled[rows, place] = samples.labelled[rows, column]
    return samples.with_points(points, labelled, landmarks)


def _as_named_by(scheme: str, want: LandmarkSet) -> LandmarkSet:
    """Points with the source in every name, but for those that would then be there twice."""
    own = [name if scheme_of(name) else with_scheme(name, scheme) for name in want.names]
    pairs = zip(want.names, own, strict=True)
    names = tuple(name if own.count(named) > 1 else named for name, named in pairs)
    return LandmarkSet(names, mirrorable=False)


def points_as_marked(
    points: NDArray[np.float32], have: LandmarkSet, want: LandmarkSet, scheme: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Predictions of a run as the points `want` of one marking scheme.

    A point comes from the run's column for that scheme, else from its plain column, else
    through a known conversion (`landmark_sets.convert`: eye centres out of 68 points), which
    may know the scheme.

    Args:
        points: (N, len(have), 2) in pixels.
        have: all columns of the run.
        want: K points asked for.
        source: name of the scheme.

    Returns:
        Points (N, K, 2), 0 where the run has no answer, and which it has (K,).
    """
    out = np.zeros((len(points), len(want), 2), dtype=np.float32)
    able = np.zeros(len(want), dtype=bool)
    marked = _as_named_by(scheme, want)
    for names in CONVERSIONS:
        if set(names) <= set(have.names):
            part, chosen = have.subset(names), points[:, have.columns(names)]
            out, _ = convert(chosen, np.ones(chosen.shape[:2], dtype=bool), part, marked)
            one = np.ones((1, len(names)), dtype=bool)
            able = convert(np.zeros((1, len(names), 2), np.float32), one, part, marked)[1][0]
    for column, name in enumerate(want.names):
        place = _column(have, name, scheme)
        if place is not None:
            out[:, column], able[column] = points[:, place], True
    return out, able


def scheme_matrix(
    have: LandmarkSet, want: LandmarkSet, scheme: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`as_marked_by` as a matrix: how much each point of `have` counts in those of `want`.

    Args:
        source: scheme that plain names of `want` are meant by.

    Returns:
        Weights (len(want), len(have)), whose rows sum to 1 or are 0 for points that cannot be
        had, and which can (len(want),).
    """
    units = np.repeat(np.eye(len(have), dtype=np.float32)[..., None], 2, axis=-1)
    answers, able = points_as_marked(units, have, want, scheme)
    return np.ascontiguousarray(answers[..., 0].T), able


def widest_scheme(marked: Mapping[str, Sequence[str]]) -> str:
    """The scheme that marks the most points (ties: the first), which plain names are meant by
    in `own_columns`; "" if there is none."""
    return max(marked, key=lambda scheme: len(marked[scheme]), default="")
