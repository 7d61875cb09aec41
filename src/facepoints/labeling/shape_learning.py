"""The shape model of any point set: from the built-in model's errors and from finished faces.

- Points that the built-in model gives, itself or as means of its points, have the covariance of its
  errors, which the package holds (`weights.LABEL_COVARIANCE`, made by
  `recipes/label_covariance.py`).
- The errors of other points go with those of the model's points around them and of other new points
  nearby (`covariance.converted`).
- As faces are finished, their errors are blended in, the more the more faces there are
  (`covariance.learned`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.errors import DataError, ModelError
from facepoints.imaging import affine
from facepoints.labeling.covariance import converted, learned
from facepoints.labeling.interpolation import interpolation_weights
from facepoints.labeling.shape_model import ShapeModel
from facepoints.landmarks.conversion import conversion_matrix
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["MOST_POINTS", "BuiltinErrors", "builtin_errors", "shape_model_for"]

Array = NDArray[np.float64]

MOST_POINTS = 300
"""Larger point sets have no shape model: the page would be too slow."""
_SMOOTHING = 0.03  # of the interpolation of the model's errors
_ROUNDS = 4  # of the mean shape of labeled faces
_MEAN_FACES = 200  # the newest faces, that the mean shape is made of


@dataclass(frozen=True)
class BuiltinErrors:
    """Errors of the built-in model.

    Attributes:
        model: its 70 points.
        radius: (70,) typical radii, as fractions of the face's size.
    """

    model: ShapeModel
    radius: Array

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads."""
        return {"shape": self.model.to_dict(), "radius": np.round(self.radius, 5).tolist()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BuiltinErrors:
        """Inverse of `to_dict`. Raises DataError if a part is wrong."""
        try:
            model = ShapeModel.from_dict(data["shape"])
            return cls(model, np.array(data["radius"], dtype=np.float64))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the errors of a model: {error!r}") from error


@cache
def builtin_errors() -> BuiltinErrors:
    """The errors of the built-in model, as the package holds them.

    Raises:
        ModelError: the file is missing or damaged.
    """
    path = weights.LABEL_COVARIANCE
    try:
        return BuiltinErrors.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, DataError) as error:
        raise ModelError(f"{path}: not the errors of the built-in model ({error})") from error


def shape_model_for(
    landmarks: LandmarkSet,
    predicted: NDArray,
    labeled: NDArray,
    known: NDArray[np.bool_],
    radius: NDArray,
    seen: NDArray | None = None,
) -> ShapeModel | None:
    """The shape model of a point set.

    Args:
        landmarks: K points.
        predicted: (N, K, 2) predictions of N finished faces in pixels, made without their labels;
            NaN where there was none.
        labeled: (N, K, 2) where a person put the points.
        known: (N, K) which points a person put.
        radius: (N, K) 90 % radii of the predictions in pixels; NaN where there was none.
        seen: (N, 70, 2) the points of `OPENPOSE_70` that the model saw in these faces, NaN for one
            of another model. They tell where on the face new points lie. None: not known.

    Returns:
        The model. None for more than `MOST_POINTS` points, and for points that the built-in model
        cannot give as long as no face shows where they lie.

    Raises:
        DataError: the shapes do not fit each other.
    """
    predicted, labeled = np.asarray(predicted, np.float64), np.asarray(labeled, np.float64)
    count, k = len(predicted), len(landmarks)
    shapes = (predicted.shape, labeled.shape, np.shape(known), np.shape(radius))
    if shapes != ((count, k, 2), (count, k, 2), (count, k), (count, k)):
        raise DataError(f"expected N faces of {k} points, got arrays of the shapes {shapes}")
    if k > MOST_POINTS:
        return None
    own = builtin_errors()
    matrix, given = conversion_matrix(OPENPOSE_70, landmarks)
    matrix = matrix.astype(np.float64)
    recent = slice(max(count - _MEAN_FACES, 0), None)
    if seen is not None and np.isfinite(seen).all(axis=(1, 2)).any():
        shape, placed = shape_on_face(
            own.model.mean_shape, seen[recent], labeled[recent], known[recent]
        )
        shape[given], placed = (matrix @ own.model.mean_shape)[given], placed | given
        for k in np.flatnonzero(placed & ~given):
            share = interpolation_weights(own.model.mean_shape, shape[k], _SMOOTHING)
            matrix[k] = 0 if share is None else share
    else:
        shape, placed = mean_shape_of(
            own.model.mean_shape, matrix, given, labeled[recent], known[recent]
        )
    if not placed.any():
        return None
    covariance = converted(own.model.covariance, own.radius, matrix, given, shape)
    errors, masks = upright_errors(shape, predicted, labeled, known, radius)
    return ShapeModel(landmarks.names, shape, learned(errors, masks, covariance))


