"""Runs facepoints with its defaults, and describes its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepoints import weights
from facepoints._version import __version__
from facepoints.api import load
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.known_sets import IBUG_68

if TYPE_CHECKING:
    from facepoints.inference.face import Face

__all__ = ["about", "find_faces"]

BATCH = 32


def find_faces(files: Sequence[Path], model: Path | None = None) -> list[list[Face]]:
    """Faces of every image with their 68 points, by a model with default settings."""
    find = load(model or weights.BUILTIN)
    faces: list[list[Face]] = []
    for start in range(0, len(files), BATCH):
        faces += find(files[start : start + BATCH])
    return [[face.as_landmarks(IBUG_68) for face in row] for row in faces]


def about(model: Path | None = None) -> dict[str, Any]:
    """Version of facepoints and of the model that is measured."""
    read = LandmarkModel.load(model or weights.BUILTIN)
    return {
        "facepoints": __version__,
        "model": read.checksum[:16],
        "refinement_passes": read.refinement_passes,
    }
