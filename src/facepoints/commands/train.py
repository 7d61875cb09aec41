"""Trains networks on label files, or on labeled faces in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from facepoints.datasets.combine import load_dataset
from facepoints.datasets.samples import Samples
from facepoints.training.settings import TrainSettings

__all__ = ["train"]


def train(
    data: Samples | str | Path | Sequence[str | Path],
    out: str | Path,
    settings: TrainSettings | None = None,
    *,
    resume: bool = False,
    onnx: bool = True,
    report: bool = True,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train networks on labeled faces and write a run folder.

    Args:
        data: labeled faces, or label files that `load_dataset` reads with its defaults.
        out: run folder to write.
        settings: how to train; None: `TrainSettings()`.
        resume: continue an interrupted training in `out` with the same data and settings.
        onnx: also export ``model.onnx`` at the end.
        report: also write ``report.html``, a page to look at. Without Jinja2 a `DataWarning` says
            how to get it.
        console: where progress is shown; None: standard output.

    Returns:
        Errors on the held-out rows, as in ``validation/evaluation.json``; empty if no row was
        held out.

    Raises:
        DataError, SettingsError: data and settings do not fit.
        MissingExtraError: PyTorch or what writes ``model.onnx`` is not installed.
        RunError: `out` holds a run already, or one of other settings or data.
    """
    from facepoints.training.train import train as train_samples  # imports PyTorch

    names: list[str] = []
    if not isinstance(data, Samples):
        paths = [Path(p) for p in ([data] if isinstance(data, str | Path) else data)]
        names, data = [path.name for path in paths], load_dataset(paths)
    return train_samples(
        data,
        Path(out),
        settings or TrainSettings(),
        resume=resume,
        data_names=names,
        onnx=onnx,
        report=report,
        console=console,
    )
