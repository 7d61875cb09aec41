"""What two annotators do differently is measured and put into the run."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import marked_by
import numpy as np
import pytest
from rich.console import Console

from facepoints.datasets import synthetic
from facepoints.datasets.combine import concatenate
from facepoints.datasets.samples import Samples
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.run import Run, read_header, save_run
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

LEAN = 2.0
"""Pixels that the second annotator puts every point lower."""


def faces(count: int, seed: int, second: bool, lean: tuple[float, float] = (0, LEAN)) -> Samples:
    """Rendered faces; the second annotator's pictures are dark."""
    rows = synthetic.render(count, seed=seed, size=48).as_landmarks(KAGGLE_15)
    if not second:
        return rows
    dark = (rows.images * 0.35).astype(np.uint8)
    return replace(rows, images=dark).with_points(
        rows.points + np.array(lean, np.float32), rows.labelled
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the first annotator only, so that all of the second's lean is left."""
    out = tmp_path_factory.mktemp("habits") / "run"
    settings = TrainSettings(epochs=12, init="random", missing="mask", validation=0, augment="none")
    both = concatenate(
        [faces(150, 0, False), replace(faces(150, 1, True), points=faces(150, 1, False).points)]
    )
    train(both, out, settings, onnx=False, console=Console(file=io.StringIO()))
    return out


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("copy") / "run"))


def test_a_lean_to_one_side_is_kept_in_a_run_that_also_looks_at_mirrored_pictures(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_by, "SIGHTS", 600)
    out = Path(shutil.copytree(trained, tmp_path / "run"))
    save_run(out, {**read_header(out), "mirror": True})
    plain = Run.load(out)
    marked_by.add_habits(out, [faces(150, 0, False), faces(150, 1, True, (LEAN, 0))])
    rows = faces(60, 2, True, (LEAN, 0))
    moved = Run.load(out).predict(rows.images).points - plain.predict(rows.images).points
    assert float(moved[..., 0].mean()) == pytest.approx(LEAN, abs=0.6)


def test_each_picture_gets_the_habits_of_its_annotator(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_by, "SIGHTS", 600)
    plain = Run.load(run)
    marked_by.add_habits(run, [faces(150, 0, False), faces(150, 1, True)])
    better = Run.load(run)
    for second in (False, True):
        rows = faces(60, 2, second)
        moved = (better.predict(rows.images).points - plain.predict(rows.images).points)[..., 1]
        assert float(moved.mean()) == pytest.approx(LEAN if second else 0.0, abs=0.5)
        off = [
            np.abs(r.predict(rows.images).points - rows.points)[rows.labelled].mean()
            for r in (plain, better)
        ]
        assert off[1] < off[0] + 0.05


def test_the_model_file_has_them_too(run: Path, tmp_path: Path) -> None:
    from facepoints.models.onnx_export import export

    export(Run.load(run), tmp_path / "model.onnx")
    rows = faces(8, 3, True)
    answer = LandmarkModel.load(tmp_path / "model.onnx", threads=1)(rows.images)
    assert answer.points == pytest.approx(Run.load(run).predict(rows.images).points, abs=0.01)
