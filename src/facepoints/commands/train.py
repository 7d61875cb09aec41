"""Trains networks on label files, or on labeled faces in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.datasets.fixes import Fix
from facepoints.datasets.load import dataset_paths, load_dataset
from facepoints.datasets.samples import Samples
from facepoints.errors import SettingsError
from facepoints.models.run_header import check_torch
from facepoints.training.settings import TrainSettings

__all__ = ["train"]


def train(
    data: Samples | str | Path | Sequence[str | Path],
    out: str | Path,
    settings: TrainSettings | None = None,
    *,
    fixes: str | Path | Sequence[Fix] | None = None,
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
        fixes: changes of the labels in label files, as for `load_dataset`; ``run.json`` names
            them. None: labels are as they are.
        resume: continue an interrupted training in `out` with the same data and settings.
        onnx: also export ``model.onnx`` at the end.
        report: also write ``report.html``, a page to look at. Without Jinja2 a `DataWarning` says
            how to get it.
        console: where progress is shown; None: standard output.

    Returns:
        Errors on the held-out rows, as in ``validation/evaluation.json``; empty if no row was
        held out.

    Raises:
        DataError, SettingsError: data, fixes and settings do not fit.
        MissingExtraError: PyTorch or what writes ``model.onnx`` is not installed.
        RunError: `out` holds a run already, or one of other settings, data or fixes.
    """
    check_torch("training")
    from facepoints.training.train import train as train_samples  # imports PyTorch

    names: list[str] = []
    applied = None
    if not isinstance(data, Samples):
        paths = dataset_paths(data)
        names, data = [path.name for path in paths], load_dataset(paths, fixes=fixes)
        applied = AppliedFixes.of(fixes, paths)
    elif fixes is not None:
        raise SettingsError(
            "`fixes` mend label files, and faces in memory came; mend them where they are read: "
            "load_dataset(..., fixes=...)"
        )
    return train_samples(
        data,
        Path(out),
        settings or TrainSettings(),
        resume=resume,
        data_names=names,
        fixes=applied,
        onnx=onnx,
        report=report,
        console=console,
    )
