"""Measures a run on labelled faces: a table, a JSON file and pictures.

Every row is measured in the columns of its own marking scheme. Points that the run can
not predict are left out and named. A run for 68 points is measured on 15-point labels,
and 68-point labels measure a 15-point run, through the known conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

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

__all__ = ["WORST", "CalibratedModel", "evaluate", "predict_samples", "table"]

WORST = 20
"""How many of the worst faces are listed and drawn."""

_LISTED = 20  # points in the table for the terminal; the report has all

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
    """Points (N, K, 2) and radius (N, K) of N images, in their pixels."""

    @property
    def points(self) -> NDArray[np.float32]: ...
    @property
    def radius(self) -> NDArray[np.float32]: ...


class CalibratedModel(Protocol):
    """A model that predicts on images cut to one face each, as `Run` and `LandmarkModel` do."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def calibration(self) -> Calibration: ...
    def predict(self, images: NDArray[np.uint8]) -> _Output:
        """Points and radius of gray images (N, H, W) uint8."""
        ...


def evaluate(
    run: CalibratedModel, samples: Samples, *, out: Path | None = None, pictures: bool = False
) -> dict[str, Any]:
    """Errors of a run's predictions on labelled faces.

    Args:
        run: or a model file; gives `landmarks`, `calibration` and `predict(images)`.
        samples: labelled faces of any one size; errors are in their pixels.
        out: folder for ``evaluation.json``; nothing is written without it.
        pictures: draw ``ced.png`` and ``worst.png`` into `out` too.

    Returns:
        JSON-ready: "faces" and "labelled" (points) measured, "rmse" and "mean_distance"
        in pixels, "nme" by normaliser ("eyes", "box") with mean, median, failure rate,
        AUC, faces measured and left out; "radius" with the share of points within theirs,
        see `calibration.radius_report`; "schemes" with the same for each marking scheme;
        "points" with RMSE, count and share within the radius for each point; "worst" faces;
        "left_out" points that the run does not predict; "converted" whether the labels were
        converted to the run's points; "size" (height, width); "calibrated" whether the radii
        were measured on held-out faces and "coverage" what share they are meant to hold.

    Raises:
        DataError: no label, or no labelled point that the run predicts.
        RunError: the run predicts values that are not numbers.
        WriteError: `out` cannot be written.
    """
    if not samples.labelled.any():
        raise DataError("evaluation needs labelled faces, the data set has no label at all")
    found = run.predict(samples.images)
    points = found.points
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise RunError(
            f"the run predicts values that are not numbers (first for {samples.names[row]}); "
            f"its training went astray: train again, with a lower learning rate"
        )
    matched = _match(points, found.radius, run.landmarks, samples)
    report = _report(matched)
    report |= {"calibrated": run.calibration.calibrated, "coverage": run.calibration.coverage}
    if out is not None:
        files.make_folder(out)
        files.write_json(out / "evaluation.json", report)
        if pictures:
            _draw(matched, report, out)
    return report


def predict_samples(model: CropModel, samples: Samples) -> NDArray[np.float32]:
    """Predicted points (N, K, 2) in the columns of `samples`, each row as its own marking
    scheme places them; 0 for points that the model does not predict."""
    found = model.predict(samples.images).points
    out = np.zeros(samples.points.shape, dtype=np.float32)
    for index, scheme in enumerate(samples.schemes):
        rows = samples.scheme == index
        out[rows], _ = points_as_marked(found[rows], model.landmarks, samples.landmarks, scheme)
    return out


