"""The run that is committed gives the figure that its card names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepoints.commands.submit import SubmitReport, submit
from facepoints.models.run import Run

FOLDER = Path(__file__).resolve().parents[2] / "runs" / "kaggle-like"


def submitted(files: Path, out: Path, score: Path | None = None) -> SubmitReport:
    run = Run.load(FOLDER)
    return submit(run, files / "test.csv.zip", files / "IdLookupTable.csv", out, score=score)


def test_it_answers_all_that_is_asked(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "submission.csv"
    assert submitted(shared / "kaggle-like", out).rows == 9742
    values = np.loadtxt(out, delimiter=",", skiprows=1)[:, 1]
    assert len(values) == 9742
    assert values.min() >= 0
    assert values.max() <= 95


def test_the_card_s_figure_repeats(shared: Path, solution: Path, tmp_path: Path) -> None:
    report = submitted(shared / "kaggle-like", tmp_path / "submission.csv", solution)
    assert report.score is not None
    assert report.score.rmse == pytest.approx(1.253, abs=0.002)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| all | {report.score.rmse:.3f} |" in card


def test_it_is_small_and_without_pictures_of_faces() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert {p.name for p in files if p.suffix in (".png", ".jpg")} <= {"curves.png"}
