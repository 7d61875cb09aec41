"""The run that is committed gives the figure that its card names."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepoints.runs import Run
from facepoints.submit import submit

FOLDER = Path(__file__).resolve().parents[1] / "runs" / "kaggle-like"


def test_the_card_s_figure_repeats(shared: Path, tmp_path: Path) -> None:
    files = shared / "kaggle-like"
    report = submit(
        Run.load(FOLDER),
        files / "test.csv.zip",
        files / "IdLookupTable.csv",
        tmp_path / "submission.csv",
        score=files / "solution.csv",
    )
    assert report.rows == 9742
    assert report.score is not None
    assert report.score.rmse == pytest.approx(1.318, abs=0.002)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| all | {report.score.rmse:.3f} |" in card


def test_it_is_small_and_without_pictures_of_faces() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert {p.name for p in files if p.suffix in (".png", ".jpg")} <= {"curves.png"}
