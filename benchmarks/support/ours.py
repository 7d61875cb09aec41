"""facepoints as the benchmarks run it."""

from __future__ import annotations

import os
import platform
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
    """The faces of every picture with their 68 points, found as anyone would find them."""
    points = load(model or weights.BUILTIN)
    found: list[list[Face]] = []
    for start in range(0, len(files), BATCH):
        found += points(files[start : start + BATCH])
    return [[face.as_landmarks(IBUG_68) for face in faces] for faces in found]


def about(model: Path | None = None) -> dict[str, Any]:
    """What is measured, and on which machine."""
    read = LandmarkModel.load(model or weights.BUILTIN)
    return {
        "facepoints": __version__,
        "model": read.metadata["checksum"][:16],
        "refinement_passes": read.refinement_passes,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
