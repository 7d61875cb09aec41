"""Draws a sheet of labeled faces, to check the labels or the predictions of a model."""

from __future__ import annotations

from pathlib import Path

from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.drawing import draw_sheet
from facepoints.errors import SettingsError
from facepoints.evaluation.evaluate import predict_samples
from facepoints.models.loading import load_model, model_for_crops

__all__ = ["show"]


def show(
    samples: Samples,
    out: Path,
    *,
    count: int = 24,
    model: str | Path | None = None,
    device: str = "cpu",
) -> int:
    """Draw faces with their labels, and with the predictions of a model if one is named.

    Args:
        samples: faces; the rows drawn are spread evenly from first to last.
        out: PNG file to write.
        count: faces to draw, at most.
        model: "builtin", an ONNX file or a run folder to predict with; None: only labels.
        device: where the model runs: "cpu", "cuda", "cuda:N" or "auto".

    Returns:
        Number of faces drawn.

    Raises:
        SettingsError: `count` is not positive, or this machine has no such device.
        ModelError, RunError: the model is missing, damaged or newer.
        WriteError: `out` cannot be written.
    """
    if count < 1:
        raise SettingsError(f"count must be at least 1, is {count}")
    chosen = samples.take(spread_rows(len(samples), count))
    predicted = None
    if model is not None:
        predicted = predict_samples(model_for_crops(load_model(model, device)), chosen)
    draw_sheet(chosen, out, predicted=predicted)
    return len(chosen)
