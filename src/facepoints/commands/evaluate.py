"""Evaluates a model on label files, or on labeled faces in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facepoints import weights
from facepoints.api import FaceModel
from facepoints.datasets.load import dataset_paths, load_rows
from facepoints.datasets.samples import Samples
from facepoints.drawing import check_charts
from facepoints.errors import SettingsError
from facepoints.evaluation.evaluate import CalibratedModel, measure_errors, write_evaluation
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.loading import load_model, model_for_crops
from facepoints.reports.evaluation import Sets, write_evaluation_report
from facepoints.reports.page import REPORT, can_write_report

__all__ = ["evaluate"]


def evaluate(
    data: Samples | str | Path | Sequence[str | Path],
    *,
    model: str | Path | FaceModel | CalibratedModel = weights.BUILTIN,
    out: str | Path | None = None,
    device: str = "cpu",
    report: bool = True,
    sets: Sets | None = None,
    model_name: str | None = None,
) -> dict[str, Any]:
    """Measure the error of a model on labeled faces.

    Args:
        data: labeled faces, or label files that `load_dataset` reads with its defaults.
        model: "builtin", an ONNX file, a run folder, or a model that `load` returned; its
            landmark model is measured, without its face detector.
        out: folder for ``evaluation.json``, the error curve, the worst faces and
            ``report.html``, a page to look at; None: nothing is written.
        device: where a model that is named by a path runs: "cpu", "cuda", "cuda:N" or "auto"
            (CUDA if there is one).
        report: write ``report.html``. Without Jinja2 a `DataWarning` says how to get it.
        sets: names of the data sets, and the number (N,) of the set that each face comes from,
            to show the errors of each; None: they are the files in `data`, if there are several.
        model_name: name of the model in the report; None: its path.

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
    names = [] if sets is None else list(sets[0])
    if not isinstance(data, Samples):
        paths = dataset_paths(data)
        data, numbers, _ = load_rows(paths)
        names = [path.name for path in paths]
        sets = names, numbers
    name, details = _facts(model if model_name is None else model_name, ready)
    if isinstance(ready, LandmarkModel):
        ready = model_for_crops(ready)
    if not (hasattr(ready, "predict") and hasattr(ready, "calibration")):
        raise SettingsError(
            f"expected a model's name, file, run folder or a loaded model, got "
            f"{type(model).__name__}"
        )
    evaluation = measure_errors(ready, data)
    if out is not None:
        write_evaluation(evaluation, Path(out), charts=True)
        if report and can_write_report():
            write_evaluation_report(
                Path(out) / REPORT,
                evaluation,
                model=name,
                data=names,
                sets=sets,
                details=details,
            )
    return evaluation.report


def _facts(model: object, loaded: object) -> tuple[str, dict[str, str]]:
    """The name of a model as it was given, and its checksum, for the stamp of the report."""
    name = str(model) if isinstance(model, str | Path) else getattr(loaded, "name", "in memory")
    if isinstance(loaded, LandmarkModel):
        return str(name), {"checksum of the model": f"SHA-256 {loaded.checksum}"}
    return str(name), {}
