"""Evaluates a model on label files, or on labeled faces in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facepoints import weights
from facepoints.api import FaceModel
from facepoints.datasets.combine import load_dataset
from facepoints.datasets.samples import Samples
from facepoints.drawing import check_charts
from facepoints.errors import SettingsError
from facepoints.evaluation.evaluate import CalibratedModel
from facepoints.evaluation.evaluate import evaluate as evaluate_samples
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.loading import load_model, model_for_crops

__all__ = ["evaluate"]


def evaluate(
    data: Samples | str | Path | Sequence[str | Path],
    *,
    model: str | Path | FaceModel | CalibratedModel = weights.BUILTIN,
    out: str | Path | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Measure the error of a model on labeled faces.

    Args:
        data: labeled faces, or label files that `load_dataset` reads with its defaults.
        model: "builtin", an ONNX file, a run folder, or a model that `load` returned; its
            landmark model is measured, without its face detector.
        out: folder for ``evaluation.json``, the error curve and the worst faces; None: nothing
            is written.
        device: where a model that is named by a path runs: "cpu", "cuda", "cuda:N" or "auto"
            (CUDA if there is one).

    Returns:
        The report; its keys are those of ``evaluation.json``.

    Raises:
        DataError: no label, or no labeled point that the model predicts.
        ModelError, RunError: the model is missing, damaged or newer.
        MissingExtraError: `out` is given, and matplotlib is not installed.
        SettingsError: `model` is none of these, or this machine has no such device.
        WriteError: `out` cannot be written.
    """
    if out is not None:
        check_charts()
    ready: Any = model.model if isinstance(model, FaceModel) else model
    if isinstance(ready, str | Path):
        ready = load_model(ready, device)
    if not isinstance(data, Samples):
        data = load_dataset(data)
    if isinstance(ready, LandmarkModel):
        ready = model_for_crops(ready)
    if not (hasattr(ready, "predict") and hasattr(ready, "calibration")):
        raise SettingsError(
            f"expected a model's name, file, run folder or a loaded model, got "
            f"{type(model).__name__}"
        )
    folder = None if out is None else Path(out)
    return evaluate_samples(ready, data, out=folder, charts=folder is not None)
