"""Boxes of labeled faces, also of faces that have only some of the points.

A crop is cut by the box of all points of a set. Where labels are missing, the box of the labeled
points alone would be that of a part of the face, and the face would be larger in this crop than in
others. So the missing points are placed first: by a mean shape, mapped to the labeled points by the
best similarity. That is the mean of the faces with all points, if there are some. If not, as for
profiles of which half is labeled, it is the mean face where that has the points, and the mean of
the data set for the others. A point that the mean face does not have, and that only few faces have,
does not count as missing: one wrong label would change the boxes of all other faces.

Where labels lie in a single place and nothing else says how large the face is, it is the box that
the label file has of the face, or a box as large as those of the other faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.splits import spread_rows
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import mean_points

__all__ = ["face_boxes"]

Box = tuple[float, float, float, float]

_ROUNDS = 4  # alignments of the shapes to their mean
_MOST_SHAPES = 500  # faces that the mean is made of
_ENOUGH = 5  # faces with all points, whose mean is taken; faces with a point that may be missing
_RARE = 0.05  # share of the faces that suffices, too, for a point that may be missing
_MISFIT = 0.3
"""Root mean square of what the similarity leaves, as a fraction of the spread of the labeled
points, above which the labels do not have the shape of a face, and only their own box is used."""
_SMALLEST = 1.0  # pixels; the longer side of a smaller box says nothing of the size of a face


def face_boxes(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    landmarks: LandmarkSet,
    in_file: NDArray[np.float64] | None = None,
    where: str = "",
) -> list[Box]:
    """The box (x, y, width, height) of each face, in pixels.

    It is the box around the labeled points, if each point is labeled that more than a few faces
    have. Otherwise it is the box around these and the missing ones, where they probably are.

    Args:
        points: (N, K, 2) in pixels.
        labelled: (N, K); at least one point of each face.
        landmarks: of the K columns.
        in_file: (N, 4) boxes of the faces in the label file, NaN where there is none; None: there
            are none.
        where: beginning of the error message, such as the path of the data.

    Raises:
        DataError: the labels of each face lie in one place, and the label file has no boxes.
    """
    boxes = [affine.bounding_box(p, known) for p, known in zip(points, labelled, strict=True)]
    used = _used(labelled, landmarks)
    partial = np.flatnonzero(~labelled[:, used].all(axis=1))
    if not len(partial):
        return _with_sizes(boxes, in_file, where)
    shape = _mean_shape(points, labelled, used, landmarks)
    shape[~used] = np.nan
    usual = None
    if (labelled[partial].sum(axis=1) == 1).any():
        some = spread_rows(len(points), _MOST_SHAPES).tolist()
        usual = _usual([_fit(shape, points[row], labelled[row]) for row in some])
    for row in partial.tolist():
        known = labelled[row]
        fit = _fit(shape, points[row], known)
        if fit is None and known.sum() == 1 and usual is not None:
            fit = _through(usual, shape[known][0], points[row][known][0])
        if fit is not None:
            missing = affine.apply(fit, shape[~known & np.isfinite(shape).all(axis=1)])
            boxes[row] = affine.bounding_box(np.concatenate([points[row][known], missing]))
    return _with_sizes(boxes, in_file, where)


def _with_sizes(boxes: list[Box], in_file: NDArray[np.float64] | None, where: str) -> list[Box]:
    """The boxes, of which none is a mere point. Arguments and errors as for `face_boxes`."""
    points = [row for row, box in enumerate(boxes) if max(box[2:]) < _SMALLEST]
    if in_file is not None:
        for row in points:
            x, y, width, height = in_file[row].tolist()
            if max(width, height) >= _SMALLEST:  # not NaN
                boxes[row] = x, y, width, height
    sides = [max(box[2:]) for box in boxes if max(box[2:]) >= _SMALLEST]
    if not sides:
        raise DataError(
            f"{where}the labels of each face lie in one place, which does not say how large the "
            f"face is; label two points or more, or add the boxes of the faces as COCO (bbox) or "
            f"imglab (box), or give square crops of the faces as a Kaggle table"
        )
    usual = float(np.median(sides))
    for row in points:
        x, y, width, height = boxes[row]
        if max(width, height) < _SMALLEST:
            boxes[row] = x - (usual - width) / 2, y - (usual - height) / 2, usual, usual
    return boxes


def _used(labelled: NDArray[np.bool_], landmarks: LandmarkSet) -> NDArray[np.bool_]:
    """(K,) the points of which a face that lacks them is incomplete."""
    count = labelled.sum(axis=0)
    _, on_mean_face = mean_points(landmarks)
    return (count > 0) & (on_mean_face | (count >= min(_ENOUGH, _RARE * len(labelled))))


def _mean_shape(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    used: NDArray[np.bool_],
    landmarks: LandmarkSet,
) -> NDArray[np.float64]:
    """A mean shape of faces of which points may be missing, after their positions, sizes and
    rotations are removed (generalized Procrustes analysis).

    It is made of the faces that have all points. If there are few, points of the mean face lie as
    there, and the others are the mean of all faces.

    Args:
        points, labelled, landmarks: as for `face_boxes`.
        used: (K,) points that count.

    Returns:
        (K, 2), placed as in a face, or as on the mean face. NaN for points that no face shows
        together with others that are known.
    """
    complete = labelled[:, used].all(axis=1)
    shape, fixed = mean_points(landmarks)
    if enough := int(complete.sum()) >= _ENOUGH:
        points, labelled = points[complete], labelled[complete]
    count = labelled.sum(axis=1)
    first = int(count.argmax())
    if enough or (fixed & used).sum() < 2:
        shape, fixed = points[first], np.zeros(len(landmarks), dtype=bool)
    shape = np.where((fixed if fixed.any() else labelled[first])[:, None], shape, np.nan)
    start = shape = shape.astype(np.float64)
    rows = np.flatnonzero(count > 1)
    rows = rows[spread_rows(len(rows), _MOST_SHAPES)]
    for _ in range(_ROUNDS):
        total, seen = np.zeros_like(shape), np.zeros(len(shape))
        for row in rows:
            known = labelled[row]
            fit = _fit(shape, points[row], known)
            if fit is not None:
                total[known] += affine.apply(affine.invert(fit), points[row][known])
                seen += known
        if not seen.any():
            break
        shape = np.where(seen[:, None] > 0, total / np.maximum(seen, 1)[:, None], np.nan)
        shape[fixed] = start[fixed]
    return shape


def _fit(
    shape: NDArray[np.float64], points: NDArray[np.float32], known: NDArray[np.bool_]
) -> affine.Matrix | None:
    """The similarity from the shape to the labeled points of a face; None if there is none, if it
    leaves too much, or if two points alone say that the face is upside down: more likely, left and
    right have each other's names."""
    both = known & np.isfinite(shape).all(axis=1)
    if both.sum() < 2:
        return None
    here = points[both].astype(np.float64)
    try:
        fit = affine.fit_similarity(shape[both], here)
        affine.invert(fit)
    except DataError:
        return None
    if both.sum() == 2 and fit[0, 0] < 0:
        return None
    left = here - affine.apply(fit, shape[both])
    spread = here - here.mean(axis=0)
    return fit if (left**2).sum() <= _MISFIT**2 * (spread**2).sum() else None


def _usual(fits: list[affine.Matrix | None]) -> affine.Matrix | None:
    """The usual size and turn of faces, as a map without a shift; None if there is no fit."""
    turned = np.array([complex(*fit[:, 0]) for fit in fits if fit is not None])
    if not len(turned):
        return None
    usual = np.median(np.abs(turned)) * np.exp(1j * np.angle((turned / np.abs(turned)).sum()))
    return np.array([[usual.real, -usual.imag, 0], [usual.imag, usual.real, 0]])


def _through(
    usual: affine.Matrix, place: NDArray[np.float64], point: NDArray[np.float32]
) -> affine.Matrix | None:
    """The map `usual`, shifted so that it leads from `place` to `point`."""
    if not np.isfinite(place).all():
        return None
    shifted = usual.copy()
    shifted[:, 2] = point - affine.apply(usual, place)
    return shifted