def _match(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> _Matched:
    """Predictions in the data's columns; or data and predictions in the run's, if that
    measures more points."""
    direct = _in_columns_of(points, radius, have, samples)
    names = [n for n in have.names if not scheme_of(n)]
    if names and samples.landmarks.names in CONVERSIONS:
        converted = samples.as_landmarks(have.subset(names))
        turned = _in_columns_of(points, radius, have, converted)
        if _columns(turned) > _columns(direct):
            weights, _ = conversion_matrix(samples.landmarks, turned.truth.landmarks)
            used = np.asarray(weights.any(axis=0))
            left_out = [n for n, u in zip(samples.landmarks.names, used, strict=True) if not u]
            return replace(turned, left_out=left_out, converted=True)
    if not _columns(direct):
        raise DataError(
            f"no labelled point that the run predicts; it predicts {', '.join(have.names)}, "
            f"the data has {', '.join(samples.landmarks.names)}"
        )
    return direct


def _columns(matched: _Matched) -> int:
    return int(_any(matched.truth).sum())


def _any(samples: Samples) -> NDArray[np.bool_]:
    """Which columns (K,) have a label."""
    return np.asarray(samples.labelled.any(axis=0))


def _in_columns_of(
    points: NDArray[np.float32], radius: NDArray[np.float32], have: LandmarkSet, samples: Samples
) -> _Matched:
    predicted = np.zeros(samples.points.shape, dtype=np.float32)
    within = np.zeros(samples.labelled.shape, dtype=np.float32)
    labelled = samples.labelled.copy()
    # A mean of points gets the root mean square of their radii, as if they erred together.
    for index, source in enumerate(samples.schemes):
        rows = np.flatnonzero(samples.scheme == index)
        predicted[rows], able = points_as_marked(points[rows], have, samples.landmarks, source)
        within[rows], _ = points_as_marked(radius[rows] ** 2, have, samples.landmarks, source)
        labelled[rows] &= able
    gone = _any(samples) & ~np.asarray(labelled.any(axis=0))
    left_out = [n for n, g in zip(samples.landmarks.names, gone, strict=True) if g]
    truth = samples.with_points(samples.points, labelled)
    return _Matched(truth, predicted, np.sqrt(within), left_out, converted=False)


def _report(matched: _Matched) -> dict[str, Any]:
    truth, predicted = matched.truth, matched.predicted
    everyone = np.ones(len(truth), dtype=bool)
    errors, counts = metrics.point_rmse(predicted, truth.points, truth.labelled)
    inside = np.linalg.norm(predicted - truth.points, axis=-1) <= matched.radius
    shares = (inside & truth.labelled).sum(axis=0) / np.maximum(counts, 1)
    sources = {
        name: _summary(matched, truth.scheme == index)
        for index, name in enumerate(truth.schemes)
        if truth.labelled[truth.scheme == index].any()
    }
    return {
        **_summary(matched, everyone),
        "size": list(truth.size),
        "schemes": sources,
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


def _normalisers(truth: Samples) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """For each normaliser what it is, in words, and its pixels per face (N,)."""
    eyes = truth.landmarks.eyes
    found = {}
    if eyes:
        length = metrics.eye_distance(truth.points, truth.labelled, truth.landmarks)
        found[_EYES] = (f"distance of {eyes[0]} and {eyes[1]}", length)
    box = metrics.box_side(truth.points, truth.labelled)
    found[_BOX] = ("sqrt(width x height) of the box of the labelled points", box)
    return found


def _errors(matched: _Matched, rows: NDArray[np.bool_], length: NDArray) -> NDArray[np.float64]:
    truth = matched.truth
    return metrics.nme(
        matched.predicted[rows], truth.points[rows], truth.labelled[rows], length[rows]
    )


def _summary(matched: _Matched, rows: NDArray[np.bool_]) -> dict[str, Any]:
    truth = matched.truth
    some = (matched.predicted[rows], truth.points[rows], truth.labelled[rows])
    faces = int(some[2].any(axis=1).sum())
    summary: dict[str, Any] = {
        "faces": faces,
        "labelled": int(some[2].sum()),
        "rmse": metrics.rmse(*some),
        "mean_distance": metrics.mean_distance(*some),
        "radius": radius_report(some[0], matched.radius[rows], *some[1:]),
        "nme": {},
    }
    for name, (words, length) in _normalisers(truth).items():
        errors = _errors(matched, rows, length)
        if len(errors):
            summary["nme"][name] = {
                "normaliser": words,
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
    """Rows of the faces with the largest mean distance, and that distance, worst first."""
    truth = matched.truth
    distance = metrics.nme(matched.predicted, truth.points, truth.labelled, np.ones(len(truth)))
    rows = np.flatnonzero(truth.labelled.any(axis=1))
    order = np.argsort(-distance, kind="stable")[:WORST]
    return [(int(rows[k]), float(distance[k])) for k in order]


def _draw(matched: _Matched, report: dict[str, Any], out: Path) -> None:
    truth = matched.truth
    name = next(iter(report["nme"]), None)
    if name is not None:
        words, length = _normalisers(truth)[name]
        curves = {"all": _errors(matched, np.ones(len(truth), dtype=bool), length)}
        if len(report["schemes"]) > 1:
            for index, source in enumerate(truth.schemes):
                curves[source] = _errors(matched, truth.scheme == index, length)
        ced_chart({k: v for k, v in curves.items() if len(v)}, out / "ced.png", words)
    rows = [face["row"] for face in report["worst"]]
    measured = [n for n, any_ in zip(truth.landmarks.names, _any(truth), strict=True) if any_]
    predicted = matched.predicted[:, truth.landmarks.columns(measured)]
    faces = truth.select(measured).take(rows)
    draw_sheet(faces, out / "worst.png", predicted=predicted[rows])


def table(report: dict[str, Any]) -> Table:
    """The report of `evaluate` for the terminal: whole, marking schemes, points, faces."""
    height, width = report["size"]
    shown = Table(title=f"{report['faces']} faces of {width} x {height} pixels")
    shown.add_column("measure")
    shown.add_column("value", justify="right")
    shown.add_column("measured on")
    _add_summary(shown, "all", report)
    if len(report["schemes"]) > 1:
        for name, summary in report["schemes"].items():
            _add_summary(shown, name, summary)
    points = list(report["points"].items())
    if len(points) > _LISTED:
        points = sorted(points, key=lambda item: -item[1]["rmse"])[:_LISTED]
        shown.caption = f"the {_LISTED} worst of {len(report['points'])} points"
    for name, point in points:
        faces = f"{point['labelled']} faces"
        shown.add_row(f"RMSE {escape(name)}", f"{point['rmse']:.3f} px", faces)
    if report["left_out"]:
        missed = f"not predicted by the run: {escape(', '.join(report['left_out']))}"
        shown.caption = f"{shown.caption}; {missed}" if shown.caption else missed
    return shown


def _add_summary(shown: Table, name: str, summary: dict[str, Any]) -> None:
    name, points = escape(name), f"{summary['labelled']} points"
    shown.add_row(f"RMSE, {name}", f"{summary['rmse']:.3f} px", points, style="bold")
    shown.add_row(f"mean distance, {name}", f"{summary['mean_distance']:.3f} px", points)
    radius = summary.get("radius")  # reports of the first versions have none
    if radius is not None:
        mean = f"mean radius {radius['mean']:.2f} px"
        shown.add_row(f"within the radius, {name}", f"{radius['within']:.1%}", mean)
    for key, nme in summary["nme"].items():
        faces = f"{nme['faces']} faces" + (f", not {nme['left_out']}" if nme["left_out"] else "")
        over = f"{nme['threshold']:.0%}"
        shown.add_row(f"NME by {key}, {name}", f"{nme['mean']:.2%}", faces)
        shown.add_row(f"  above {over}", f"{nme['failure_rate']:.1%}", escape(nme["normaliser"]))
        shown.add_row(f"  AUC to {over}", f"{nme['auc']:.3f}", "")
    shown.add_section()
