"""The report of an evaluation: its figures, its faces, and names with markup."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_pages import read_page
from report_samples import EVIL, K, N, faces, model_with

from facepoints.cli.main import main
from facepoints.commands.evaluate import evaluate
from facepoints.datasets import synthetic
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import DataWarning
from facepoints.evaluation.evaluate import measure_errors
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.reports.evaluation import evaluation_view, write_evaluation_report
from facepoints.reports.face_map import face_map
from facepoints.reports.reliability import reliability


@pytest.fixture
def errors() -> np.ndarray:
    """Face 7 is off by 6 pixels, the nose tip of all others by 3, all else by 1."""
    error = np.ones((N, K))
    error[:, KAGGLE_15.columns(["nose_tip"])] = 3
    error[7] = 6
    return error


def test_the_page_has_the_figures_of_the_evaluation(tmp_path: Path, errors: np.ndarray) -> None:
    samples = faces()
    report = evaluate(samples, model=model_with(samples, errors), out=tmp_path)
    page = read_page(tmp_path / "report.html")
    page.check()
    points = {row["point"]: row for row in page.table_with("point")}
    expected = np.sqrt((29 * 9 + 36) / 30 / 2)
    assert points["nose_tip"]["RMSE"] == f"{expected:.2f} px"
    assert points["nose_tip"]["within radius"] == "0.0 %"
    assert points["left_eye_center"]["within radius"] == f"{100 * 29 / 30:.1f} %"
    assert f"{report['mean_distance']:.2f} px" in page.words
    nme = report["nme"]["eyes"]
    assert f"{100 * nme['mean']:.2f} %" in page.words
    assert f"{round(nme['failure_rate'] * 30)} of 30 are above 8 %" in page.words
    assert "not fitted on held-out faces" in page.words


def test_the_worst_face_comes_first_and_its_name_stays_text(
    tmp_path: Path, errors: np.ndarray
) -> None:
    samples = faces()
    evaluate(samples, model=model_with(samples, errors), out=tmp_path)
    page = read_page(tmp_path / "report.html")
    page.check()
    rows = page.table_with("face")
    assert rows[0]["face"] == EVIL
    assert rows[0]["mean distance"] == "6.00 px"
    assert len(rows) == N
    assert page.text.count(EVIL) >= 2
    assert "runs/<b>mine</b>" in page.text
    assert "img" not in page.tags
    assert page.tags.count("svg") > 24  # 16 worst and 8 best faces, and the charts


def test_radii_are_compared_with_what_they_held() -> None:
    samples = faces()
    error = np.tile(np.linspace(0.1, 10, N)[:, None], (1, K))
    matched = measure_errors(model_with(samples, error), samples).matched
    radius = np.where(error < 5, 2 * error, 0.5 * error)  # small ones too large, large too small
    shown = reliability(replace(matched, radius=radius.astype(np.float32)), 0.9)
    assert shown is not None
    held = [float(row[4].value or 0) for row in shown.table.rows]
    assert max(held) == 1
    assert min(held) == 0
    assert [row[3].text for row in shown.table.rows] == ["90 %"] * len(held)


def test_circles_on_the_face_are_as_large_as_the_errors(errors: np.ndarray) -> None:
    samples = faces()
    errors[7] = 1
    errors[7, KAGGLE_15.columns(["nose_tip"])] = 3
    predicted = samples.points.copy()
    predicted[..., 0] += errors
    drawn = face_map(samples, predicted)
    assert drawn is not None
    by_name = {point.label.split(":")[0]: point for point in drawn.points}
    assert by_name["nose_tip"].r == pytest.approx(3 * by_name["left_eye_center"].r, rel=0.01)
    eyes = [by_name[f"{side}_eye_center"].x for side in ("left", "right")]
    apart = np.ptp(samples.points[0, KAGGLE_15.columns(["left_eye_center", "right_eye_center"]), 0])
    assert by_name["nose_tip"].r / abs(eyes[0] - eyes[1]) == pytest.approx(3 / apart, rel=0.01)
    assert by_name["nose_tip"].kind == "e4"


def test_points_that_no_mean_face_knows_are_drawn_at_their_mean_place() -> None:
    samples = faces()
    names = tuple(f"p{k}" for k in range(K))
    plain = replace(samples.landmarks, names=names, eyes=(), edges=(), mirrorable=False)
    renamed = replace(samples, landmarks=plain, schemes={"x": names})
    drawn = face_map(renamed, samples.points + np.float32(1))
    assert drawn is not None
    assert {p.label.split(":")[0] for p in drawn.points} == set(names)
    assert len({round(p.r, 2) for p in drawn.points}) == 1


def test_faces_that_lack_an_eye_are_counted(errors: np.ndarray, tmp_path: Path) -> None:
    samples = faces()
    one_eye = samples.labelled.copy()
    one_eye[0, KAGGLE_15.columns(["left_eye_center"])] = False
    samples = replace(samples, labelled=one_eye)
    evaluate(samples, model=model_with(samples, errors), out=tmp_path)
    words = read_page(tmp_path / "report.html").words
    assert "1 face without the two eye points was left out of that." in words


def test_each_data_set_has_its_own_row(errors: np.ndarray, tmp_path: Path) -> None:
    samples = faces()
    evaluation = measure_errors(model_with(samples, errors), samples)
    sets = (["lfpw", EVIL], (np.arange(N) >= 7).astype(np.int64) * (np.arange(N) < 8))
    write_evaluation_report(tmp_path / "a.html", evaluation, data=["lfpw", EVIL], sets=sets)
    page = read_page(tmp_path / "a.html")
    page.check()
    rows = {row[""]: row for row in page.table_with("by")}
    assert rows["all faces"]["faces"] == "30"
    assert rows[EVIL]["faces"] == "1"
    assert rows[EVIL]["RMSE"] == f"{6 / np.sqrt(2):.2f} px"


def test_the_command_shows_each_of_its_data_sets(tmp_path: Path) -> None:
    for seed, name in ((1, "a.csv"), (2, "b.csv")):
        write_kaggle(synthetic.kaggle_like(3, seed=seed), tmp_path / name)
    words = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    main(["evaluate", *words, "--out", str(tmp_path / "out")])
    page = read_page(tmp_path / "out" / "report.html")
    page.check()
    faces_of = {row[""]: row["faces"] for row in page.table_with("by")}
    assert (faces_of["a.csv"], faces_of["b.csv"], faces_of["all faces"]) == ("3", "3", "6")
    assert "SHA-256" in page.words


def test_few_faces_and_missing_labels_make_a_page_too(tmp_path: Path) -> None:
    samples = faces().take([0])
    labelled = np.zeros((1, K), bool)
    labelled[0, 0] = True
    one = samples.with_points(samples.points, labelled)
    evaluation = measure_errors(model_with(one, np.ones((1, K))), one)
    view = evaluation_view(evaluation)
    assert view.map is None
    assert view.reliability is None
    write_evaluation_report(tmp_path / "a.html", evaluation)
    read_page(tmp_path / "a.html").check()


def test_without_jinja2_the_figures_are_written_and_a_line_says_how_to_get_the_page(
    tmp_path: Path, errors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "facepoints.reports.page.find_spec", lambda name: None if name == "jinja2" else find(name)
    )
    samples = faces()
    with pytest.warns(DataWarning, match=r"pip install 'facepoints\[report\]'"):
        evaluate(samples, model=model_with(samples, errors), out=tmp_path)
    assert (tmp_path / "evaluation.json").exists()
    assert not (tmp_path / "report.html").exists()


def test_no_page_is_written_where_none_is_wanted(tmp_path: Path, errors: np.ndarray) -> None:
    samples = faces()
    evaluate(samples, model=model_with(samples, errors), out=tmp_path, report=False)
    assert (tmp_path / "evaluation.json").exists()
    assert not (tmp_path / "report.html").exists()
