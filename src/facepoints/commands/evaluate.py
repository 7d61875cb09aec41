"""Evaluates a model on label files, or on labelled faces in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facepoints import weights
from facepoints.datasets.combine import load_dataset
from facepoints.datasets.samples import Samples
from facepoints.evaluation.evaluate import CalibratedModel
from facepoints.evaluation.evaluate import evaluate as evaluate_samples
from facepoints.models.loading import load_model

__all__ = ["evaluate"]


def evaluate(
    data: Samples | str | Path | Sequence[str | Path],
    *,
    model: str | Path | CalibratedModel = weights.BUILTIN,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Measure the error of a model on labelled faces.

    Args:
        data: labelled faces, or label files that `load_dataset` reads with its defaults.
        model: "builtin", an ONNX file, a run folder, or a loaded model.
        out: folder for ``evaluation.json``, the error curve and the worst faces; None: nothing
            is written.

    Returns:
        The report; its keys are those of ``evaluation.json``.

    Raises:
        DataError: no label, or no labelled point that the model predicts.
        ModelError, RunError: the model is missing, damaged or newer.
        WriteError: `out` cannot be written.
    """
    if not isinstance(data, Samples):
        data = load_dataset(data)
    ready = load_model(model) if isinstance(model, str | Path) else model
    folder = None if out is None else Path(out)
    return evaluate_samples(ready, data, out=folder, pictures=folder is not None)
