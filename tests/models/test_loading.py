"""Models for images of one face each: used directly, or on crops framed like their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import mean_face_rule

from facepoints.datasets.synthetic.kaggle_files import write_kaggle_files
from facepoints.detection import FullImageDetector
from facepoints.errors import ModelError, RunError
from facepoints.imaging import affine
from facepoints.inference.crop_predictor import CroppingModel
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.models.loading import RunModel, load_model, run_folder, select_crop_model

RULE = mean_face_rule(IBUG_68, (96, 96))
EYES = np.stack(
    [RULE.canonical_points[36:42].mean(axis=0), RULE.canonical_points[42:48].mean(axis=0)]
)


def dots(crops: np.ndarray) -> LandmarkOutput:
    """A run that places the mean face by the two bright dots of an image, its eyes."""
    ys, xs = np.mgrid[: crops.shape[1], : crops.shape[2]].astype(np.float64)
    points = []
    for crop in crops:
        light = np.where(crop > 60, crop, 0).astype(np.float64)
        middle = (light * xs).sum() / light.sum()
        sides = (light * (xs < middle), light * (xs >= middle))
        eyes = [((s * xs).sum() / s.sum(), (s * ys).sum() / s.sum()) for s in sides]
        points.append(
            affine.apply(affine.fit_similarity(EYES, np.array(eyes)), RULE.canonical_points)
        )
    ones = np.ones((len(crops), 68), np.float32)
    return LandmarkOutput(np.stack(points).astype(np.float32), ones, ones[:, 0])


def run(landmarks: Any = IBUG_68) -> Any:
    schemes = {"ibug": IBUG_68.names}
    return SimpleNamespace(
        landmarks=landmarks, schemes=schemes, size=(96, 96), crop_rule=RULE, predict=dots
    )


def image_of_dots(matrix: affine.Matrix, side: int = 120) -> np.ndarray:
    """Black with a round bright dot at each eye of the mean face, moved by `matrix`."""
    ys, xs = np.mgrid[:side, :side]
    image = np.zeros((side, side))
    for x, y in affine.apply(matrix, EYES):
        image += 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 3.0**2))
    return image.clip(0, 255).astype(np.uint8)


def test_a_turned_or_shifted_face_is_cropped_as_the_model_expects() -> None:
    turned = affine.rotation_matrix(20, (48, 48))
    moved = np.array([[0.9, 0, 30], [0, 0.9, 20.0]])
    images = np.stack([image_of_dots(m) for m in (turned, moved, affine.compose(turned, moved))])
    predictions = CroppingModel(RunModel(run()), {}, FullImageDetector(0.8)).predict(images)
    for points, radius, matrix in zip(
        predictions.points,
        predictions.radius,
        (turned, moved, affine.compose(turned, moved)),
        strict=True,
    ):
        truth = affine.apply(matrix, RULE.canonical_points)
        assert np.linalg.norm(points - truth, axis=1).max() < 0.5
        assert radius == pytest.approx(np.hypot(*matrix[:, 0]), rel=0.03)  # 1 px of the crop


def test_a_run_with_the_wanted_points_is_used_directly() -> None:
    kaggle = run(KAGGLE_15)
    assert select_crop_model(kaggle, KAGGLE_15.names, FullImageDetector()) is kaggle
    other = select_crop_model(run(), KAGGLE_15.names, FullImageDetector())
    assert isinstance(other, CroppingModel)
    assert select_crop_model(run(), ["chin"], FullImageDetector()) is not other


def test_the_error_for_a_missing_model_fits_what_was_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model at .*ONNX file, a run folder, or builtin"):
        load_model(tmp_path / "absent")
    with pytest.raises(ModelError, match="no model at"):
        load_model(tmp_path / "absent.onnx")
    (tmp_path / "odd.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        load_model(tmp_path / "odd.onnx")
    with pytest.raises(RunError, match=r"no run\.json"):
        load_model(tmp_path)
    with pytest.raises(RunError, match="is a file, and only a run can be exported"):
        run_folder(tmp_path / "odd.onnx")


@pytest.mark.slow
def test_the_built_in_model_submits_and_adapts_without_pytorch(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_kaggle_files(data, count=120, test=40, seed=1)
    code = f"""
import sys
from facepoints.cli.main import main
class NoTorch:
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch)
for words in (
    ["adapt", {str(data / "training.csv")!r}, "--out", {str(data / "mine.onnx")!r}],
    *(["submit", "--model", model, {str(data / "test.csv")!r}, {str(data / "IdLookupTable.csv")!r},
       "--out", {str(data)!r} + f"/{{n}}.csv", "--score", {str(data / "solution.csv")!r}]
      for n, model in enumerate(["builtin", {str(data / "mine.onnx")!r}])),
):
    main(words)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "fitted on 120 faces" in done.stdout
    plain, mine = (float(text.split()[1]) for text in done.stdout.split("\n") if "RMSE" in text)
    assert mine < plain
    asked = (data / "IdLookupTable.csv").read_text().strip().count("\n")
    assert (data / "1.csv").read_text().strip().count("\n") == asked
