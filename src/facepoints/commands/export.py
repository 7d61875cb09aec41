"""Exports a run as one ONNX file."""

from __future__ import annotations

from pathlib import Path

from facepoints import weights
from facepoints._util.files import write_bytes
from facepoints.commands.model_output import check_model_output
from facepoints.errors import SettingsError
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.loading import run_folder
from facepoints.models.run_header import check_torch, read_finished_header

__all__ = ["export", "export_path"]


def export_path(model: str | Path, out: str | Path | None, *, int8: bool = False) -> Path:
    """The file that an export writes: `out`, or model.onnx (model-int8.onnx) in the run folder.

    Raises:
        SettingsError: the built-in model without `out`: the files of the package stay as they
            are; or an ONNX file without `out`, or with `int8`.
    """
    if out is not None and not (int8 and Path(model).is_file()):
        return Path(out)
    if str(model) == weights.BUILTIN:
        raise SettingsError(
            "the files of the package stay as they are; name a file to write with `out`"
        )
    if Path(model).is_file():
        if int8:
            raise SettingsError(
                f"{model} is an ONNX file, and only a run can be quantized; name a run folder"
            )
        raise SettingsError(f"{model} is an ONNX file already; name the copy to write with `out`")
    return Path(model) / ("model-int8.onnx" if int8 else "model.onnx")


def export(out: str | Path | None = None, *, model: str | Path = weights.BUILTIN) -> Path:
    """Write a run as one ONNX file, for prediction without PyTorch.

    Args:
        out: file to write; None: model.onnx in the run folder.
        model: run folder; "builtin" for the run behind the model of the package; or an ONNX file
            of facepoints, such as one that `adapt` wrote, which is checked and copied.

    Returns:
        The file written.

    Raises:
        MissingExtraError: PyTorch or the package onnx is not installed.
        RunError: no finished run there.
        ModelError: the ONNX file is damaged, newer or not of facepoints.
        SettingsError: the built-in model or an ONNX file without `out`, or `out` does not end
            in .onnx.
        WriteError: the file cannot be written, or is the ONNX file itself.
    """
    path = export_path(model, out)
    if str(model) != weights.BUILTIN and Path(model).is_file():
        check_model_output(path, [model])
        LandmarkModel.load(model)  # checks it
        write_bytes(path, Path(model).read_bytes())
        return path
    check_model_output(path, [])
    folder = run_folder(model)
    read_finished_header(folder)  # before PyTorch, which takes seconds to import
    check_torch("export of a run")
    from facepoints.models.onnx_export import export as export_run  # imports PyTorch
    from facepoints.models.run import Run

    export_run(Run.load(folder), path)
    return path
