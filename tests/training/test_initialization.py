"""Training that starts from a run: copied weights, the default run, the record in run.json."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import mean_face_rule
from rich.console import Console

from facepoints import weights
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import DataWarning, RunError, SettingsError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.networks import BackboneOptions, KeypointModel, build_model
from facepoints.models.run import Member, Run
from facepoints.training import initialization
from facepoints.training.settings import TrainSettings, stored_settings
from facepoints.training.train import train

pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")

QUIET = Console(file=io.StringIO())
NARROW = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
COLUMNS = LandmarkSet(
    (*KAGGLE_15.names, *(f"{name}@4-point" for name in NARROW), "left_dimple", "right_dimple")
)


def run_of(network: str, landmarks: LandmarkSet, size: int = 48, parts: int = 1) -> Run:
    """A run with random weights and random statistics of the batch norms."""
    torch.manual_seed(1)
    members = []
    for _ in range(parts):
        model = build_model(network, len(landmarks), (size, size), 100.0, 50.0)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
                torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
        members.append(Member("all-points", network, landmarks, model.eval()))
    return Run(
        landmarks=landmarks,
        schemes={"ibug": landmarks.names},
        size=(size, size),
        merge="replace",
        mirror=False,
        members=tuple(members),
        calibration=uncalibrated("laplace", landmarks),
        crop_rule=mean_face_rule(landmarks, (size, size)),
    )


def faces(landmarks: LandmarkSet, count: int = 6, size: int = 48) -> Samples:
    rng = np.random.default_rng(0)
    k = len(landmarks)
    return Samples(
        images=rng.integers(0, 255, (count, size, size), dtype=np.uint8),
        points=rng.uniform(0, size, (count, k, 2)).astype(np.float32),
        labelled=np.ones((count, k), dtype=bool),
        landmarks=landmarks,
        group=np.arange(count).astype(str),
        names=np.arange(count).astype(str),
        scheme=np.zeros(count, np.int16),
        schemes={"15-point": KAGGLE_15.names, "4-point": NARROW},
    )


def fresh(network: str, landmarks: LandmarkSet, size: int = 48) -> KeypointModel:
    torch.manual_seed(2)
    return build_model(network, len(landmarks), (size, size), 90.0, 40.0)


def predict(model: KeypointModel, samples: Samples) -> np.ndarray:
    with torch.inference_mode():
        return model.eval()(torch.from_numpy(samples.images)[:, None]).points.numpy()


def test_each_column_starts_as_the_mean_of_the_points_it_is_computed_from() -> None:
    before, rows = run_of("heatnet", IBUG_68), faces(COLUMNS)
    model = fresh("heatnet", COLUMNS)
    was = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    known = initialization.init_from_run(model, "heatnet", rows, before, 0, "all-points")
    assert known.tolist() == [True] * 19 + [False] * 2
    old = before.members[0].model.state_dict()
    for name in ("backbone.heat.weight", "backbone.heat.bias", "backbone.log_scale.weight"):
        new, heads = model.state_dict()[name], old[name]
        column = COLUMNS.names.index
        torch.testing.assert_close(new[column("nose_tip")], heads[30])
        torch.testing.assert_close(new[column("nose_tip@4-point")], heads[33])
        torch.testing.assert_close(new[column("left_eye_center")], heads[42:48].mean(0))
        torch.testing.assert_close(new[column("left_eye_center@4-point")], heads[42:48].mean(0))
        torch.testing.assert_close(new[-2:], was[name][-2:])
    for name, tensor in model.state_dict().items():
        if "heat" not in name and "log_scale" not in name and name.startswith("backbone"):
            torch.testing.assert_close(tensor, old[name])


def test_a_heatnet_of_another_size_and_with_a_face_score_is_initialized_too() -> None:
    before, rows = run_of("heatnet", IBUG_68), faces(KAGGLE_15, size=64)
    torch.manual_seed(2)
    model = build_model("heatnet", 15, (64, 64), 90.0, 40.0, BackboneOptions(True))
    assert initialization.init_from_run(model, "heatnet", rows, before, 0, "all-points").all()
    trunk = model.state_dict()["backbone.stem.0.weight"]
    torch.testing.assert_close(
        trunk, before.members[0].model.state_dict()["backbone.stem.0.weight"]
    )


@pytest.mark.parametrize("network", ["lenet5", "heatnet"])
def test_a_network_that_starts_from_its_own_points_predicts_as_the_run(network: str) -> None:
    before = run_of(network, KAGGLE_15)
    landmarks = KAGGLE_15.subset(["nose_tip", "right_eye_center", "left_eye_center"])
    points = before.predict(faces(landmarks).images).points[:, KAGGLE_15.columns(landmarks.names)]
    rows = replace(faces(landmarks), points=points)
    model = fresh(network, landmarks)
    initialization.init_from_run(model, network, rows, before, 0, "all-points")
    np.testing.assert_allclose(predict(model, rows), points, atol=1e-3)
    assert (float(model.mean), float(model.std)) == (100.0, 50.0)  # as of the run's images


def test_gray_values_of_the_new_images_are_kept_if_they_suit_better() -> None:
    before = run_of("heatnet", KAGGLE_15)
    model = fresh("heatnet", KAGGLE_15)
    initialization.init_from_run(model, "heatnet", faces(KAGGLE_15), before, 0, "all-points")
    model.mean.fill_(90.0)
    model.std.fill_(40.0)
    rows = replace(faces(KAGGLE_15), points=predict(model, faces(KAGGLE_15)))
    again = fresh("heatnet", KAGGLE_15)
    initialization.init_from_run(again, "heatnet", rows, before, 0, "all-points")
    assert (float(again.mean), float(again.std)) == (90.0, 40.0)


def test_members_of_an_ensemble_start_from_different_members() -> None:
    before, rows = run_of("heatnet", KAGGLE_15, parts=2), faces(KAGGLE_15)
    stems = []
    for number in range(3):
        model = fresh("heatnet", KAGGLE_15)
        initialization.init_from_run(model, "heatnet", rows, before, number, "all-points")
        stems.append(model.state_dict()["backbone.stem.0.weight"])
    assert torch.equal(stems[0], stems[2])
    assert not torch.equal(stems[0], stems[1])


def test_another_network_or_size_is_refused() -> None:
    rows = faces(KAGGLE_15)
    with pytest.raises(SettingsError, match="heatnet cannot start from the weights of a lenet5"):
        initialization.init_from_run(
            fresh("heatnet", KAGGLE_15), "heatnet", rows, run_of("lenet5", KAGGLE_15), 0, ""
        )
    small = run_of("lenet5", KAGGLE_15, 32)
    with pytest.raises(SettingsError, match="for images of 32x32 pixels"):
        initialization.init_from_run(fresh("lenet5", KAGGLE_15), "lenet5", rows, small, 0, "")


def test_the_default_is_the_built_in_run_for_a_heatnet_on_faces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hand = LandmarkSet(("thumb", "wrist"))
    assert initialization.resolve_init("runs/mine", "heatnet", hand) == "runs/mine"
    assert initialization.resolve_init(None, "heatnet", KAGGLE_15) == "builtin"
    run = initialization.load_init_run("builtin")
    assert run is not None
    assert run.landmarks.names == OPENPOSE_70.names
    assert initialization.resolve_init(None, "heatnet", hand) == "random"
    assert initialization.resolve_init(None, "lenet5", KAGGLE_15) == "random"
    monkeypatch.setattr(weights, "POINTS_RUN", tmp_path)
    assert initialization.resolve_init(None, "heatnet", KAGGLE_15) == "random"
    with pytest.raises(RunError, match="built-in weights are missing"):
        initialization.load_init_run("builtin")


def test_a_training_from_a_run_starts_ahead_and_resumes_from_the_same_weights_only(
    tmp_path: Path,
) -> None:
    data = synthetic.kaggle_like(96, seed=3, size=32)
    settings = TrainSettings(
        precision="float32",
        network="lenet5",
        loss="mse",
        epochs=6,
        batch=8,
        augment="none",
        device="cpu",
        ema=0,
    )

    def trained(name: str, settings: TrainSettings, resume: bool = False) -> list[float]:
        """Validation RMSE after every epoch."""
        train(data, tmp_path / name, settings, console=QUIET, onnx=False, resume=resume)
        rows = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [json.loads(row)["validation_rmse"] for row in rows]

    first = trained("first", settings)
    assert min(first) < 0.97 * first[0]
    second = replace(settings, init=str(tmp_path / "first"), epochs=1)
    assert second.max_learning_rate < settings.max_learning_rate
    second = replace(second, learning_rate=1e-6)
    assert trained("second", second) == pytest.approx([min(first)], rel=1e-3)
    header = json.loads((tmp_path / "second" / "run.json").read_text())
    assert header["settings"]["init"] == second.init
    assert header["start"]["run"] == "first"
    assert stored_settings(tmp_path / "second") == second
    trained("second", second, resume=True)  # has finished: nothing to train
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    trained("first", replace(settings, seed=1))
    with pytest.raises(RunError, match="begun from other weights than first holds now"):
        trained("second", second, resume=True)


def test_a_training_says_what_its_point_names_mean(tmp_path: Path) -> None:
    said = Console(file=io.StringIO(), width=300)
    settings = TrainSettings(epochs=1, validation=0, device="cpu")
    known = faces(LandmarkSet.of_names(("left_eye_center", "right_eye_center", "dimple")))
    train(known, tmp_path / "known", settings, onnx=False, console=said)
    unknown = faces(LandmarkSet.of_names(("left_augenmitte", "dimple")))
    with pytest.warns(DataWarning, match="knows none of these points by name"):
        train(unknown, tmp_path / "unknown", settings, onnx=False, console=said)
    text = said.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "2 of 3 points are known to" in text
    assert "these start from random weights: dimple" in text
    assert "images are mirrored in training: 1 pair of points swap, 1 point of neither side" in text
    assert "2 points start from random weights" in text
    assert "not mirrored in training: 'left_augenmitte' has no 'right_augenmitte'" in text
