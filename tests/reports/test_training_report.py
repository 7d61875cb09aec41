"""The reports of a training and of a comparison, and the rules of what to try next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_pages import read_page
from report_samples import COMPARED, LABELS, SETTINGS, history

from facepoints.reports.advice import advise
from facepoints.reports.comparison import write_comparison_report
from facepoints.reports.training import training_charts, write_training_report

GOOD = {
    "rmse": 2.0,
    "mean_distance": 2.0,
    "faces": 500,
    "schemes": {},
    "worst": [{"row": 3, "name": "a.png", "mean_distance": 5.0}],
}


def advice(error: Any, **changed: Any) -> list[str]:
    given: dict[str, Any] = {"labels": LABELS, "rows": 1000, "report": GOOD} | changed
    settings = {**SETTINGS, **given.pop("settings", {})}
    found = advise(history(error), settings, given["labels"], given["rows"], given["report"])
    return [one.what for one in found]


SETTLED = 2 + np.exp(-np.arange(40) / 3.0)


def test_a_settled_curve_gives_no_advice() -> None:
    assert advice(SETTLED) == []


def test_a_curve_that_still_falls_asks_for_more_epochs() -> None:
    (one,) = advice(np.linspace(4, 2, 40))
    assert one == "Train longer, into a new folder: twice the --epochs"
    (one,) = advice(np.linspace(4, 2, 40), settings={"minutes": 5.0})
    assert one.endswith("--minutes")


def test_an_early_best_epoch_with_a_falling_loss_is_overfitting() -> None:
    error = np.concatenate([np.linspace(4, 2, 10), np.linspace(2, 2.5, 30)])
    (one,) = advice(error)
    assert one.startswith("Against overfitting: --augment default")
    (one,) = advice(error, settings={"augment": "strong"})
    assert one.startswith("Against overfitting: more faces")


def test_a_rising_error_with_a_rising_loss_is_not_called_overfitting() -> None:
    error = np.concatenate([np.linspace(4, 2, 10), np.linspace(2, 2.5, 30)])
    found = advise(history(error, error), SETTINGS, LABELS, 1000, GOOD)
    assert not [one for one in found if "overfitting" in one.what]


def test_a_jumping_curve_asks_for_a_lower_learning_rate() -> None:
    error = SETTLED + 0.3 * (np.arange(40) % 2)
    (one,) = advice(error)
    assert one.startswith("A steadier curve")


def test_a_short_steep_fall_is_no_jump() -> None:
    (one,) = advice([3.80, 3.69, 3.50, 3.39, 3.16, 3.06, 3.05])
    assert one.startswith("Train longer, into a new folder")


def test_rare_points_few_faces_and_no_held_out_rows_are_said() -> None:
    found = advise(history(SETTLED), SETTINGS, {**LABELS, "chin": 12}, 1000, GOOD)
    assert ["chin (12)" in one.why for one in found] == [True]
    assert advice(SETTLED, rows=60)[0].startswith("With so few faces")
    assert advice(SETTLED, report=None)[0] == "Hold rows out: --validation 0.15"
    assert advice(SETTLED[:3])[0] == "Train longer: --epochs 60"
    heatnet = {"network": "heatnet"}
    assert advice(SETTLED, settings=heatnet) == ["Start from the built-in weights: --init builtin"]


def test_a_worse_scheme_and_a_wrong_label_are_pointed_at() -> None:
    schemes = {"a": {"rmse": 1.0}, "4-point": {"rmse": 3.0}}
    (one,) = advice(SETTLED, report={**GOOD, "schemes": schemes})
    assert "4-point" in one
    worst = [{"row": 3, "name": "a.png", "mean_distance": 50.0}]
    (one,) = advice(SETTLED, report={**GOOD, "worst": worst})
    assert "a.png" in one


def test_the_axis_is_logarithmic_only_for_wide_ranges() -> None:
    wide, narrow = (
        training_charts(history(np.geomspace(100, 1, 20)))[0],
        training_charts(history(np.linspace(4, 3, 20)))[0],
    )
    assert "logarithmic" in wide.y_label
    assert "logarithmic" not in narrow.y_label
    assert wide.title == "Error on held-out faces: 1.00 px at its best"
    assert {"1", "10", "100"} <= {tick.text for tick in wide.y_ticks}
    heights = [tick.y for tick in wide.y_ticks if tick.text in ("1", "10", "100")]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])


def test_the_page_of_a_training_has_its_settings_curves_and_advice(tmp_path: Path) -> None:
    header = {
        "settings": SETTINGS,
        "members": [{"rows": 850}],
        "data": {"names": ["<script>alert(1)</script>.csv"], "rows": 1000, "digest": "0f"},
        "landmarks": {"names": list(LABELS)},
        "versions": {"python": "3.11"},
        "start": None,
    }
    path = tmp_path / "report.html"
    write_training_report(path, header, history(np.linspace(4, 2, 40)), LABELS, None)
    page = read_page(path)
    page.check()
    settings = {row["setting"]: row["value"] for row in page.table_with("setting")}
    assert settings["--network"] == "lenet5"
    assert settings["--learning-rate"] == "default"
    assert {row["point"]: row["labels"] for row in page.table_with("point")} == {
        "nose_tip": "1,000",
        "left_eye_center": "900",
    }
    assert "<script>alert(1)</script>.csv" in page.text
    assert "Hold rows out: --validation 0.15" in page.text
    assert "1 network trained for 2.0 minutes, 40 epochs in all" in page.words


def test_the_page_of_a_comparison_has_every_cell_and_is_careful_with_small_differences(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.html"
    write_comparison_report(path, json.loads(json.dumps(COMPARED)), ["a.csv"])
    page = read_page(path)
    page.check()
    rows = page.table_with("network")
    assert [(r["missing labels"], r["network"], r["RMSE"]) for r in rows] == [
        ("mask", "net2", "2.500 px"),
        ("drop", "net2", "2.000 px"),
        ("drop", "heatnet", "2.020 px"),
        ("mask", "heatnet", "–"),
    ]
    assert rows[3]["left out because"] == "a < b"
    assert "The lowest error has drop with net2: 2.00 pixels." in page.words
    assert "Within 3 % of it: drop with heatnet." in page.words
    html = path.read_text()
    widths = [float(part.split('"')[0]) for part in html.split(' width="')[1:5]]
    assert 100.0 in widths
    assert 80.0 in widths
