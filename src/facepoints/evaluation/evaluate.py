"""Measures the errors of a model on labeled faces: a report, a JSON file and images.

Each row is measured in the columns of its own marking scheme. Points that the model does not
predict are listed and not measured. A model for 68 points can be measured on 15-point labels, and
68-point labels can measure a model for 15 points, by the known conversions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.datasets.marking_schemes import points_as_marked
from facepoints.datasets.samples import Samples
from facepoints.drawing import ced_chart, draw_sheet
from facepoints.errors import DataError, RunError
from facepoints.evaluation.matching import Matched, has_labels, match
from facepoints.evaluation.summary import face_errors, normalizers, summary
from facepoints.inference.crop_predictor import CropModel
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks import metrics
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "FILES",
    "WORST",
    "CalibratedModel",
    "Evaluation",
    "evaluate",
    "measure_errors",
    "predict_samples",
    "write_evaluation",
]

WORST = 20
"""Number of the worst faces that are listed and drawn."""

FILES = ("evaluation.json", "ced.png", "worst.png", "report.html")
"""What the command `evaluate` writes: the figures, the charts and the page
(`reports.evaluation`)."""


@dataclass(frozen=True)
class Evaluation:
    """The errors of a model on labeled faces.

    Attributes:
        report: the figures, JSON-ready; see `evaluate`.
        matched: labels and predictions of every face.
    """

    report: dict[str, Any]
    matched: Matched


class _Output(Protocol):
    """Points (N, K, 2) and radius (N, K) for N images, in their pixels."""

    @property
    def points(self) -> NDArray[np.float32]: ...
    @property
    def radius(self) -> NDArray[np.float32]: ...


class CalibratedModel(Protocol):
    """A model for images of one face each, such as a `Run` or a `LandmarkModel`."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def calibration(self) -> Calibration: ...
    def predict(self, images: NDArray[np.uint8]) -> _Output:
        """Points and radius of gray images (N, H, W) uint8."""
        ...


def evaluate(
    model: CalibratedModel, samples: Samples, *, out: Path | None = None, charts: bool = False
) -> dict[str, Any]:
    """Measure the errors of a model on labeled faces.

    Args:
        model: a run or a model file: it has `landmarks`, `calibration` and `predict(images)`.
        samples: labeled faces of any size; errors are in pixels of their images.
        out: folder for ``evaluation.json``; None: no file is written.
        charts: also draw ``ced.png`` and ``worst.png`` into `out`.

    Returns:
        A JSON-ready report:

        - "faces", "labelled": number of faces and of labeled points that were measured.
        - "rmse", "mean_distance": in pixels.
        - "nme": for each normalizer ("eyes", "box") mean, median, failure rate, AUC, and the
          number of faces measured and left out.
        - "radius": see `calibration.radius_report`.
        - "schemes": the same for each marking scheme.
        - "points": RMSE, count and share within the radius for each point.
        - "worst": the faces with the largest errors.
        - "left_out": points that the model does not predict.
        - "converted": True if the labels were converted to the model's points.
        - "size": height and width of the images.
        - "calibrated": True if the radii were fitted on held-out faces.
        - "coverage": the share of labels that the radii should contain.

    Raises:
        DataError: no point is labeled, or the model predicts none of the labeled points.
        RunError: the model predicts values that are not numbers.
        WriteError: `out` cannot be written.
    """
    evaluation = measure_errors(model, samples)
    if out is not None:
        write_evaluation(evaluation, out, charts=charts)
    return evaluation.report


def measure_errors(model: CalibratedModel, samples: Samples) -> Evaluation:
    """Measure the errors of a model on labeled faces. Arguments and errors as in `evaluate`."""
    if not samples.labelled.any():
        raise DataError("evaluation needs labeled faces, the data set has no label at all")
    output = model.predict(samples.images)
    points = output.points
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise RunError(
            f"the run predicts values that are not numbers (first for {samples.names[row]}): "
            f"its training diverged; train again with a lower learning rate"
        )
    matched = match(points, output.radius, model.landmarks, samples)
    report = _report(matched)
    report |= {"calibrated": model.calibration.calibrated, "coverage": model.calibration.coverage}
    return Evaluation(report, matched)


def write_evaluation(evaluation: Evaluation, out: Path, *, charts: bool) -> None:
    """Write ``evaluation.json``, and with `charts` the charts, into a folder.

    Raises:
        WriteError: `out` cannot be written.
    """
    files.make_folder(out)
    files.write_json(out / "evaluation.json", evaluation.report)
    if charts:
        _draw(evaluation.matched, evaluation.report, out)


def predict_samples(model: CropModel, samples: Samples) -> NDArray[np.float32]:
    """Predict points in the columns of `samples`, each row by its own marking scheme.

    Returns:
        (N, K, 2) in pixels; 0 for points that the model does not predict.
    """
    points = model.predict(samples.images).points
    out = np.zeros(samples.points.shape, dtype=np.float32)
    for index, scheme in enumerate(samples.schemes):
        rows = samples.scheme == index
        out[rows], _ = points_as_marked(points[rows], model.landmarks, samples.landmarks, scheme)
    return out


def _report(matched: Matched) -> dict[str, Any]:
    truth, predicted = matched.truth, matched.predicted
    everyone = np.ones(len(truth), dtype=bool)
    errors, counts = metrics.point_rmse(predicted, truth.points, truth.labelled)
    inside = np.linalg.norm(predicted - truth.points, axis=-1) <= matched.radius
    shares = (inside & truth.labelled).sum(axis=0) / np.maximum(counts, 1)
    schemes = {
        name: summary(matched, truth.scheme == index)
        for index, name in enumerate(truth.schemes)
        if truth.labelled[truth.scheme == index].any()
    }
    return {
        **summary(matched, everyone),
        "size": list(truth.size),
        "schemes": schemes,
        "points": {
            name: {"rmse": float(error), "labelled": int(count), "within_radius": float(share)}
            for name, error, count, share in zip(
                truth.landmarks.names, errors, counts, shares, strict=True
            )
            if count
        },
        "worst": [
            {"row": int(row), "name": str(truth.names[row]), "mean_distance": float(distance)}
            for row, distance in _worst(matched)
        ],
        "left_out": matched.left_out,
        "converted": matched.converted,
    }


def _worst(matched: Matched) -> list[tuple[int, float]]:
    """Rows with the largest mean distance, and that distance, largest first."""
    truth = matched.truth
    distance = metrics.nme(matched.predicted, truth.points, truth.labelled, np.ones(len(truth)))
    rows = np.flatnonzero(truth.labelled.any(axis=1))
    order = np.argsort(-distance, kind="stable")[:WORST]
    return [(int(rows[k]), float(distance[k])) for k in order]


def _draw(matched: Matched, report: dict[str, Any], out: Path) -> None:
    truth = matched.truth
    name = next(iter(report["nme"]), None)
    if name is not None:
        description, length = normalizers(truth)[name]
        curves = {"all": face_errors(matched, np.ones(len(truth), dtype=bool), length)}
        if len(report["schemes"]) > 1:
            for index, scheme in enumerate(truth.schemes):
                curves[scheme] = face_errors(matched, truth.scheme == index, length)
        ced_chart({k: v for k, v in curves.items() if len(v)}, out / "ced.png", description)
    rows = [face["row"] for face in report["worst"]]
    measured = [n for n, has in zip(truth.landmarks.names, has_labels(truth), strict=True) if has]
    predicted = matched.predicted[:, truth.landmarks.columns(measured)]
    faces = truth.select(measured).take(rows)
    draw_sheet(faces, out / "worst.png", predicted=predicted[rows])
