"""Faults that all labels of a set share: an offset or a scale in pixels, another order.

A habit of marking moves points relative to the face. A fault of a program moves them relative to
the picture: all points by the same pixels, whatever the size and the turn of the face. So the mean
error of each face (in eye distances, on the upright face) is split by regression: what grows with
the eye distances that a pixel is, turned as the face is turned, is an offset; what also grows with
the distance to the corner of the picture is a scale; what stays is a habit. In tables of faces of
one size and turn the two cannot be told apart. Then a large shift that all points share is
named, with less confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation, Framed
from facepoints.audit.fault import Cause, Fault
from facepoints.audit.geometry import Complex, assign, median_points
from facepoints.audit.naming import percent
from facepoints.audit.picture_fit import PictureFit, fit_pictures, in_picture, per_pixel
from facepoints.datasets.fixes import Change
from facepoints.datasets.marking_schemes import scheme_matrix
from facepoints.datasets.samples import Samples
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["base_points", "whole_set_faults"]

_FEWEST = 20  # rows of a set
_SURE = 3.3  # least t of an offset or a scale
_MODEL = 0.004  # eye distances by which models err more on small faces than on large ones; clean
# sets of 200 to 640 photos (LFPW, HELEN, AFW, CFP) show 0.001 to 0.008
_LEAST_SHIFT = 0.25  # pixels
_LEAST_SCALE = 0.002
_SNAP = 2.5  # standard errors within which a shift is a multiple of half a pixel
_VARIED = 0.15  # relative deviation of sizes from which habits and offsets can be told apart
_COMMON = 0.03  # least shift, in eye distances, that all points of faces of one size share
_ALIKE = 3.0  # times the spread of the points that a shared shift is at least
_AGREES = 0.3  # share of the offset that points with known names show on faces of usual size
_MISPLACED = 0.12  # least mean error of points in another order, in eye distances
_BETTER = 0.5  # share of this distance that is left in the right order, at most


def base_points(faces: Samples, framed: Framed, landmarks: LandmarkSet) -> Complex:
    """Points (N, K) as the second opinion sees them, without habits; NaN where it cannot say."""
    own = np.arange(len(faces)), framed.face
    out = np.full(faces.labelled.shape, np.nan, complex)
    for index, scheme in enumerate(faces.schemes):
        chosen = faces.scheme == index
        mix, able = scheme_matrix(landmarks, faces.landmarks, scheme)
        seen = framed.seen[own][chosen] @ mix.T.astype(np.float64)
        out[chosen] = np.where(able, seen, np.nan)
    out[~framed.valid[own]] = np.nan
    return out


def whole_set_faults(
    faces: Samples,
    framed: Framed,
    landmarks: LandmarkSet,
    expected: Expectation,
    sets: NDArray[np.int64],
) -> list[Fault]:
    """Faults that all labels of a set share.

    Args:
        framed: labels and readings of the faces (`expectation.frame_faces`).
        landmarks: the points of the readings.
        expected: expectations that know the habits of the labels.
        sets: (N,) the set that each row comes from; -1: not looked at.
    """
    base = base_points(faces, framed, landmarks)
    labels = framed.labels[np.arange(len(faces)), framed.face]
    faults = []
    for number in np.unique(sets[sets >= 0]):
        rows = np.flatnonzero((sets == number) & expected.valid & expected.mask.any(axis=1))
        if len(rows) < _FEWEST:
            continue
        every = tuple(np.flatnonzero(sets == number).tolist())
        known = faces.labelled & np.isfinite(base)
        order = _order(faces, labels[rows], base[rows], known[rows], every)
        if order is not None:
            faults.append(order)
            continue  # errors of points in another order tell no offset
        found = _shift(faces, labels - base, known, expected, rows, every)
        faults += [found] if found is not None else []
    return faults


def _order(
    faces: Samples,
    labels: Complex,
    base: Complex,
    known: NDArray[np.bool_],
    every: tuple[int, ...],
) -> Fault | None:
    """Points in another order in all rows; left and right exchanged is one."""
    columns = np.flatnonzero(known.sum(axis=0) >= max(_FEWEST, 0.2 * len(labels)))
    if len(columns) < 2:
        return None
    apart = np.array(
        [[_apart(labels, base, known, j, k) for j in columns.tolist()] for k in columns.tolist()]
    )
    if not np.isfinite(apart).all():
        return None
    # a few faces may be marked otherwise, so medians; neighbors are not exchanged for little
    chosen = assign(apart**2)
    moved = np.flatnonzero(chosen != np.arange(len(chosen)))
    before = float(np.diag(apart)[moved].mean()) if len(moved) else 0.0
    after = float(apart[moved, chosen[moved]].mean()) if len(moved) else 0.0
    if before < _MISPLACED or after > _BETTER * before:
        return None
    order = np.arange(faces.points.shape[1])
    order[columns] = columns[chosen]
    names = faces.landmarks.names
    cause = Cause.WRONG_ORDER
    if faces.landmarks.mirrorable and len(columns) > 1:
        mirror = faces.landmarks.mirror
        swapped = float(
            np.mean([_apart(labels, base, known, int(mirror[k]), k) for k in columns.tolist()])
        )
        best = float(apart[np.arange(len(columns)), chosen].mean())
        if swapped <= best + 0.25 * (float(np.diag(apart).mean()) - best):
            order[columns] = mirror[columns]
            cause = Cause.LEFT_RIGHT_SWAPPED
            before, after = float(np.diag(apart).mean()), swapped
    changed = np.flatnonzero(order != np.arange(len(order)))
    if cause is Cause.WRONG_ORDER and len(changed) == 2:
        cause = Cause.PAIR_SWAPPED
    what = {
        Cause.LEFT_RIGHT_SWAPPED: "with left and right exchanged",
        Cause.PAIR_SWAPPED: f"with {' and '.join(names[k] for k in changed[:2])} exchanged",
        Cause.WRONG_ORDER: "in another order",
    }[cause]
    evidence = (
        f"In all {len(every)} rows of the set, {len(changed)} points lie {percent(before)} of the "
        f"eye distance from where they are expected; {what} they lie {percent(after)} from there."
    )
    change = Change("reorder", {names[k]: names[order[k]] for k in changed})
    points = tuple(names[k] for k in changed)
    return Fault(every, cause, points, 0.95, evidence, (change,))


def _apart(
    labels: Complex, base: Complex, known: NDArray[np.bool_], label: int, place: int
) -> float:
    """Median distance of the labels of one column to the expected places of another."""
    both = known[:, label] & np.isfinite(base[:, place])
    return float(np.median(np.abs(labels[both, label] - base[both, place]))) if both.any() else 9.0


def _shift(
    faces: Samples,
    raw: Complex,
    known: NDArray[np.bool_],
    expected: Expectation,
    rows: NDArray[np.intp],
    every: tuple[int, ...],
) -> Fault | None:
    """An offset or a scale in pixels."""
    errors = _row_means(expected.residual, expected.mask)[rows]
    pixel = per_pixel(faces, expected.a)[rows]
    places = in_picture(faces)
    middle = _row_means(places, faces.labelled)[rows]
    if float(np.std(pixel)) < _VARIED * float(np.median(np.abs(pixel))):
        return _common_shift(raw[rows], known[rows], pixel, every)
    shifted = fit_pictures(errors, pixel, middle, shift=True, scale=False)
    scaled = fit_pictures(errors, pixel, middle, shift=False, scale=True)
    # standard errors and what models err with the size of faces, in pixels
    model = _MODEL / float(np.median(np.abs(pixel)))
    t_shift = abs(shifted.shift) / float(np.hypot(shifted.shift_error, model))
    away = max(float(np.median(np.abs(middle))), 1.0)
    t_scale = abs(scaled.scale) / float(np.hypot(scaled.scale_error, model / away))
    better = scaled.spread < shifted.spread
    if better and t_scale > _SURE and abs(scaled.scale) > _LEAST_SCALE:
        return _scale_fault(scaled, t_scale, len(rows), every)
    common = _shared(raw[rows], known[rows])[0] / float(np.median(np.abs(pixel)))
    # the shift of a face of usual size agrees, or the names of the points do not tell it
    along = (common * np.conj(shifted.shift)).real / max(abs(shifted.shift) ** 2, 1e-12)
    if t_shift > _SURE and abs(shifted.shift) > _LEAST_SHIFT and not along < _AGREES:
        return _shift_fault(shifted, common, t_shift, pixel, every)
    return None


def _row_means(values: Complex, mask: NDArray[np.bool_]) -> Complex:
    """Mean (N,) of the values (N, K) in the mask."""
    return np.asarray((values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))


def _sure(t: float) -> float:
    """Confidence of an estimate that is t errors from 0."""
    return round(float(1 / (1 + np.exp(-1.3 * (t - 3)))) * 0.97, 4)


def _shift_fault(
    found: PictureFit, common: complex, t: float, pixel: Complex, every: tuple[int, ...]
) -> Fault:
    # without habits, the shift that all points share is more exact
    pairs = (found.shift.real, common.real), (found.shift.imag, common.imag)
    x, y = (_snapped(slope, level, found.shift_error) for slope, level in pairs)
    sizes = np.quantile(1 / np.abs(pixel), (0.1, 0.9))
    evidence = (
        f"All labels of the set lie ({x:+.2f}, {y:+.2f}) pixels off ({found.shift.real:+.2f}, "
        f"{found.shift.imag:+.2f}, each +-{found.shift_error:.2f}), as many pixels for small faces "
        f"as for large ones (80 % have {sizes[0]:.0f} to {sizes[1]:.0f} pixels between the eyes)."
    )
    matrix = [[1.0, 0.0, round(-x, 3)], [0.0, 1.0, round(-y, 3)]]
    change = Change("transform", matrix, in_picture=True)
    return Fault(every, Cause.OFFSET, (), _sure(t), evidence, (change,))


def _snapped(slope: float, level: float, error: float) -> float:
    """A shift along an axis by the slope and, if it agrees, by the level: a multiple of half a
    pixel if it may be one."""
    value = level if abs(slope - level) <= _SNAP * error else slope
    near = round(2 * value) / 2
    return near if abs(slope - near) <= _SNAP * error else slope


def _scale_fault(found: PictureFit, t: float, count: int, every: tuple[int, ...]) -> Fault:
    # the error is seen on labels that are already scaled: label = factor * place
    factor = 1 / (1 - found.scale)
    evidence = (
        f"The labels of the set lie off by {100 * found.scale:+.2f} % of their distance to the "
        f"picture's first pixel (+-{100 * found.scale_error:.2f} %, {count} faces): they are those "
        f"of pictures {factor:.4f} times as large."
    )
    matrix = [[round(1 / factor, 6), 0.0, 0.0], [0.0, round(1 / factor, 6), 0.0]]
    change = Change("transform", matrix, in_picture=True)
    return Fault(every, Cause.WRONG_SCALE, (), _sure(t), evidence, (change,))


def _shared(raw: Complex, known: NDArray[np.bool_]) -> tuple[complex, float]:
    """The error that all points share, in eye distances, and how much they differ from it."""
    some = known.sum(axis=0) >= _FEWEST
    if some.sum() < 3:
        return complex(np.nan), np.nan
    habits = median_points(np.where(known, raw, 0), known)[some]
    shared = complex(np.median(habits.real), np.median(habits.imag))
    return shared, float(np.median(np.abs(habits - shared)))


def _common_shift(
    raw: Complex, known: NDArray[np.bool_], pixel: Complex, every: tuple[int, ...]
) -> Fault | None:
    """A shift that all points share, where all faces have one size and turn."""
    shared, spread = _shared(raw, known)
    if not (abs(shared) >= _COMMON and abs(shared) >= _ALIKE * spread):  # or none is known
        return None
    shift = shared / complex(np.median(pixel.real), np.median(pixel.imag))
    evidence = (
        f"All points of the set lie ({shift.real:+.2f}, {shift.imag:+.2f}) pixels off, "
        f"{percent(abs(shared))} of the eye distance, and differ by {percent(spread)} only from "
        f"each other. All faces have about one size, so that a habit of the annotators is not "
        f"ruled out."
    )
    matrix = [[1.0, 0.0, round(-shift.real, 3)], [0.0, 1.0, round(-shift.imag, 3)]]
    change = Change("transform", matrix, in_picture=True)
    return Fault(every, Cause.OFFSET, (), 0.6, evidence, (change,))
