"""The face at rest that expressions are measured against: a person's own, or the mean person's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import HIDDEN, visibility_weights
from facepoints.inference.radius_calibration import DISC_90
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement.expression_factors import POPULATION_COVARIANCE, POPULATION_LENGTHS
from facepoints.measurement.expression_features import (
    FEATURE_POINTS,
    FEATURES,
    MIRROR_SIGNS,
    NAME_MIRROR,
    OPENINGS,
    face_axes,
    feature_rows,
    opening_of,
)
from facepoints.measurement.head_fit import HeadFit, fit_heads
from facepoints.measurement.pose import HeadPose, head_pose

__all__ = [
    "MAX_TURN",
    "NAMES",
    "POPULATION_NEUTRAL",
    "Lengths",
    "Neutral",
    "lengths_of",
    "rest_lengths",
    "turn_of",
]

Array = NDArray[np.float64]

NAMES: tuple[str, ...] = FEATURES + OPENINGS
"""Names of the lengths, then of the openings of the eyes."""
MAX_TURN = 40.0
"""Degrees of yaw or pitch beyond which the depth of a face hides its expression."""

_PROFILE = 60.0  # degrees of yaw from which a face is turned away, whatever its points say
_CALM = 1 / 3  # of the frames of a video are taken as the person at rest
_MOST_SEEN = 600  # frames of a video that are looked at, evenly spread
_MOST_FRAMES = 9.0  # whose errors count as independent: those of one person's frames are alike
_FIXED = np.isin(np.arange(68), (36, 39, 42, 45, *range(27, 36)))  # corners of the eyes, nose
_OWN_STD = 0.010  # of these points about a person's own head
_MOVED_STD = 0.15  # of the others, which expressions move
_DISTANCE = 10.0
"""Assumed distance of the camera, in units of the mean head: 0.9 m. The near side of a turned face
looks larger (POSIT: DeMenthon & Davis 1995, doi:10.1007/BF01450852)."""
_ROUNDS = 2  # of the fit and the depths
_OPEN_LIDS = 0.6  # quantile of a video's openings that counts as rest: eyes blink, hardly widen


@dataclass(frozen=True, eq=False)
class Lengths:
    """The lengths of a face (`expression_features`), in the order of `NAMES`.

    Attributes:
        values: (L,).
        covariance: (L, L) of the errors that the landmarks' errors cause.
        hidden: (L,) where the points cannot be seen.
        points: (68, 2) of the face seen from the front, in axes and units of the eyes.
        slopes: (2,) tangents of the turn of the face to the side and up or down.
    """

    values: Array
    covariance: Array
    hidden: NDArray[np.bool_]
    points: Array
    slopes: Array


def lengths_of(face: Face, pose: HeadPose, shape: Array, std: Array) -> Lengths:
    """The lengths of a face.

    Args:
        face: with points that give the 68 of `IBUG_68`.
        pose: of the head, roughly.
        shape: (68, 3) the head at rest, which is fitted to the face.
        std: (68,) standard deviation of a coordinate of the face's points from it; large for those
            that expressions move.

    Raises:
        DataError: it has no such points.
    """
    points, sigma, visible = _of_68(face)
    doubt = sigma.copy()
    if visible is not None:  # a hidden point counts little
        people = (std * pose.scale) ** 2
        weights = visibility_weights(visible)
        doubt = np.sqrt((people + sigma**2) / weights - people)
    start = HeadFit(pose.turn[None], np.array([pose.scale]), pose.shift[None], np.zeros((1, 3, 3)))
    fit, far = start, points
    for _ in range(_ROUNDS):
        depth = (shape @ fit.turn[0].T)[:, 2]
        nearer = (1 - depth / _DISTANCE)[:, None]
        far = (points - fit.shift[0]) * nearer + fit.shift[0]
        fit = fit_heads(far[None], doubt[None], shape, std, start=fit)
    points = far
    flat = face_axes(points, fit, shape[:, 2])
    back = np.linalg.inv(fit.turn[0][:2, :2])
    stretch = np.sqrt((back**2).sum(axis=1))  # of errors by turning the face to the front
    values, covariance = _measured(flat, sigma[:, None] / fit.scale[0] * stretch)
    hidden = np.zeros(len(NAMES), dtype=bool)
    if visible is not None:
        seen = [visible[list(FEATURE_POINTS[name])].mean() for name in NAMES]
        hidden = np.array(seen) < HIDDEN
    slopes = fit.turn[0][:2, 2] / max(fit.turn[0][2, 2], 0.1)
    return Lengths(values, covariance, hidden, flat, slopes)


def _of_68(face: Face) -> tuple[Array, Array, NDArray[np.float32] | None]:
    """Points (68, 2), their standard deviations (68,) and visibilities (68,) or None."""
    columns = _columns(face.landmarks)
    if columns is None:
        face, columns = face.as_landmarks(IBUG_68), np.arange(68)
    points, radius = face.points[columns], face.radius[columns]
    visible = None if face.visible is None else face.visible[columns]
    return points.astype(np.float64), radius.astype(np.float64) / DISC_90, visible


@lru_cache(maxsize=16)  # a video needs it in every frame
def _columns(landmarks: LandmarkSet) -> NDArray[np.intp] | None:
    """Columns of the 68 points; None if some must be computed."""
    if not set(IBUG_68.names) <= set(landmarks.names):
        return None
    return np.array(landmarks.columns(IBUG_68.names))


def _measured(flat: Array, sigma: Array) -> tuple[Array, Array]:
    """Lengths (L,) and their covariance (L, L) of points with the errors sigma (68, 2)."""
    rows = feature_rows()
    values = list((rows * flat).sum(axis=(1, 2)))
    weighted = (rows * sigma).reshape(len(rows), -1)
    covariance = np.zeros((len(NAMES), len(NAMES)))
    covariance[: len(rows), : len(rows)] = weighted @ weighted.T
    for place, name in enumerate(OPENINGS, start=len(rows)):
        opening, length = opening_of(flat, name.removeprefix("opening"))
        ends = sigma[list(FEATURE_POINTS[name])] ** 2
        variance = ends[2:, 1].sum() / 4 + opening**2 * ends[:2, 0].sum()
        covariance[place, place] = variance / length**2
        values.append(opening)
    return np.array(values), covariance


@dataclass(frozen=True, eq=False)
class Neutral:
    """A face at rest. Make one of a person with `of` or `of_video`.

    Attributes:
        lengths: (L,) in the order of `NAMES`.
        covariance: (L, L) of their errors.
        shape: (68, 3) the head, in units of the mean head.
        std: (68,) how well each of its points is known, and kept by expressions.
        slopes: (2,) tangents of the turn of the face to the side and up or down.
        source: "given" (pictures of the person), "video" (the calmest frames), or "population"
            (the mean person).
    """

    lengths: Array
    covariance: Array
    shape: Array
    std: Array
    slopes: Array
    source: str

    @classmethod
    def of(cls, faces: Face | Sequence[Face]) -> Neutral:
        """The neutral of a person, of one or several faces at rest.

        Examples:
            >>> rest = facepoints.Neutral.of(model("rest.jpg")[0])  # doctest: +SKIP
            >>> facepoints.expressions(face, rest)["jawOpen"]  # doctest: +SKIP

        Raises:
            DataError: no face, one without the points that are needed, or one that is turned by
                more than 40 degrees.
        """
        given = [faces] if isinstance(faces, Face) else list(faces)
        if not given:
            raise DataError("a neutral needs a face at rest, got none")
        return _own([rest_lengths(face) for face in given], "given")

    @classmethod
    def of_video(cls, faces: Sequence[Face]) -> Neutral:
        """The neutral of a person, of all faces of their track.

        The calmest third of the frames is taken, those most like the mean person at rest. The
        eyes count as open in most frames. Faces that are turned away are left out.

        Raises:
            DataError: no face can be used.
        """
        found = []
        for face in faces[:: len(faces) // _MOST_SEEN + 1]:
            try:
                found.append(rest_lengths(face))
            except DataError:
                continue
        return cls.of_lengths(found)

    @classmethod
    def of_lengths(cls, found: Sequence[Lengths]) -> Neutral:
        """The same, of the lengths of the faces of a track.

        Raises:
            DataError: none.
        """
        if not found:
            raise DataError("a neutral needs a face that is turned by at most 40 degrees, got none")
        values = np.array([one.values for one in found])
        weights = np.linalg.inv(POPULATION_NEUTRAL.covariance)
        away = values - POPULATION_NEUTRAL.lengths
        unrest = np.einsum("ni,ij,nj->n", away, weights, away)
        calm = np.argsort(unrest, kind="stable")[: max(round(len(found) * _CALM), 1)]
        neutral = _own([found[k] for k in calm], "video")
        lids = slice(len(FEATURES), None)
        lengths = neutral.lengths.copy()
        lengths[lids] = np.quantile(values[:, lids], _OPEN_LIDS, axis=0)
        return replace(neutral, lengths=lengths)

    def mirrored(self) -> Neutral:
        """The neutral of the mirrored person."""
        swap, sign = NAME_MIRROR, MIRROR_SIGNS
        points = IBUG_68.mirror
        return Neutral(
            self.lengths[swap] * sign,
            self.covariance[np.ix_(swap, swap)] * np.outer(sign, sign),
            self.shape[points] * (-1, 1, 1),
            self.std[points],
            self.slopes * (-1, 1),
            self.source,
        )


def turn_of(pose: HeadPose, lengths: Lengths) -> float:
    """Return the larger turn of a head, to the side or up and down, in degrees.

    The angles of a pose are drawn along by one-sided smiles and open mouths, so those of the points
    that expressions do not move are taken. Only the pose knows a profile, by its hidden points.
    """
    fixed = math.degrees(math.atan(float(np.abs(lengths.slopes).max())))
    return max(fixed, abs(pose.yaw)) if abs(pose.yaw) > _PROFILE else fixed


def rest_lengths(face: Face) -> Lengths:
    """The lengths of a face whose neutral is not known yet.

    Raises:
        DataError: it is turned too far, or lacks the points.
    """
    pose, population = head_pose(face), POPULATION_NEUTRAL
    lengths = lengths_of(face, pose, population.shape, population.std)
    turn = turn_of(pose, lengths)
    if turn > MAX_TURN:
        raise DataError(
            f"a neutral needs a face that is turned by at most {MAX_TURN:.0f} degrees, this one is "
            f"turned by {turn:.0f}"
        )
    return lengths


def _own(found: Sequence[Lengths], source: str) -> Neutral:
    """The neutral of a person of the lengths of faces at rest."""
    covariance = np.mean([one.covariance for one in found], axis=0)
    flat = np.median([one.points for one in found], axis=0)
    return Neutral(
        np.median([one.values for one in found], axis=0),
        covariance / min(len(found), _MOST_FRAMES),
        np.column_stack([flat, MEAN_HEAD[:, 2]]),
        np.where(_FIXED, _OWN_STD, _MOVED_STD),
        np.mean([one.slopes for one in found], axis=0),
        source,
    )


POPULATION_NEUTRAL = Neutral(
    np.array(POPULATION_LENGTHS),
    np.array(POPULATION_COVARIANCE),
    MEAN_HEAD,
    np.where(_FIXED, HEAD_STD, _MOVED_STD),
    np.zeros(2),
    "population",
)
"""The mean person at rest, and how people differ."""
