"""Evaluation: known figures, marking schemes, conversions, files and errors."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from rich.console import Console

from facepoints.datasets.samples import Samples
from facepoints.errors import DataError, RunError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.evaluation.evaluate import WORST, evaluate, predict_samples
from facepoints.evaluation.table import table
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

if TYPE_CHECKING:
    from facepoints.models.run import Run

CORE = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
SPLIT = LandmarkSet((*KAGGLE_15.names, *(f"{name}@4-point" for name in CORE)), eyes=KAGGLE_15.eyes)


def faces(landmarks: LandmarkSet, n: int = 6, scheme: str = "15-point") -> Samples:
    points = np.random.default_rng(3).uniform(10, 80, (n, len(landmarks), 2)).astype(np.float32)
    return Samples(
        images=np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 96, 96), np.uint8),
        points=points,
        labelled=np.ones((n, len(landmarks)), bool),
        landmarks=landmarks,
        group=np.arange(n).astype(str),
        names=np.array([f"face-{k}" for k in range(n)]),
        scheme=np.zeros(n, np.int16),
        schemes={scheme: landmarks.names},
    )


def two_schemes(n: int = 6) -> Samples:
    """Rows of both schemes: the second half has the four core points only."""
    samples = faces(KAGGLE_15, n)
    labelled = samples.labelled.copy()
    labelled[n // 2 :] = [name in CORE for name in KAGGLE_15.names]
    fields = vars(samples) | {
        "scheme": (np.arange(n) >= n // 2).astype(np.int16),
        "schemes": {"15-point": KAGGLE_15.names, "4-point": CORE},
        "labelled": labelled,
        "points": np.where(labelled[..., None], samples.points, 0),
    }
    return Samples(**fields)


def run_of(landmarks: LandmarkSet, points: np.ndarray, radius: np.ndarray | None = None) -> Run:
    """A run that predicts row n of `points` and `radius` (default 1 px) for gray value n."""
    radius = np.ones(points.shape[:2]) if radius is None else radius

    def predict(images: np.ndarray) -> SimpleNamespace:
        rows = images[:, 0, 0]
        return SimpleNamespace(
            points=points[rows].astype(np.float32), radius=radius[rows].astype(np.float32)
        )

    fields = SimpleNamespace(
        landmarks=landmarks,
        schemes={},
        size=(96, 96),
        predict=predict,
        calibration=uncalibrated("laplace", landmarks),
    )
    return cast("Run", fields)


def test_the_share_within_the_radius_is_counted_per_scheme_and_point() -> None:
    samples = two_schemes()
    off = np.zeros((6, 15, 2))
    off[:2, :, 0] = 3  # of 15-point rows; 12 of 57 labels are of the others
    radius = np.full((6, 15), 2.0)
    radius[0] = 4
    columns = np.r_[:15, KAGGLE_15.columns(CORE)]
    report = evaluate(
        run_of(SPLIT, (samples.points + off)[:, columns], radius[:, columns]), samples
    )
    assert report["radius"]["within"] == pytest.approx(42 / 57)
    assert report["radius"]["mean"] == pytest.approx((15 * 4 + 42 * 2) / 57)
    assert report["schemes"]["4-point"]["radius"]["within"] == 1
    assert report["points"]["nose_tip"]["within_radius"] == pytest.approx(5 / 6)
    assert report["coverage"] == 0.9
    assert report["calibrated"] is False
    output = io.StringIO()
    Console(file=output, width=200).print(table(report))
    assert "73.7%" in output.getvalue()


def test_a_mean_of_points_has_the_root_mean_square_of_their_radii() -> None:
    truth = faces(KAGGLE_15)
    wide = np.zeros((6, 68, 2))
    radius = np.ones((6, 68))
    eye = [n for n, name in enumerate(IBUG_68.names) if name.startswith("left_eye_")]
    wide[:, eye] = truth.points[:, :1] + np.array([0, 2.9])
    radius[:, eye[0]] = 7  # root of (49 + 5) / 6 is 3
    report = evaluate(run_of(IBUG_68, wide, radius), truth)
    assert report["points"]["left_eye_center"]["within_radius"] == 1
    radius[:, eye[0]] = 6.7
    report = evaluate(run_of(IBUG_68, wide + np.array([0, 0.1]), radius), truth)
    assert report["points"]["left_eye_center"]["within_radius"] == 0


def test_a_known_offset_gives_known_figures() -> None:
    samples = faces(KAGGLE_15)
    report = evaluate(run_of(KAGGLE_15, samples.points + np.array([3, 4])), samples)
    assert (report["faces"], report["labelled"]) == (6, 90)
    assert report["rmse"] == pytest.approx(np.sqrt(12.5), rel=1e-5)
    assert report["mean_distance"] == pytest.approx(5, rel=1e-5)
    eyes = np.linalg.norm(samples.points[:, 0] - samples.points[:, 1], axis=1)
    nme = report["nme"]["eyes"]
    assert nme["normalizer"] == "distance of left_eye_center and right_eye_center"
    assert nme["mean"] == pytest.approx((5 / eyes).mean(), rel=1e-5)
    assert nme["failure_rate"] == pytest.approx((5 / eyes > 0.08).mean())
    assert nme["auc"] == pytest.approx(np.clip(1 - 5 / eyes / 0.08, 0, 1).mean(), abs=1e-5)
    spans = np.ptp(samples.points, axis=1)
    box = report["nme"]["box"]
    assert box["mean"] == pytest.approx((5 / np.sqrt(spans.prod(axis=1))).mean(), rel=1e-5)
    assert list(report["points"]) == list(KAGGLE_15.names)
    assert report["left_out"] == []
    assert not report["converted"]


def test_each_row_is_measured_in_the_columns_of_its_scheme() -> None:
    samples = two_schemes()
    points = np.full((6, len(SPLIT), 2), 1e4)
    points[:3, :15] = samples.points[:3] + 1
    core = KAGGLE_15.columns(CORE)
    points[3:, 15:] = samples.points[3:][:, core] + 2
    report = evaluate(run_of(SPLIT, points), samples)
    assert report["schemes"]["15-point"]["rmse"] == pytest.approx(1, rel=1e-4)
    assert report["schemes"]["4-point"]["rmse"] == pytest.approx(2, rel=1e-4)
    assert report["schemes"]["4-point"]["labelled"] == 12
    assert report["rmse"] == pytest.approx(np.sqrt((45 + 12 * 4) / 57), rel=1e-4)
    assert report["points"]["nose_tip"] == {
        "rmse": pytest.approx(np.sqrt(2.5), rel=1e-4),
        "labelled": 6,
        "within_radius": 0.0,
    }


def test_points_that_the_run_lacks_are_listed_as_left_out() -> None:
    samples = faces(KAGGLE_15)
    core = LandmarkSet(CORE)
    points = samples.points[:, KAGGLE_15.columns(CORE)]
    report = evaluate(run_of(core, points), samples)
    assert report["rmse"] == 0
    assert list(report["points"]) == [n for n in KAGGLE_15.names if n in CORE]
    assert report["left_out"] == [n for n in KAGGLE_15.names if n not in CORE]


def test_a_68_point_run_is_measured_on_15_points() -> None:
    full = faces(IBUG_68)
    points, _ = convert(full.points, full.labelled, IBUG_68, KAGGLE_15)
    samples = faces(KAGGLE_15).with_points(points, np.ones((6, 15), bool))
    report = evaluate(run_of(IBUG_68, full.points), samples)
    assert report["rmse"] == pytest.approx(0, abs=1e-4)
    assert report["left_out"] == []


def test_68_labels_measure_a_15_point_run() -> None:
    samples = faces(IBUG_68, scheme="ibug")
    points, _ = convert(samples.points, samples.labelled, IBUG_68, KAGGLE_15)
    report = evaluate(run_of(KAGGLE_15, points + 1), samples)
    assert report["rmse"] == pytest.approx(1, rel=1e-4)
    assert report["labelled"] == 90
    assert report["converted"]
    assert len(report["left_out"]) == 68 - 21  # twelve eye points, four brow ends, five others
    assert not set(report["left_out"]) & {"left_eye_inner_corner", "upper_lip_center"}


def test_faces_without_labels_or_normalizer_are_not_measured() -> None:
    samples = faces(KAGGLE_15)
    labelled = samples.labelled.copy()
    labelled[0] = False
    labelled[1, 0] = False  # no left eye, so no eye distance
    report = evaluate(
        run_of(KAGGLE_15, samples.points), samples.with_points(samples.points, labelled)
    )
    assert report["faces"] == 5
    assert (report["nme"]["eyes"]["faces"], report["nme"]["eyes"]["left_out"]) == (4, 1)
    assert (report["nme"]["box"]["faces"], report["nme"]["box"]["left_out"]) == (5, 0)


def test_the_worst_faces_are_listed_by_descending_error() -> None:
    samples = faces(KAGGLE_15, n=30)
    order = np.random.default_rng(0).permutation(30)
    points = samples.points + order[:, None, None]
    worst = evaluate(run_of(KAGGLE_15, points), samples)["worst"]
    assert [face["row"] for face in worst] == np.argsort(-order)[:WORST].tolist()
    assert worst[0]["name"] == f"face-{order.argmax()}"
    assert worst[0]["mean_distance"] == pytest.approx(29 * np.sqrt(2), rel=1e-4)


def _text(report: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(table(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_all_faces_schemes_points_and_points_left_out() -> None:
    samples = two_schemes()
    names = tuple(n for n in SPLIT.names if n != "mouth_center_top_lip")
    points = np.concatenate([samples.points, samples.points[:, :4]], axis=1)
    keep = SPLIT.columns(names)
    output = _text(evaluate(run_of(SPLIT.subset(names), points[:, keep]), samples))
    for row in ("RMSE, all", "RMSE, 15-point", "RMSE, 4-point", "RMSE nose_tip", "NME by eyes"):
        assert row in output
    assert "distance of left_eye_center and right_eye_center" in output
    assert "not predicted by the run: mouth_center_top_lip" in output


def test_the_report_is_written_as_json(tmp_path: Path) -> None:
    samples = two_schemes()
    points = np.concatenate([samples.points, samples.points[:, :4]], axis=1)
    report = evaluate(run_of(SPLIT, points), samples, out=tmp_path / "new")
    assert json.loads((tmp_path / "new" / "evaluation.json").read_text()) == report
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["evaluation.json"]


def test_the_error_curve_and_the_worst_faces_are_drawn_on_request(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import cv2

    samples = two_schemes()
    points = np.concatenate([samples.points, samples.points[:, :4]], axis=1) + 1
    evaluate(run_of(SPLIT, points), samples, out=tmp_path, charts=True)
    for name in ("ced.png", "worst.png"):
        image = cv2.imread(str(tmp_path / name))
        assert image is not None
        assert image.std() > 1


def test_no_common_point_is_an_error_of_one_line_with_both_sets() -> None:
    samples = faces(KAGGLE_15)
    run = run_of(LandmarkSet(("chin",)), np.zeros((6, 1, 2)))
    with pytest.raises(DataError, match=r"it predicts chin, the data has left_eye_center") as error:
        evaluate(run, samples)
    assert "\n" not in str(error.value)
    assert "... (15 points); points that are the same under other names" in str(error.value)


def test_data_without_labels_is_an_error() -> None:
    samples = faces(KAGGLE_15)
    bare = samples.with_points(samples.points, np.zeros_like(samples.labelled))
    with pytest.raises(DataError, match="no label at all"):
        evaluate(run_of(KAGGLE_15, samples.points), bare)


def test_predictions_that_are_not_numbers_are_an_error_that_names_the_face() -> None:
    samples = faces(KAGGLE_15)
    points = samples.points.copy()
    points[4, 2, 0] = np.nan
    with pytest.raises(RunError, match="face-4"):
        evaluate(run_of(KAGGLE_15, points), samples)


def test_names_with_brackets_are_not_markup() -> None:
    names = LandmarkSet(("[/b]", "[red]"))
    samples = faces(names)
    output = _text(evaluate(run_of(names, samples.points), samples))
    assert "RMSE [/b]" in output
    assert "RMSE [red]" in output


def test_predict_samples_places_each_row_as_its_scheme_marks_it() -> None:
    samples = two_schemes()
    points = np.zeros((6, len(SPLIT), 2))
    points[:, :15], points[:, 15:] = 1, 2
    predicted = predict_samples(run_of(SPLIT, points), samples)
    core = KAGGLE_15.columns(CORE)
    assert (predicted[:3] == 1).all()
    assert (predicted[3:, core] == 2).all()
    lacking = predict_samples(run_of(LandmarkSet(("nose_tip",)), points[:, :1]), samples)
    assert (lacking[:, KAGGLE_15.columns(["nose_tip"])] == 1).all()
    assert lacking.sum() == 6 * 2  # other points are 0
