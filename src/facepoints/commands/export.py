"""Exports a run as one ONNX file."""

from __future__ import annotations

from pathlib import Path

from facepoints import weights
from facepoints.errors import SettingsError
from facepoints.models.loading import run_folder

__all__ = ["export", "export_path"]


def export_path(model: str | Path, out: str | Path | None, *, int8: bool = False) -> Path:
    """The file that an export writes: `out`, or model.onnx (model-int8.onnx) in the run folder.

    Raises:
        SettingsError: the built-in model without `out`: the files of the package stay as they
            are.
    """
    if out is not None:
        return Path(out)
    if str(model) == weights.BUILTIN:
        raise SettingsError(
            "the files of the package stay as they are; name a file to write with --out"
        )
    return Path(model) / ("model-int8.onnx" if int8 else "model.onnx")


def export(out: str | Path | None = None, *, model: str | Path = weights.BUILTIN) -> Path:
    """Write a run as one ONNX file, for prediction without PyTorch.

    Args:
        out: file to write; None: model.onnx in the run folder.
        model: run folder, or "builtin" for the run behind the model of the package.

    Returns:
        The file written.

    Raises:
        MissingExtraError: PyTorch or the package onnx is not installed.
        RunError: no finished run there.
        SettingsError: the built-in model without `out`.
        WriteError: the file cannot be written.
    """
    path = export_path(model, out)
    from facepoints.models.onnx_export import export as export_run  # imports PyTorch
    from facepoints.models.run import Run

    export_run(Run.load(run_folder(model)), path)
    return path
