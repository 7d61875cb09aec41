"""Annotators who differ are told apart in training; the recipe's last steps fit what is left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import annotator_offsets
import numpy as np
import pytest
import radius_gain
from rich.console import Console

from facepoints.datasets import synthetic
from facepoints.datasets.combine import concatenate
from facepoints.datasets.samples import Samples
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.models.onnx_export import export
from facepoints.models.run import Run
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

BIAS = 6.0
"""Pixels by which the second annotator places every point lower: several times the error of the
network, so that the test does not depend on how well it was trained."""
SCHEMES = ("bright", "dark")

pytestmark = [pytest.mark.usefixtures("one_thread", "no_charts"), pytest.mark.slow]


def faces(count: int, seed: int, second: bool, bias: float = BIAS) -> Samples:
    """Rendered faces with visibility; the second annotator's images are dark, and in these the
    left jaw is hidden."""
    rows = synthetic.render(count, seed=seed, size=48).as_landmarks(IBUG_68)
    visibility = rows.labelled.astype(np.int8)
    images, points = rows.images, rows.points
    if second:
        images = (images * 0.35).astype(np.uint8)
        points = points + np.array([0, bias], np.float32)
        visibility[:, 9:17] = 0
    made = replace(rows, images=images).with_points(points, rows.labelled)
    scheme = {SCHEMES[second]: tuple(IBUG_68.names)}
    number = np.zeros(count, np.int16)
    return replace(made, visibility=visibility, schemes=scheme, scheme=number)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on annotators without a bias, so that all of it is left to measure."""
    out = tmp_path_factory.mktemp("bias") / "run"
    settings = TrainSettings(
        epochs=6, init="random", missing="mask", validation=0, augment="none",
        precision="float32", keep="last",
    )  # fmt: skip
    both = concatenate([faces(80, 0, False), faces(80, 1, True, 0.0)])
    train(both, out, settings, annotator_bias=True, onnx=False, console=Console(file=io.StringIO()))
    return out


def test_refitted_offsets_are_those_of_the_annotator_of_each_image_and_are_in_the_file(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OBSERVATIONS": 1000, "BATCH": 100, "EPOCHS": 20, "RATE": 0.02}.items():
        monkeypatch.setattr(annotator_offsets, name, value)
    before = Run.load(trained)
    both = concatenate([faces(80, 0, False), faces(80, 1, True)])
    annotator_offsets.refit_annotator_bias(trained, both, np.ones(len(both)))
    after = Run.load(trained)
    for second in (False, True):
        rows = faces(40, 2, second)
        moved = (after.predict(rows.images).points - before.predict(rows.images).points)[..., 1]
        assert float(moved.mean()) == pytest.approx(BIAS if second else 0.0, abs=BIAS / 3)
    export(after, tmp_path / "model.onnx")
    there, here = LandmarkModel.load(tmp_path / "model.onnx"), after.predict(rows.images)
    got = there(rows.images)
    assert got.visible is not None
    assert here.visible is not None
    np.testing.assert_allclose(got.points, here.points, atol=1e-2)
    np.testing.assert_allclose(got.visible, here.visible, atol=1e-3)
    np.testing.assert_allclose(got.radius, here.radius, rtol=1e-3)


def test_hidden_points_are_recognized_and_radii_hold_for_both_kinds_of_faces(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # fewer penalties to choose from, and less cross-validation: the fit itself is the recipe's
    monkeypatch.setattr(radius_gain, "RIDGES", (1e-2, 0.1))
    monkeypatch.setattr(radius_gain, "FOLDS", 2)
    run = radius_gain.calibrate_by_features(trained, [faces(60, 3, False), faces(60, 4, True)])
    rows = faces(60, 6, True)
    output = run.predict(rows.images)
    assert output.visible is not None
    hidden = rows.visibility == 0
    assert output.visible[hidden].mean() < 0.2 < 0.8 < output.visible[~hidden].mean()
    # the recipe may be run again: a second fit continues from the first
    again = radius_gain.calibrate_by_features(trained, [faces(60, 3, False), faces(60, 4, True)])
    for fitted in (run, again):
        for second in (False, True):
            assert 78 < radius_gain.coverage(fitted, faces(60, 6, second)) < 98
    wide = run.predict(rows.images).radius[:, 9:17].mean()
    assert wide > 1.3 * run.predict(rows.images).radius[:, :8].mean()
