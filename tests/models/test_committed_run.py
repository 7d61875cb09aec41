"""The committed run predicts with the error that its card states."""

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


@pytest.fixture(scope="module")
def submission(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SubmitReport, Path, bool]:
    """Report and file of one submission, and whether it could be scored."""
    files = shared / "kaggle-like"
    out = tmp_path_factory.mktemp("submission") / "submission.csv"
    solution = files / "solution.csv"
    score = solution if solution.is_file() else None
    return submitted(files, out, score), out, score is not None


@pytest.mark.slow
def test_it_predicts_every_requested_value(submission: tuple[SubmitReport, Path, bool]) -> None:
    report, out, _ = submission
    assert report.rows == 9742
    values = np.loadtxt(out, delimiter=",", skiprows=1)[:, 1]
    assert len(values) == 9742
    assert values.min() >= 0
    assert values.max() <= 95


@pytest.mark.slow
def test_it_has_the_error_of_its_card(
    submission: tuple[SubmitReport, Path, bool], solution: Path
) -> None:
    report, _, scored = submission
    assert scored, f"not scored with {solution}"
    assert report.score is not None
    assert report.score.rmse == pytest.approx(1.253, abs=0.002)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| all | {report.score.rmse:.3f} |" in card


def test_it_is_small_and_without_images_of_faces() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert {p.name for p in files if p.suffix in (".png", ".jpg")} <= {"curves.png"}