def shape_on_face(
    base: Array, seen: NDArray, labeled: Array, known: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Mean positions of labels on the mean face of a model.

    Args:
        base: (M, 2) mean face.
        seen: (N, M, 2) the model's points of each face.
        labeled, known: labels (N, K, 2) and their mask (N, K).

    Returns:
        (K, 2), 0 where no face is labeled, and the mask (K,) of those that are.
    """
    total, count = np.zeros(labeled.shape[1:]), np.zeros(labeled.shape[1])
    for face, points, mask in zip(seen, labeled, known, strict=True):
        if not np.isfinite(face).all() or not np.ptp(face, axis=0).max() > 0:
            continue
        moved = affine.apply(affine.fit_similarity(face, base), np.nan_to_num(points))
        total[mask] += moved[mask]
        count += mask
    return total / np.maximum(count, 1)[:, None], count > 0


def mean_shape_of(
    base: Array, matrix: Array, given: NDArray[np.bool_], labeled: Array, known: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Mean positions of K points: those of the mean face where it has them, of labeled faces else.

    Args:
        base: (M, 2) mean face.
        matrix: (K, M) of the conversion from its points.
        given: (K,) points that the conversion gives.
        labeled, known: labels (N, K, 2) and their mask (N, K).

    Returns:
        (K, 2), 0 where nothing is known, and the mask (K,) of what is known.
    """
    shape, have = matrix @ base, given.copy()
    fixed = given.sum() > 1
    if not fixed and len(labeled):  # the face with the most labels comes first
        first = int(known.sum(axis=1).argmax())
        have = known[first].copy()
        shape = np.where(have[:, None], labeled[first] - labeled[first][have].mean(axis=0), 0.0)
    for _ in range(0 if fixed and given.all() else _ROUNDS):
        total, count = np.zeros_like(shape), np.zeros(len(shape))
        for points, mask in zip(labeled, known, strict=True):
            both = mask & have
            if both.sum() < 2 or not np.ptp(points[both], axis=0).max() > 0:
                continue
            moved = affine.apply(affine.fit_similarity(points[both], shape[both]), points)
            total[mask] += moved[mask]
            count += mask
        new = count > 0
        if fixed:
            new &= ~given
        shape[new] = total[new] / count[new, None]
        have |= new
    return shape, have


def upright_errors(
    shape: Array, predicted: Array, labeled: Array, known: NDArray[np.bool_], radius: NDArray
) -> tuple[Array, NDArray[np.bool_]]:
    """Errors of predictions in the upright frames of the faces, in units of their radii.

    Returns:
        (N, 2 K), 0 where there is no error, and the mask (N, 2 K) of the errors.
    """
    finite = np.isfinite(predicted).all(axis=2) & np.isfinite(radius) & (np.nan_to_num(radius) > 0)
    seen = finite & known
    turns = _turns(shape, np.where(finite[..., None], predicted, 0.0), finite)
    gaps = np.where(seen[..., None], labeled - predicted, 0.0)
    errors = np.einsum("nkd,nde->nke", gaps, turns) / np.where(seen, radius, 1.0)[..., None]
    return errors.reshape(len(errors), 2 * len(shape)), np.repeat(seen, 2, axis=1)


def _turns(shape: Array, points: Array, known: NDArray[np.bool_]) -> Array:
    """Rotations (N, 2, 2) from the upright frame to the picture, as `face_frame` fits them."""
    share = known / np.maximum(known.sum(axis=1, keepdims=True), 1)
    here, there = shape @ np.array([1, 1j]), points @ np.array([1, 1j])
    away = here - (share @ here)[:, None]
    factor = (share * np.conj(away) * there).sum(axis=1)
    angle = np.angle(factor)  # 0 for a face of one point
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
