"""Where the labels of each row are expected, after what the second opinion sees.

Everything is measured in the frame of the face that the second opinion found: upright, with the
distance of the outer corners of the eyes as the unit. In this frame the expected point is the
model's point (or the mean of several, by the known conversions) plus the habit of the labels: a
ridge regression on the shape that the model sees, robustly fitted on the rows of other people
(out-of-fold). So a point set of unknown names gets expectations as well, and a habit of the
annotators is no fault.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.geometry import Complex, fit_similarities, median_points, to_complex
from facepoints.audit.opinion import Readings
from facepoints.datasets.marking_schemes import scheme_matrix
from facepoints.datasets.samples import Samples
from facepoints.inference.radius_calibration import DISC_50, DISC_90
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import mean_points

__all__ = ["Expectation", "Framed", "expectation", "frame_faces"]

_PRIOR_ROWS = 15.0  # rows that the prior of a point's scale counts as
_RIDGE = 12.0  # rows that the prior "no dependence on the shape" counts as
_MOST_SHAPES = 16  # shape components that habits may depend on
_ROWS_PER_SHAPE = 8  # rows for each of them
_ROUNDS = 4  # of the robust regression
_UNKNOWN = 0.05  # prior radius of points that the model does not have, eye distances


@dataclass(frozen=True)
class Framed:
    """The labels and the readings of N rows in the frames of F faces each.

    Attributes:
        labels: (N, F, K) labels; NaN beyond the last face.
        seen: (N, F, M) points of the second opinion.
        radius: (N, F, M) its radii.
        a, b: (N, F) the similarity z -> a z + b from crop pixels to the frame.
        valid: (N, F) whether there is a face.
        face: (N,) the face that the labels are nearest to; 0 where there is none.
    """

    labels: Complex
    seen: Complex
    radius: NDArray[np.float64]
    a: Complex
    b: Complex
    valid: NDArray[np.bool_]
    face: NDArray[np.intp]


@dataclass(frozen=True)
class Expectation:
    """Labels of N rows and where they are expected, in the frame of a face.

    Attributes:
        labels: (N, K) complex, in distances of the outer corners of the eyes.
        expected: (N, K) complex, the same; 0 where unknown.
        scale: (N, K), standard deviation of an honest label along an axis.
        mask: (N, K), labeled, and expected somewhere.
        a, b: (N,) the similarity z -> a z + b from crop pixels to the frame.
        valid: (N,) whether there is a face, and so an expectation.
        free: whether the frame was fitted to the labels themselves, for want of images.
    """

    labels: Complex
    expected: Complex
    scale: NDArray[np.float64]
    mask: NDArray[np.bool_]
    a: Complex
    b: Complex
    valid: NDArray[np.bool_]
    free: bool = False

    @property
    def residual(self) -> Complex:
        """(N, K) labels minus expectations, 0 where there is none."""
        return np.where(self.mask, self.labels - self.expected, 0)


def frame_faces(faces: Samples, readings: Readings, landmarks: LandmarkSet) -> Framed:
    """Labels and readings in the frames of the faces that a second opinion sees.

    Args:
        landmarks: the points of the readings.
    """
    canonical = _canonical(landmarks, readings)
    seen = to_complex(readings.points)
    valid = np.asarray(np.isfinite(seen.real).all(axis=2))
    seen = np.where(valid[..., None], seen, 0)
    n, f, m = seen.shape
    target = np.broadcast_to(canonical, (n * f, m))
    a, b = fit_similarities(seen.reshape(n * f, m), target, np.ones((n * f, m)))
    a, b = a.reshape(n, f), b.reshape(n, f)
    a, b = np.where(valid, a, 1), np.where(valid, b, 0)
    labels = a[..., None] * to_complex(faces.points)[:, None] + b[..., None]
    radius = np.abs(a)[..., None] * np.where(valid[..., None], readings.radius, 0)
    count = np.maximum(faces.labelled.sum(axis=1), 1)[:, None]
    middle = (labels * faces.labelled[:, None]).sum(axis=2) / count
    spread = np.sqrt(
        (np.abs(labels - middle[..., None]) ** 2 * faces.labelled[:, None]).sum(axis=2) / count
    )
    usual_middle, usual_spread = (
        np.median(middle[valid].real) + 1j * np.median(middle[valid].imag),
        np.median(spread[valid]) if valid.any() else 1.0,
    )
    away = np.abs(middle - usual_middle) + np.abs(
        np.log(np.maximum(spread, 1e-3) / max(float(usual_spread), 1e-3))
    )
    face = np.where(valid, away, np.inf).argmin(axis=1)
    return Framed(labels, a[..., None] * seen + b[..., None], radius, a, b, valid, face)


def _canonical(landmarks: LandmarkSet, readings: Readings) -> Complex:
    """The mean shape (M,) of the readings, upright, in distances of the outer eye corners."""
    points, known = mean_points(landmarks)
    eye = np.linalg.norm(_outer_eyes()[1] - _outer_eyes()[0])
    if known.sum() >= 2 and known.all():
        return to_complex(points) / eye
    good = np.isfinite(readings.points).all(axis=(2, 3))
    shapes = to_complex(readings.points[good])
    if known.sum() < 2:
        shapes = shapes - shapes.mean(axis=1, keepdims=True)
        size = np.sqrt((np.abs(shapes) ** 2).mean(axis=1, keepdims=True))
        return (shapes / np.maximum(size, 1e-9)).mean(axis=0) * 0.9
    target = np.broadcast_to(np.where(known, to_complex(points) / eye, 0), shapes.shape)
    a, b = fit_similarities(shapes, target, np.broadcast_to(known, shapes.shape).astype(float))
    return (a * shapes + b).mean(axis=0)


def _outer_eyes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from facepoints.landmarks.known_sets import IBUG_68

    points, _ = mean_points(IBUG_68)
    one, other = IBUG_68.columns(("right_eye_outer_corner", "left_eye_outer_corner"))
    return points[one], points[other]


def expectation(
    faces: Samples, framed: Framed, landmarks: LandmarkSet, folds: NDArray[np.intp]
) -> Expectation:
    """Expectations of all rows, with habits learned on the other folds.

    Args:
        landmarks: the points of the second opinion.
        folds: (N,) number of the fold of each row; a person is in one fold.
    """
    rows = np.arange(len(faces))
    base = np.zeros(framed.labels.shape, complex)
    known = np.zeros(faces.labelled.shape, bool)
    radius = np.zeros(framed.labels.shape)
    for index, scheme in enumerate(faces.schemes):
        chosen = faces.scheme == index
        mix, able = scheme_matrix(landmarks, faces.landmarks, scheme)
        mix = mix.astype(np.float64)
        base[chosen] = framed.seen[chosen] @ mix.T
        radius[chosen] = np.sqrt(framed.radius[chosen] ** 2 @ mix.T)
        radius[chosen] = np.where(
            able, radius[chosen], _UNKNOWN + framed.radius[chosen].mean(axis=2, keepdims=True)
        )
        known[chosen] = able
    own = rows, framed.face
    valid = framed.valid[own]
    labels = framed.labels[own]
    mask = faces.labelled & valid[:, None]
    shapes = _shape_scores(framed, own, valid)
    habit = np.zeros(framed.labels.shape, complex)
    habit_known = np.zeros(mask.shape, bool)
    for index in range(len(faces.schemes)):
        chosen = faces.scheme == index
        some = chosen & valid
        for fold in np.unique(folds[chosen]):
            train, test = some & (folds != fold), chosen & (folds == fold)
            if not train.any():
                train = some
            fit = _fit_habit(labels[train] - base[own][train], mask[train], shapes[own][train])
            habit[test] = _predict(fit, shapes[test])
            habit_known[test] = fit.known
    expected = base + habit
    mask = mask & (known | habit_known)
    chosen_expected = np.where(mask, expected[own], 0)
    scale = _scales(labels - chosen_expected, radius[own], mask, valid)
    return Expectation(
        labels=np.where(mask, labels, 0),
        expected=chosen_expected,
        scale=scale,
        mask=mask,
        a=framed.a[own],
        b=framed.b[own],
        valid=valid,
    )


def _shape_scores(
    framed: Framed, own: tuple[NDArray[np.intp], NDArray[np.intp]], valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Principal components (N, F, C) of the shapes that the second opinion sees, of variance 1."""
    shapes = np.concatenate([framed.seen.real, framed.seen.imag], axis=2)
    good = shapes[own][valid]
    count = int(min(_MOST_SHAPES, len(good) // _ROWS_PER_SHAPE, shapes.shape[2]))
    if not count:
        return np.zeros((*shapes.shape[:2], 0))
    mean = good.mean(axis=0)
    _, sizes, axes = np.linalg.svd(good - mean, full_matrices=False)
    deviation = np.maximum(sizes[:count] / np.sqrt(len(good)), 1e-6)
    return np.clip((shapes - mean) @ axes[:count].T / deviation, -4, 4)


@dataclass(frozen=True)
class _Habit:
    """Coefficients (C + 1, K) complex of a regression, and the columns (K,) that it knows."""

    coefficients: Complex
    known: NDArray[np.bool_]


def _fit_habit(gaps: Complex, mask: NDArray[np.bool_], shapes: NDArray[np.float64]) -> _Habit:
    """Robust ridge regression of gaps (n, K) on shapes (n, C): labels far off count less."""
    n, k = gaps.shape
    known = mask.sum(axis=0) > 0
    design = np.column_stack([np.ones(n), shapes])
    size = design.shape[1]
    start = np.zeros((size, k), complex)
    start[0] = median_points(gaps, mask)
    penalty = np.diag([0.0] + [_RIDGE] * (size - 1)) + 1e-6 * np.eye(size)
    products = (design[:, :, None] * design[:, None, :]).reshape(n, size * size)
    targets = np.where(mask, gaps, 0)
    coefficients: Complex = start
    for _ in range(_ROUNDS):
        away = np.where(mask, np.abs(gaps - design @ coefficients), np.nan)
        weights = _weights(away, mask)
        grams = (weights.T @ products).reshape(k, size, size) + penalty
        moments = (weights * targets).T @ design
        coefficients = np.asarray(np.linalg.solve(grams, moments[..., None])[..., 0].T, complex)
    coefficients[:, ~known] = 0
    return _Habit(coefficients, known)


def _weights(away: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights (n, K) of labels that lie (n, K) away: of a row far off, none; of a point, less."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a point without a label, or a row
        usual = np.nanmedian(np.where(mask, away, np.nan), axis=0)
        usual = np.maximum(np.nan_to_num(usual, nan=1.0), 1e-4)
        relative = np.where(mask, away / usual, np.nan)
        row = np.nanmedian(relative, axis=1)
    row = np.nan_to_num(row, nan=1.0)
    limit = max(3.0 * float(np.median(row)), 2.0)
    point = np.minimum(1, 2.5 / np.maximum(np.nan_to_num(relative, nan=1.0), 1e-6))
    point = np.where(np.nan_to_num(relative, nan=1.0) > 6, 0, point)
    return np.asarray(mask * point * (row <= limit)[:, None], np.float64)


def _predict(habit: _Habit, shapes: NDArray[np.float64]) -> Complex:
    """The habit (..., K) for shapes (..., C)."""
    return habit.coefficients[0] + shapes @ habit.coefficients[1:]


def _scales(
    residual: Complex,
    radius: NDArray[np.float64],
    mask: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Standard deviation (N, K) along an axis of honest labels: the model's radius times a factor
    for each point, from the median of its errors."""
    scale = np.maximum(radius, 1e-3) / DISC_90
    with np.errstate(all="ignore"):
        ratio = np.where(mask, np.abs(residual) / scale, np.nan)
        median = np.nanmedian(ratio, axis=0) / DISC_50
    count = mask.sum(axis=0)
    overall = np.nanmedian(median) if np.isfinite(median).any() else 1.0
    squared = np.where(count > 0, np.nan_to_num(median, nan=1.0) ** 2, 0) * count
    factor = np.sqrt((squared + _PRIOR_ROWS * overall**2) / (count + _PRIOR_ROWS))
    return np.where(valid[:, None], scale * factor, 1.0)
