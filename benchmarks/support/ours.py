"""Runs facepoints with its defaults, and describes its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints._version import __version__
from facepoints.api import load
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.known_sets import IBUG_68

from .sets import COLUMNS, LEFT_EYE, RIGHT_EYE

if TYPE_CHECKING:
    from facepoints.inference.face import Face

__all__ = ["about", "find_faces", "has_pupils", "points_of", "radius_of", "visible_of"]

BATCH = 32


def find_faces(files: Sequence[Path], model: Path | None = None) -> list[list[Face]]:
    """Faces of every image, by a model with default settings."""
    find = load(model or weights.BUILTIN)
    faces: list[list[Face]] = []
    for start in range(0, len(files), BATCH):
        faces += find(files[start : start + BATCH])
    return faces


def has_pupils(face: Face) -> bool:
    """True if the face has pupils of its own."""
    return set(COLUMNS) <= set(face.landmarks.names)


def points_of(faces: Sequence[Face]) -> NDArray[np.float64]:
    """Points (N, 70, 2) of faces, in the columns of `sets.COLUMNS`. The pupils of a model without
    pupils are the means of the six points around each eye."""
    rows = np.zeros((len(faces), len(COLUMNS), 2))
    for row, face in zip(rows, faces, strict=True):
        row[:68] = face.as_landmarks(IBUG_68).points
        row[68:] = row[RIGHT_EYE].mean(axis=0), row[LEFT_EYE].mean(axis=0)
        if has_pupils(face):
            row[68:] = face.points[face.landmarks.columns(COLUMNS[68:])]
    return rows


def radius_of(faces: Sequence[Face]) -> NDArray[np.float64]:
    """Radii (N, 70) of faces in pixels; NaN for pupils that the model lacks."""
    rows = np.full((len(faces), len(COLUMNS)), np.nan)
    for row, face in zip(rows, faces, strict=True):
        row[:68] = face.as_landmarks(IBUG_68).radius
        if has_pupils(face):
            row[68:] = face.radius[face.landmarks.columns(COLUMNS[68:])]
    return rows


def visible_of(faces: Sequence[Face]) -> NDArray[np.float64] | None:
    """Chance (N, 68) that each point is visible; None if the model does not say."""
    values = [getattr(face, "visible", None) for face in faces]
    if not values or any(value is None for value in values):
        return None
    columns = faces[0].landmarks.columns(COLUMNS[:68])
    return np.array([np.asarray(value, dtype=np.float64)[columns] for value in values])


def about(model: Path | None = None) -> dict[str, Any]:
    """Version of facepoints and of the model that is measured."""
    read = LandmarkModel.load(model or weights.BUILTIN)
    return {
        "facepoints": __version__,
        "model": read.checksum[:16],
        "refinement_passes": read.refinement_passes,
        "points": len(read.landmarks),
    }
