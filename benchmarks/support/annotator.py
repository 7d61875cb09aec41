"""A simulated annotator: drags the worst point to its true place, or draws a line along a row of
points, until all points are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.labeling.face_state import FaceState
from facepoints.labeling.guesses import REFIT_EVERY
from facepoints.labeling.regression import PointRegressor
from facepoints.labeling.shape_learning import shape_model_for, upright_errors
from facepoints.labeling.shape_model import ShapeModel, face_frame
from facepoints.landmarks.conversion import conversion_matrix
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet

from .ours import find_faces, points_of, radius_of

__all__ = [
    "Labeled",
    "Placing",
    "Seen",
    "after",
    "moves_needed",
    "never_right",
    "read",
    "see",
    "smooth_line",
]

Array = NDArray[np.float64]

NEAR = 0.5
"""A predicted face belongs to a labeled one if the middles of their points are closer than this, as
a fraction of the side of the box of the labels."""


@dataclass(frozen=True)
class Labeled:
    """N labeled faces.

    Attributes:
        files: N images.
        points: (N, K, 2) true points in pixels.
        known: (N, K) which of them are labeled.
        eyes: (N,) distance of the outer eye corners in pixels.
    """

    files: tuple[Path, ...]
    points: Array
    known: NDArray[np.bool_]
    eyes: Array

    def take(self, rows: NDArray[np.intp]) -> Labeled:
        """These faces only."""
        files = tuple(self.files[row] for row in rows)
        return Labeled(files, self.points[rows], self.known[rows], self.eyes[rows])


@dataclass(frozen=True)
class Seen:
    """What the built-in model sees of N faces: points (N, 70, 2) and radii (N, 70); NaN for faces
    that were not found."""

    points: Array
    radius: Array

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,)."""
        return np.asarray(np.isfinite(self.radius).all(axis=1), dtype=bool)

    def take(self, rows: NDArray[np.intp]) -> Seen:
        """These faces only."""
        return Seen(self.points[rows], self.radius[rows])


def read(
    data: Path, folder: str, names: Sequence[str], eyes: tuple[str, str], held_out: bool
) -> tuple[Labeled, LandmarkSet]:
    """Read the faces of the test people, or of the others, that have all of some points.

    Args:
        names: of the points; empty: all of the set.
        eyes: names of the outer corners of the eyes.

    Raises:
        DataError: it is not a set of photos.
    """
    photos = readers.read(data / folder, split="training")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / folder}: expected photos with labeled faces")
    out = np.isin(photos.group, sorted(read_people(data / "held-out.txt")))
    chosen = photos.landmarks.subset(tuple(names) or photos.landmarks.names)
    columns, (a, b) = photos.landmarks.columns(chosen.names), photos.landmarks.columns(eyes)
    points = photos.points.astype(np.float64)
    whole = photos.labelled[:, [*columns, a, b]].all(axis=1)
    rows = np.flatnonzero((out == held_out) & whole)
    labeled = Labeled(
        tuple(data / folder / str(name).partition("#")[0] for name in photos.names[rows]),
        points[rows][:, columns],
        photos.labelled[rows][:, columns],
        np.linalg.norm(points[rows, a] - points[rows, b], axis=1),
    )
    return labeled, LandmarkSet.of_names(chosen.names)


def see(labeled: Labeled, model: Path | None) -> Seen:
    """Find the labeled faces with the built-in model, or another one of 68 points or more."""
    photos = tuple(dict.fromkeys(labeled.files))
    found = dict(zip(photos, find_faces(photos, model), strict=True))
    points = np.full((len(labeled.files), 70, 2), np.nan)
    radius = np.full((len(labeled.files), 70), np.nan)
    for row, (file, truth) in enumerate(zip(labeled.files, labeled.points, strict=True)):
        if not found[file]:
            continue
        every = points_of(found[file])
        away = np.linalg.norm(every[:, 17:68].mean(axis=1) - truth.mean(axis=0), axis=1)
        nearest = int(away.argmin())
        if away[nearest] < NEAR * np.ptp(truth, axis=0).max():
            points[row], radius[row] = every[nearest], radius_of(found[file])[nearest]
    return Seen(points, radius)


@dataclass(frozen=True)
class Placing:
    """First guesses of K points, and how they move together.

    Attributes:
        landmarks: the points.
        regressor: fitted to finished faces; None: there are too few.
        model: how points move together; None: each by itself.
        finished: number of finished faces.
    """

    landmarks: LandmarkSet
    regressor: PointRegressor | None
    model: ShapeModel | None
    finished: int

    def guess(self, seen: Seen) -> tuple[Array, Array]:
        """Points (N, K, 2) and radii (N, K) of faces; NaN where there is no guess."""
        matrix, given = conversion_matrix(OPENPOSE_70, self.landmarks)
        points = np.einsum("km,nmd->nkd", matrix, seen.points)
        radius = np.sqrt(seen.radius**2 @ matrix.T)
        points[:, ~given], radius[:, ~given] = np.nan, np.nan
        if self.regressor is not None:
            better, wide = self.regressor.predict(seen.points, points)
            points = np.where(np.isfinite(better), better, points)
            radius = np.where(np.isfinite(radius), radius, wide)
        return points, radius


