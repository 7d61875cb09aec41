"""Models can be pickled and copied: by their file, or by its bytes if the file is gone."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from facepoints import weights
from facepoints.api import FaceModel, load
from facepoints.detection import BuiltinDetector
from facepoints.errors import ModelError
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor

WAYS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def crops(model: LandmarkModel) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, *model.size), dtype=np.uint8)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [FaceModel, Predictor])
def test_a_copied_model_predicts_the_same(way: str, kind: type[Predictor]) -> None:
    model = kind(LandmarkModel.load(threads=1), BuiltinDetector.load(threads=1), min_score=0.4)
    same = WAYS[way](model)
    assert type(same) is kind
    assert same is not model
    assert same.describe() == model.describe()
    photo = data.astronaut()
    assert len(model(photo)) == 1
    assert same(photo) == model(photo)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_copied_landmark_model_predicts_the_same(way: str, threads: int) -> None:
    model = LandmarkModel.load(threads=threads)
    before = model(crops(model))
    same = WAYS[way](model)
    for a, b in zip(same(crops(model))[:3], before[:3], strict=True):
        np.testing.assert_array_equal(a, b)
    assert same.metadata.to_dict() == model.metadata.to_dict()
    assert same.checksum == model.checksum


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_detector_detects_the_same(way: str) -> None:
    detector = BuiltinDetector.load(side=256, min_score=0.1, threads=1)
    same = WAYS[way](detector)
    assert same == detector
    assert same.detect(data.astronaut()) == detector.detect(data.astronaut())


def test_a_pickle_names_the_file_instead_of_holding_it(tmp_path: Path) -> None:
    assert len(pickle.dumps(load(threads=1))) < 50_000 < weights.POINTS.stat().st_size


def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    """A model file of its own, loaded by a relative path."""
    path = tmp_path / "points.onnx"
    path.write_bytes(weights.POINTS.read_bytes())
    monkeypatch.chdir(tmp_path)
    return path, LandmarkModel.load("points.onnx", threads=1)


def test_a_pickle_of_a_model_without_a_file_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = copied(tmp_path, monkeypatch)
    path.unlink()
    same = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(same(crops(model)).points, model(crops(model)).points)


def test_a_pickle_finds_its_file_from_any_folder_and_only_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = copied(tmp_path, monkeypatch)
    data = pickle.dumps(model)
    monkeypatch.chdir("/")
    assert pickle.loads(data).checksum == model.checksum
    path.write_bytes(b"another model")
    with pytest.raises(ModelError, match="has changed since its model was pickled"):
        pickle.loads(data)
    path.unlink()
    with pytest.raises(ModelError, match="could not read"):
        pickle.loads(data)
