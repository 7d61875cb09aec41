"""Measures the errors of a model on labeled faces: a report, a JSON file and images.

Each row is measured in the columns of its own marking scheme. Points that the model does not
predict are listed and not measured. A model for 68 points can be measured on 15-point labels, and
68-point labels can measure a model for 15 points, by the known conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.datasets.marking_schemes import points_as_marked
from facepoints.datasets.samples import Samples
from facepoints.drawing import ced_chart, draw_sheet
from facepoints.errors import DataError, RunError
from facepoints.evaluation.calibration import radius_report
from facepoints.inference.crop_predictor import CropModel
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks import metrics
from facepoints.landmarks.conversion import conversion_matrix
from facepoints.landmarks.known_sets import CONVERSIONS
from facepoints.landmarks.landmark_set import LandmarkSet, scheme_of

__all__ = ["FILES", "WORST", "CalibratedModel", "evaluate", "predict_samples"]

WORST = 20
"""Number of the worst faces that are listed and drawn."""

FILES = ("evaluation.json", "ced.png", "worst.png")
"""The report and the charts that `evaluate` writes."""

_EYES, _BOX = "eyes", "box"


@dataclass(frozen=True)
class _Matched:
    """Labels and predictions in the same columns."""

    truth: Samples
    predicted: NDArray[np.float32]
    radius: NDArray[np.float32]
    left_out: list[str]
    converted: bool


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
    matched = _match(points, output.radius, model.landmarks, samples)
    report = _report(matched)
    report |= {"calibrated": model.calibration.calibrated, "coverage": model.calibration.coverage}
    if out is not None:
        files.make_folder(out)
        files.write_json(out / "evaluation.json", report)
        if charts:
            _draw(matched, report, out)
    return report


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


def _match(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> _Matched:
    """Bring labels and predictions into the same columns.

    The predictions are converted to the points of the data. If the labels can be converted to the
    points of the model and more columns can then be compared, the labels are converted instead.
    """
    direct = _in_columns_of(points, radius, have, samples)
    names = [n for n in have.names if not scheme_of(n)]
    if names and samples.landmarks.names in CONVERSIONS:
        converted = samples.as_landmarks(have.subset(names))
        indirect = _in_columns_of(points, radius, have, converted)
        if _count_columns(indirect) > _count_columns(direct):
            weights, _ = conversion_matrix(samples.landmarks, indirect.truth.landmarks)
            used = np.asarray(weights.any(axis=0))
            left_out = [n for n, u in zip(samples.landmarks.names, used, strict=True) if not u]
            return replace(indirect, left_out=left_out, converted=True)
    if not _count_columns(direct):
        raise DataError(
            f"the run predicts none of the labeled points; it predicts {', '.join(have.names)}, "
            f"the data has {', '.join(samples.landmarks.names)}"
        )
    return direct


def _count_columns(matched: _Matched) -> int:
    """Number of columns with a label."""
    return int(_has_labels(matched.truth).sum())


def _has_labels(samples: Samples) -> NDArray[np.bool_]:
    """Mask (K,) of the columns with a label."""
    return np.asarray(samples.labelled.any(axis=0))


def _in_columns_of(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> _Matched:
    """Convert predictions to the columns of the data. Labels that are not predicted are removed."""
    predicted = np.zeros(samples.points.shape, dtype=np.float32)
    squares = np.zeros(samples.labelled.shape, dtype=np.float32)
    labelled = samples.labelled.copy()
    for index, scheme in enumerate(samples.schemes):
        rows = np.flatnonzero(samples.scheme == index)
        predicted[rows], able = points_as_marked(points[rows], have, samples.landmarks, scheme)
        # a mean of points has the root mean square of their radii, as if their errors were equal
        squares[rows], _ = points_as_marked(radius[rows] ** 2, have, samples.landmarks, scheme)
        labelled[rows] &= able
    gone = _has_labels(samples) & ~np.asarray(labelled.any(axis=0))
    left_out = [n for n, g in zip(samples.landmarks.names, gone, strict=True) if g]
    truth = samples.with_points(samples.points, labelled)
    return _Matched(truth, predicted, np.sqrt(squares), left_out, converted=False)


def _report(matched: _Matched) -> dict[str, Any]:
    truth, predicted = matched.truth, matched.predicted
    everyone = np.ones(len(truth), dtype=bool)
    errors, counts = metrics.point_rmse(predicted, truth.points, truth.labelled)
    inside = np.linalg.norm(predicted - truth.points, axis=-1) <= matched.radius
    shares = (inside & truth.labelled).sum(axis=0) / np.maximum(counts, 1)
    schemes = {
        name: _summary(matched, truth.scheme == index)
        for index, name in enumerate(truth.schemes)
        if truth.labelled[truth.scheme == index].any()
    }
    return {
        **_summary(matched, everyone),
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


def _normalizers(truth: Samples) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """Each normalizer: its description, and its length in pixels for each face (N,)."""
    eyes = truth.landmarks.eyes
    normalizers = {}
    if eyes:
        length = metrics.eye_distance(truth.points, truth.labelled, truth.landmarks)
        normalizers[_EYES] = (f"distance of {eyes[0]} and {eyes[1]}", length)
    box = metrics.box_side(truth.points, truth.labelled)
    normalizers[_BOX] = ("sqrt(width x height) of the box of the labeled points", box)
    return normalizers


def _errors(matched: _Matched, rows: NDArray[np.bool_], length: NDArray) -> NDArray[np.float64]:
    """NME of some rows. `length` (N,) is the normalizer of each row in pixels."""
    truth = matched.truth
    return metrics.nme(
        matched.predicted[rows], truth.points[rows], truth.labelled[rows], length[rows]
    )


def _summary(matched: _Matched, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """The errors of some rows, for the report."""
    truth = matched.truth
    chosen = (matched.predicted[rows], truth.points[rows], truth.labelled[rows])
    faces = int(chosen[2].any(axis=1).sum())
    summary: dict[str, Any] = {
        "faces": faces,
        "labelled": int(chosen[2].sum()),
        "rmse": metrics.rmse(*chosen),
        "mean_distance": metrics.mean_distance(*chosen),
        "radius": radius_report(chosen[0], matched.radius[rows], *chosen[1:]),
        "nme": {},
    }
    for name, (description, length) in _normalizers(truth).items():
        errors = _errors(matched, rows, length)
        if len(errors):
            summary["nme"][name] = {
                "normalizer": description,
                "mean": float(errors.mean()),
                "median": float(np.median(errors)),
                "threshold": metrics.FAILURE,
                "failure_rate": metrics.failure_rate(errors),
                "auc": metrics.auc(errors),
                "faces": len(errors),
                "left_out": faces - len(errors),
            }
    return summary


def _worst(matched: _Matched) -> list[tuple[int, float]]:
    """Rows with the largest mean distance, and that distance, largest first."""
    truth = matched.truth
    distance = metrics.nme(matched.predicted, truth.points, truth.labelled, np.ones(len(truth)))
    rows = np.flatnonzero(truth.labelled.any(axis=1))
    order = np.argsort(-distance, kind="stable")[:WORST]
    return [(int(rows[k]), float(distance[k])) for k in order]


def _draw(matched: _Matched, report: dict[str, Any], out: Path) -> None:
    truth = matched.truth
    name = next(iter(report["nme"]), None)
    if name is not None:
        description, length = _normalizers(truth)[name]
        curves = {"all": _errors(matched, np.ones(len(truth), dtype=bool), length)}
        if len(report["schemes"]) > 1:
            for index, scheme in enumerate(truth.schemes):
                curves[scheme] = _errors(matched, truth.scheme == index, length)
        ced_chart({k: v for k, v in curves.items() if len(v)}, out / "ced.png", description)
    rows = [face["row"] for face in report["worst"]]
    measured = [n for n, has in zip(truth.landmarks.names, _has_labels(truth), strict=True) if has]
    predicted = matched.predicted[:, truth.landmarks.columns(measured)]
    faces = truth.select(measured).take(rows)
    draw_sheet(faces, out / "worst.png", predicted=predicted[rows])
