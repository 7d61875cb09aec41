"""Finds the marking scheme of each row of a Kaggle table from what is labeled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["find_marking_schemes"]

# a point that is labeled in at least this share of the rows belongs to the narrow scheme
_NARROW_SHARE = 0.9
# rows that each scheme needs: among fewer, one missing label lowers a share below 0.9
_MIN_SCHEME_ROWS = 10


def find_marking_schemes(
    labelled: NDArray[np.bool_], landmarks: LandmarkSet
) -> tuple[NDArray[np.int16], dict[str, tuple[str, ...]]]:
    """Find the marking scheme of each row from the mask of its labels.

    The competition joins two sets of faces: one has labels for 15 points, the other for 4, and
    points of the same name lie in different places. Points that are labeled in at least 90 % of
    the rows form the narrow scheme. Rows without a label for any other point belong to it, and
    all other rows to the wide scheme. Without clear signs of two schemes (`_has_two_schemes`)
    all rows belong to one.

    Args:
        labelled: (N, K) mask of the labels.
        landmarks: the landmark set of the K columns.

    Returns:
        The number of each row's scheme (N,), and for each scheme the names of its points, the
        scheme with more points first. A scheme is named after its number of points, such as
        "15-point".
    """
    narrow_points = np.asarray(labelled.mean(axis=0) >= _NARROW_SHARE)
    narrow_rows = np.asarray(~labelled[:, ~narrow_points].any(axis=1))
    if _has_two_schemes(labelled, narrow_points, narrow_rows):
        few = tuple(n for c, n in enumerate(landmarks.names) if narrow_points[c])
        schemes = {f"{len(landmarks)}-point": landmarks.names, f"{len(few)}-point": few}
        return np.asarray(narrow_rows, dtype=np.int16), schemes
    some = np.asarray(labelled.any(axis=0) | (not labelled.any()))
    marked = tuple(n for c, n in enumerate(landmarks.names) if some[c])
    return np.zeros(len(labelled), dtype=np.int16), {f"{len(marked)}-point": marked}


def _has_two_schemes(
    labelled: NDArray[np.bool_], narrow_points: NDArray[np.bool_], narrow_rows: NDArray[np.bool_]
) -> bool:
    """True if the rows with labels only for the narrow points come from another marking scheme.
    False if some of their labels are just missing.

    A wrong False adds some error to the points that the two schemes mark differently. A wrong
    True is worse: it takes rows away from every column and adds columns with hardly any labels.
    So two schemes must meet three conditions:

    - Both schemes have enough rows to learn from.
    - The narrow scheme has at most half of the points (4 of 15 in the competition). Rows in which
      a part of the face is hidden lack fewer points.
    - The other points are missing together. In the competition 4,765 rows have none of them, and
      only 129 rows have some but not all.
    """
    wide_only = labelled[:, ~narrow_points]
    if not 0 < narrow_points.sum() <= len(narrow_points) / 2 or wide_only.shape[1] < 2:
        return False
    has_some = wide_only.any(axis=1) & ~wide_only.all(axis=1)
    enough = min(narrow_rows.sum(), (~narrow_rows).sum()) >= _MIN_SCHEME_ROWS
    return enough and narrow_rows.sum() > has_some.sum()
