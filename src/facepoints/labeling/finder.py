"""Finds the faces of pictures for labeling, and faces that a person shows by their eyes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.api import FaceModel
from facepoints.detection import Detection
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop
from facepoints.inference.face import Face
from facepoints.inference.refinement import predict_refined
from facepoints.labeling.state import Box, Seen
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.mean_face import MEAN_BOX, mean_points

__all__ = ["FoundFace", "face_at_eyes", "find_faces"]

_EYES = KAGGLE_15.subset(("right_eye_center", "left_eye_center"))
_NEAREST = 2.0  # pixels between two eyes, at least
_FARTHEST = 0.6  # eye distances by which an eye that the model sees may be off the click


class FoundFace(NamedTuple):
    """A face in a picture: the box around its points, its score, and what the model sees."""

    box: Box
    score: float
    seen: Seen


def find_faces(model: FaceModel, key: str, image: NDArray[np.uint8], name: str) -> list[FoundFace]:
    """The faces that a model finds in a picture.

    Args:
        model: finds them.
        key: of its points in the project (`Project.set_model`).
        image: (H, W, 3) RGB.
        name: path of the picture, for detectors that look it up.
    """
    return [_found(face, key) for face in model.predict_batch([image], [name])[0]]


def _found(face: Face, key: str) -> FoundFace:
    visible = None if face.visible is None else face.visible.astype(np.float64)
    points, radius = face.points.astype(np.float64), face.radius.astype(np.float64)
    return FoundFace(face.box, float(face.score), Seen(key, points, radius, visible))


def face_at_eyes(
    model: FaceModel, key: str, image: NDArray[np.uint8], eyes: Sequence[Sequence[float]]
) -> FoundFace:
    """The face whose two eyes a person clicked, even if no detector finds it.

    The model looks at the upright crop that the eyes give. If it sees eyes elsewhere, its mean face
    is placed by the clicks.

    Args:
        model, key, image: as for `find_faces`.
        eyes: two centers (x, y) in pixels; the eye at the left of the picture first, unless the
            face is upside down.

    Raises:
        SettingsError: the clicks are outside of the picture, or closer than 2 pixels.
    """
    clicked = np.asarray(eyes, dtype=np.float64)
    height, width = image.shape[:2]
    if (clicked < -0.5).any() or (clicked > (width - 0.5, height - 0.5)).any():
        raise SettingsError(f"the eyes must be in the picture, which has {width} x {height} pixels")
    distance = float(np.hypot(*(clicked[1] - clicked[0])))
    if distance < _NEAREST:
        raise SettingsError(f"the two eyes must be {_NEAREST:g} pixels apart or more")
    network = model.model
    matrix = affine.fit_similarity(clicked, _canonical_eyes(model))
    crop = FaceCrop(0, Detection(_box_of(matrix, network.face_box)), matrix)
    _, output = predict_refined(network, [image], [crop], min_score=0.0)
    points, radius = output.points[0].astype(np.float64), output.radius[0].astype(np.float64)
    every = np.ones((1, len(points)), dtype=bool)
    seen_eyes, known = convert(output.points[:1], every, model.landmarks, _EYES)
    off = np.hypot(*(seen_eyes[0] - clicked).T).max()
    if not np.isfinite(points).all() or (known.all() and off > _FARTHEST * distance):
        points = affine.apply(affine.invert(matrix), network.canonical_points).astype(np.float64)
        radius = np.full(len(points), distance / 2)
    visible = None if output.visible is None else output.visible[0].astype(np.float64)
    return FoundFace(affine.bounding_box(points), 1.0, Seen(key, points, radius, visible))


def _canonical_eyes(model: FaceModel) -> NDArray[np.float32]:
    """(2, 2) centers of the eyes in the crops of a model, the one at the left first."""
    canonical = model.model.canonical_points[None].astype(np.float32)
    every = np.ones(canonical.shape[:2], dtype=bool)
    eyes, known = convert(canonical, every, model.landmarks, _EYES)
    if known.all():
        return eyes[0]
    # the model has other points: its face box is that of the mean face
    left, top, width, height = model.model.face_box
    x, y, across, down = MEAN_BOX
    mean, _ = mean_points(_EYES)
    return ((mean - (x, y)) / (across, down) * (width, height) + (left, top)).astype(np.float32)


def _box_of(matrix: affine.Matrix, face_box: Box) -> Box:
    """A box of crop pixels in pixels of the picture."""
    x, y, width, height = face_box
    corners = np.array([(x, y), (x + width, y), (x, y + height), (x + width, y + height)])
    return affine.bounding_box(affine.apply(affine.invert(matrix), corners))
