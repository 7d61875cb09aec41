"""Settings of the page to draw faces and to hide them: colors, and the region of a face."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np

from facepoints.drawing import blur, face_region
from facepoints.drawing.palette import TRACK_COLORS
from facepoints.inference.landmark_weights import LEAST_VISIBLE
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.landmarks.mean_head import MEAN_HEAD

__all__ = ["drawing_settings"]


def drawing_settings(model: ModelMetadata) -> dict[str, Any]:
    """The part "drawing" of the page's settings, JSON-ready.

    Returns:
        track_colors: RGB [0, 255] of the tracks in turn.
        blur: numbers of `drawing.blur`, in sizes of the face or of a cell.
        region: numbers of `drawing.face_region`; columns (n,): the points that the mean head has,
            shape (n, 3) and std (n,): their places on it; head (m, 3): all of it, with its
            forehead.
    """
    shape, std, known = face_region._on_head(model.landmarks)
    columns = np.flatnonzero(known)
    return {
        "track_colors": [list(color) for color in TRACK_COLORS],
        "blur": {
            "sigma": blur._SIGMA,
            "cell": blur._CELL,
            "cell_sigma": blur._CELL_SIGMA,
            "fine": blur._FINE,
        },
        "region": {
            "directions": face_region.DIRECTIONS,
            "margin": signature(blur.blur_faces).parameters["margin"].default,
            "unknown_margin": face_region._UNKNOWN_MARGIN,
            "max_radius": face_region._MAX_RADIUS,
            "largest_head": face_region._LARGEST_HEAD,
            "least_visible": LEAST_VISIBLE,
            "columns": columns.tolist(),
            "shape": shape[columns].tolist(),
            "std": std[columns].tolist(),
            "head": np.concatenate([MEAN_HEAD, face_region.FOREHEAD]).tolist(),
        },
    }
