"""First guesses of the points of faces, from what the model sees and from finished faces.

A point that the model gives, itself or by conversion (`landmarks.conversion`), is taken from it;
after `REFIT_EVERY` finished faces its mean difference to the labels is added, and again after each
further `REFIT_EVERY`; of many faces, the difference is regressed. A point that the model cannot
give is regressed from the model's points on the finished faces, from the first of them on
(`regression`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.regression import PointRegressor
from facepoints.labeling.state import FaceRecord, ProjectState, Seen
from facepoints.landmarks.conversion import conversion_matrix
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["REFIT_EVERY", "Guess", "Guesser", "Tested", "refit_due"]

REFIT_EVERY = 20
"""Finished faces after which guesses are fitted again."""

_HIDDEN = 0.5  # visibility below which a point counts as hidden
_MOST_FACES = 2000  # finished faces that guesses are fitted on, the newest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Guess:
    """Where the points of a face probably are.

    Attributes:
        points: (K, 2) in pixels, NaN where there is no guess.
        radius: (K,) 90 % radius in pixels, NaN where there is no guess.
        visible: (K,) probability that the point can be seen, NaN where it is not known.
    """

    points: Array
    radius: Array
    visible: Array

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """(K,) whether each point is probably hidden."""
        return self.visible < _HIDDEN  # False for NaN


@dataclass(frozen=True)
class Tested:
    """A finished face, predicted without having learned from its labels.

    Attributes:
        points: (K, 2) the prediction in pixels, NaN where there is none.
        radius: (K,) its 90 % radius.
        labels: (K, 2) where a person put the points, NaN where they did not.
        seen: (70, 2) the points of the built-in model, NaN if another model saw the face.
    """

    points: Array
    radius: Array
    labels: Array
    seen: Array


def refit_due(finished: int, fitted: int, direct: bool) -> bool:
    """True if guesses should be fitted again.

    Args:
        finished: number of finished faces now.
        fitted: the number at the last fit.
        direct: whether the model gives all points itself, so that a few faces teach nothing.
    """
    if finished < REFIT_EVERY and not direct:
        return finished > fitted
    return finished // REFIT_EVERY > fitted // REFIT_EVERY


@dataclass
class _Fit:
    """What is known for the faces that one model has seen."""

    matrix: Array  # (K, M) of the conversion
    known: NDArray[np.bool_]  # (K,) points that the conversion gives
    regressor: PointRegressor | None = None


@dataclass
class Guesser:
    """Guesses the points of faces.

    Attributes:
        points: that are wanted.
        finished: number of finished faces of the last fit.
        revision: number of fits, and of changes of `points`.
        tested: predictions of finished faces at the last fit.
    """

    points: PointSet = field(default_factory=PointSet)
    finished: int = 0
    revision: int = 0
    tested: list[Tested] = field(default_factory=list, repr=False)
    _fits: dict[str, _Fit] = field(default_factory=dict, repr=False)
    _kept: dict[str, tuple[Seen, Guess]] = field(default_factory=dict, repr=False)

    def prepare(self, state: ProjectState) -> None:
        """Forget all fits if the points are no longer the same."""
        if state.points.names != self.points.names:
            self.points, self.finished = state.points, 0
            self.revision += 1
            self._fits, self._kept, self.tested = {}, {}, []

    def direct(self, state: ProjectState) -> bool:
        """True if all models give all points themselves."""
        return all(self._fit_of(key, state.models[key]).known.all() for key in state.models)

    def fitted(
        self, state: ProjectState, finished: Sequence[tuple[Seen | None, Array]]
    ) -> dict[str, tuple[PointRegressor | None, list[Tested]]]:
        """Regressions of finished faces, for each model, and what they predict for these faces. It
        changes nothing, and takes seconds for thousands of faces.

        Args:
            state: the models.
            finished: what a model sees of each face, and the points (K, 2) of its labels, NaN where
                there is none.
        """
        fits = {}
        for key, landmarks in list(state.models.items()):
            some = [(seen, p) for seen, p in finished if seen is not None and seen.model == key]
            some = some[-_MOST_FACES:]
            fit = self._fit_of(key, landmarks)
            regressor = self._regressor(fit, some)
            builtin = landmarks.names == OPENPOSE_70.names
            tested = self._test(replace(fit, regressor=regressor), some, builtin)
            fits[key] = (regressor, tested)
        return fits

    def take(
        self, fits: dict[str, tuple[PointRegressor | None, list[Tested]]], finished: int
    ) -> None:
        """Use regressions from now on.

        Args:
            fits: of `fitted`.
            finished: number of faces that they were fitted on.
        """
        for key, (regressor, _) in fits.items():
            self._fits[key].regressor = regressor
        self.tested = [one for _, tested in fits.values() for one in tested]
        self.finished = finished
        self.revision += 1
        self._kept = {}

    def _regressor(self, fit: _Fit, faces: Sequence[tuple[Seen, Array]]) -> PointRegressor | None:
        count = len(self.points)
        if not faces or not count:
            return None
        given = np.array([seen.points for seen, _ in faces])
        labels = np.array([points for _, points in faces])
        known = np.asarray(np.isfinite(labels).all(axis=2), dtype=bool)
        if len(faces) < REFIT_EVERY:
            known[:, fit.known] = False  # the model knows better than a few faces
        try:
            return PointRegressor.fit(given, labels, known, self._direct(fit, given))
        except DataError:  # all points of a face at one place
            return None

    def _test(self, fit: _Fit, faces: Sequence[tuple[Seen, Array]], builtin: bool) -> list[Tested]:
        """Predict finished faces as if they had no labels.

        Args:
            builtin: whether the model's points are those of the built-in model.
        """
        if not faces:
            return []
        seen = [one for one, _ in faces]
        unseen = np.full((len(OPENPOSE_70), 2), np.nan)
        points = self._direct(fit, np.array([one.points for one in seen]))
        if fit.regressor is not None:
            points = np.where(np.isfinite(fit.regressor.left_out), fit.regressor.left_out, points)
        guesses = self._compute(fit, seen)
        return [
            Tested(row, guess.radius, labels, one.points if builtin else unseen)
            for row, guess, (one, labels) in zip(points, guesses, faces, strict=True)
        ]

    def _direct(self, fit: _Fit, given: Array) -> Array:
        direct = np.einsum("km,nmd->nkd", fit.matrix, given)
        direct[:, ~fit.known] = np.nan
        return direct

    def _fit_of(self, key: str, landmarks: LandmarkSet) -> _Fit:
        if key not in self._fits:
            count = len(self.points)
            if count:
                matrix, known = conversion_matrix(landmarks, self.points.landmarks())
            else:
                matrix, known = np.zeros((0, len(landmarks))), np.zeros(0, dtype=bool)
            self._fits[key] = _Fit(matrix.astype(np.float64), known)
        return self._fits[key]

    def guess(self, state: ProjectState, face: FaceRecord) -> Guess:
        """The guess of a face."""
        return self.guesses(state, [face])[0]

    def guesses(self, state: ProjectState, faces: Sequence[FaceRecord]) -> list[Guess]:
        """The guesses of faces, computed together and kept until the next fit."""
        self.prepare(state)
        missing: dict[str, list[FaceRecord]] = {}
        for face in faces:
            kept = self._kept.get(face.id)
            if face.seen is not None and (kept is None or kept[0] is not face.seen):
                missing.setdefault(face.seen.model, []).append(face)
        for key, some in missing.items():
            seen = [face.seen for face in some if face.seen is not None]
            found = self._compute(self._fit_of(key, state.models[key]), seen)
            for face, one, guess in zip(some, seen, found, strict=True):
                self._kept[face.id] = (one, guess)
        nothing = np.full(len(self.points), np.nan)
        none = Guess(np.full((len(self.points), 2), np.nan), nothing, nothing)
        return [self._kept[face.id][1] if face.seen is not None else none for face in faces]

    def _compute(self, fit: _Fit, seen: Sequence[Seen]) -> list[Guess]:
        given = np.array([one.points for one in seen])
        points = self._direct(fit, given)
        squares = np.array([one.radius for one in seen]) ** 2 @ fit.matrix.T
        radius = np.sqrt(np.where(fit.known, squares, np.nan))
        if fit.regressor is not None and len(fit.regressor.fits) == len(self.points):
            regressed, wide = fit.regressor.predict(given, points)
            points = np.where(np.isfinite(regressed), regressed, points)
            radius = np.where(np.isfinite(radius), radius, wide)
        visible = np.full(radius.shape, np.nan)
        told = np.array([one.visible is not None for one in seen])
        if told.any():
            values = np.array([one.visible for one in seen if one.visible is not None])
            for k in np.flatnonzero(fit.known):
                visible[told, k] = values[:, fit.matrix[k] > 0].min(axis=1)
        return [Guess(*rows) for rows in zip(points, radius, visible, strict=True)]
