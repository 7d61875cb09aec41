"""Systematic differences of two annotators are measured and added to the run."""

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

BIAS = 6.0
"""Pixels by which the second annotator places every point lower: several times the error of the
network, so that the test does not depend on how well it was trained."""

pytestmark = [pytest.mark.usefixtures("one_thread", "no_charts"), pytest.mark.slow]


def faces(count: int, seed: int, second: bool, bias: tuple[float, float] = (0, BIAS)) -> Samples:
    """Rendered faces; the second annotator's images are dark."""
    rows = synthetic.render(count, seed=seed, size=48).as_landmarks(KAGGLE_15)
    if not second:
        return rows
    dark = (rows.images * 0.35).astype(np.uint8)
    return replace(rows, images=dark).with_points(
        rows.points + np.array(bias, np.float32), rows.labelled
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained without the second annotator's bias, so that all of it is left to measure."""
    out = tmp_path_factory.mktemp("bias") / "run"
    settings = TrainSettings(
        epochs=10, init="random", missing="mask", validation=0, augment="none", precision="float32"
    )
    both = concatenate(
        [faces(100, 0, False), replace(faces(100, 1, True), points=faces(100, 1, False).points)]
    )
    train(both, out, settings, onnx=False, console=Console(file=io.StringIO()))
    return out


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("copy") / "run"))


def test_a_bias_to_one_side_is_added_to_a_run_that_averages_with_mirror_images(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_by, "OBSERVATIONS", 600)
    out = Path(shutil.copytree(trained, tmp_path / "run"))
    save_run(out, {**read_header(out), "mirror": True})
    plain = Run.load(out)
    marked_by.add_annotator_bias(out, [faces(100, 0, False), faces(100, 1, True, (BIAS, 0))])
    rows = faces(40, 2, True, (BIAS, 0))
    moved = Run.load(out).predict(rows.images).points - plain.predict(rows.images).points
    assert float(moved[..., 0].mean()) == pytest.approx(BIAS, abs=BIAS / 3)


def test_each_image_gets_the_bias_of_its_annotator(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_by, "OBSERVATIONS", 600)
    plain = Run.load(run)
    marked_by.add_annotator_bias(run, [faces(100, 0, False), faces(100, 1, True)])
    better = Run.load(run)
    for second in (False, True):
        rows = faces(40, 2, second)
        moved = (better.predict(rows.images).points - plain.predict(rows.images).points)[..., 1]
        assert float(moved.mean()) == pytest.approx(BIAS if second else 0.0, abs=BIAS / 3)
        before, after = (
            np.abs(r.predict(rows.images).points - rows.points)[rows.labelled].mean()
            for r in (plain, better)
        )  # means of x and y: the bias counts half
        assert after < (before - BIAS / 4 if second else before + BIAS / 8)


def test_the_model_file_has_the_bias_too(run: Path, tmp_path: Path) -> None:
    from facepoints.models.onnx_export import export

    export(Run.load(run), tmp_path / "model.onnx")
    rows = faces(8, 3, True)
    output = LandmarkModel.load(tmp_path / "model.onnx", threads=1)(rows.images)
    assert output.points == pytest.approx(Run.load(run).predict(rows.images).points, abs=0.01)
