"""Paths of the weights in the package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BUILTIN", "DETECTOR", "EYES", "LABEL_COVARIANCE", "POINTS", "POINTS_RUN"]

BUILTIN = "builtin"
"""Name of the model in the package, accepted wherever a model file or a run is expected."""

_FOLDER = Path(__file__).parent

POINTS = _FOLDER / "points.onnx"
"""The landmark model (see points.md)."""

POINTS_RUN = _FOLDER / "points"
"""The run folder that `POINTS` was exported from: weights in float16, to fine-tune."""

DETECTOR = _FOLDER / "detector.onnx"
"""The face detector (see detector.md)."""

EYES = _FOLDER / "eyes.onnx"
"""The eye state (see eyes.md)."""

LABEL_COVARIANCE = _FOLDER / "label_covariance.json"
"""Covariance of the errors of the landmark model's points, for `facepoints label`."""
