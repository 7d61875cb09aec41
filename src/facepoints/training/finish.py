"""The end of a training: calibration, errors on held-out rows, pictures, report and export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from facepoints._util.files import read_json
from facepoints.datasets import marking_schemes
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.drawing import curves, draw_sheet
from facepoints.evaluation.calibration import calibrate
from facepoints.evaluation.evaluate import measure_errors, predict_samples, write_evaluation
from facepoints.models.onnx_export import export
from facepoints.models.run import MODEL, Run, read_header, save_run
from facepoints.reports.page import REPORT, can_write_report
from facepoints.reports.training import write_training_report
from facepoints.training.missing_labels import Plan
from facepoints.training.run_folder import CURVES

__all__ = ["complete_run", "label_counts"]

_DRAWN = 24
"""Number of held-out faces in ``predictions.png``."""


def label_counts(plan: Plan) -> dict[str, int]:
    """The number of labels of each point in the training rows."""
    counts: dict[str, int] = {}
    for part in plan.parts:
        for name, number in zip(
            part.samples.landmarks.names, part.samples.labelled.sum(axis=0), strict=True
        ):
            counts[name] = max(counts.get(name, 0), int(number))
    return counts


def complete_run(
    held: Samples, out: Path, onnx: bool, labels: dict[str, int] | None
) -> dict[str, Any]:
    """Calibrate, evaluate, draw, report and export the finished run, unless that is done.

    Args:
        held: held-out faces.
        out: run folder.
        onnx: export ``model.onnx``.
        labels: number of labels of each point, for the report; None: no report is written.

    Returns:
        The report on the held-out rows; empty if nothing is held out.
    """
    folder, last = out / "validation", out / CURVES
    if not last.exists():
        run, evaluation = Run.load(out), None
        if held.labelled.any():
            run = _calibrate(run, held, out)
            evaluation = measure_errors(run, held)
            write_evaluation(evaluation, folder, charts=True)
            drawn = held.take(spread_rows(len(held), _DRAWN))
            draw_sheet(drawn, folder / "predictions.png", predicted=predict_samples(run, drawn))
        if onnx:
            export(run, out / MODEL)
        lines = (out / "metrics.jsonl").read_text().splitlines()
        history = [json.loads(line) for line in lines]
        if labels is not None and can_write_report():
            write_training_report(out / REPORT, read_header(out), history, labels, evaluation)
        curves(history, last)
    path = folder / "evaluation.json"
    return read_json(path) if path.exists() else {}


def _calibrate(run: Run, held: Samples, out: Path) -> Run:
    """The run with radii measured on the held-out rows; ``run.json`` is updated."""
    output = run.predict(held.images)
    truth = marking_schemes.in_scheme_columns(held, run.landmarks)
    assert output.scale is not None
    calibration = calibrate(output.points, output.scale, truth)
    if calibration is None:
        return run
    save_run(out, {**read_header(out), "calibration": calibration.to_dict()})
    return replace(run, calibration=calibration)