def after(landmarks: LandmarkSet, labeled: Labeled, seen: Seen) -> Placing:
    """Fit guesses and shape model to finished faces, as `labeling.guesses` does."""
    count, k = len(labeled.files), len(landmarks)
    given = conversion_matrix(OPENPOSE_70, landmarks)[1]
    start = Placing(landmarks, None, None, 0)
    predicted, _ = start.guess(seen)
    regressor = None
    known = labeled.known.copy()
    if count < REFIT_EVERY:
        known[:, given] = False
    if known.any():
        regressor = PointRegressor.fit(seen.points, labeled.points, known, predicted)
        left_out = regressor.left_out
        predicted = np.where(np.isfinite(left_out), left_out, predicted)
    guesses = Placing(landmarks, regressor, None, count)
    radius = guesses.guess(seen)[1] if count else np.zeros((0, k))
    model = shape_model_for(
        landmarks, predicted, labeled.points, labeled.known, radius, seen.points
    )
    return Placing(landmarks, regressor, model, count)


def moves_needed(
    model: ShapeModel,
    points: Array,
    radius: Array,
    labeled: Labeled,
    part: float,
    rows: Sequence[Sequence[int]] = (),
    *,
    sliding: Sequence[Sequence[int]] = (),
) -> NDArray[np.int64]:
    """Moves (N,) until every labeled point is within a part of the eye distance.

    Each move drags the point that is farthest from its true place exactly there, or draws the true
    line of one of the rows: whatever leaves less error, the sum of squares over the points. A row
    is drawn once, and only if two of its points are wrong.

    Args:
        model: how points move together.
        points: (N, K, 2) first guesses.
        radius: (N, K) their radii.
        labeled: the true places.
        part: of the eye distance.
        rows: numbers of the points along which a line can be drawn; none: points are dragged only.
        sliding: rows whose points are right if they lie near the true line, wherever along it.
    """
    needed = np.zeros(len(points), dtype=np.int64)
    faces = zip(points, radius, labeled.points, labeled.known, labeled.eyes, strict=True)
    for number, (start, wide, truth, known, eyes) in enumerate(faces):
        lines = [smooth_line(truth[list(row)]) for row in rows]
        slides = {tuple(row): smooth_line(truth[list(row)]) for row in sliding}
        state, left = FaceState(model, start, wide), list(range(len(rows)))
        while True:
            away = _away(state, truth, known, slides)
            if away.max() <= part * eyes:
                break
            worst = int(away.argmax())
            dragged = state.copy()
            dragged.place(worst, truth[worst])
            best, least, drawn = dragged, _left(dragged, truth, known, slides), None
            for row in left:
                if (away[list(rows[row])] > part * eyes).sum() < 2:
                    continue
                other = state.copy()
                other.draw(rows[row], lines[row])
                error = _left(other, truth, known, slides)
                if error < least:
                    best, least, drawn = other, error, row
            if drawn is not None:
                left.remove(drawn)
            state = best
            needed[number] += 1
    return needed


def smooth_line(places: Array, pieces: int = 8) -> Array:
    """Corners of a smooth line through places (M, 2): a Catmull-Rom spline (Catmull and Rom 1974,
    doi:10.1016/B978-0-12-079050-0.50020-5), as a person would draw it."""
    ends = [2 * places[0] - places[1], *places, 2 * places[-1] - places[-2]]
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None]
    corners = [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False)
    ]
    return np.concatenate([*(piece / 2 for piece in corners), places[-1:]])


def _away(
    state: FaceState,
    truth: Array,
    known: NDArray[np.bool_],
    slides: Mapping[tuple[int, ...], Array],
) -> Array:
    """Distances (K,) from the true places, or from the true lines of rows that may slide. Points
    without a place are infinitely far."""
    points = state.points
    away = np.linalg.norm(points - truth, axis=1)
    for row, line in slides.items():
        away[list(row)] = np.minimum(away[list(row)], _off_line(line, points[list(row)]))
    return np.where(known, np.where(np.isnan(away), np.inf, away), 0.0)


def _off_line(line: Array, points: Array) -> Array:
    """Distances (N,) of points (N, 2) from a line through corners (M, 2)."""
    start, step = line[:-1], np.diff(line, axis=0)
    gaps = points[:, None] - start
    along = (gaps * step).sum(axis=2) / np.maximum((step**2).sum(axis=1), 1e-12)
    feet = np.clip(along, 0, 1)[..., None] * step
    return np.asarray(np.linalg.norm(gaps - feet, axis=2).min(axis=1), dtype=np.float64)


def _left(
    state: FaceState,
    truth: Array,
    known: NDArray[np.bool_],
    slides: Mapping[tuple[int, ...], Array],
) -> float:
    away = _away(state, truth, known, slides)
    return float((away[np.isfinite(away)] ** 2).sum())


def never_right(
    model: ShapeModel, points: Array, radius: Array, labeled: Labeled, part: float
) -> NDArray[np.int64]:
    """Points (N,) of each face that would still be wrong if all other points were in their true
    places: what no covariance can know."""
    errors, _ = upright_errors(model.mean_shape, points, labeled.points, labeled.known, radius)
    wrong = np.zeros(len(points), dtype=np.int64)
    every = np.ones(len(model), dtype=bool)
    for row, (start, wide, eyes) in enumerate(zip(points, radius, labeled.eyes, strict=True)):
        size = face_frame(start, model.mean_shape, every)[1]
        noise = np.repeat((model.placed_noise * size / wide) ** 2, 2)
        inverse = np.linalg.inv(model.covariance + np.diag(noise))
        for index in range(len(model)):
            # the error of a normal variable given all others, from the inverse covariance
            here = slice(2 * index, 2 * index + 2)
            left = np.linalg.solve(inverse[here, here], inverse[here] @ errors[row])
            wrong[row] += bool(np.linalg.norm(left) * wide[index] > part * eyes)
    return wrong
