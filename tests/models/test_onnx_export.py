"""Export: the ONNX file predicts as the run does, and its metadata is complete."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from fakes import mean_face_rule
from numpy.typing import NDArray
from torch import Tensor, nn

from facepoints.cli.main import main
from facepoints.datasets import readers, synthetic
from facepoints.datasets.crop_geometry import CropRule
from facepoints.errors import MissingExtraError, RunError, WriteError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.imaging.affine import resize_images
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models import onnx_export as job
from facepoints.models.ensemble import Merge
from facepoints.models.networks import KeypointModel, build_model
from facepoints.models.networks.layers import BackboneOutput
from facepoints.models.onnx_export import RunGraph, export
from facepoints.models.run import Member, Run

COMMITTED = Path(__file__).resolve().parents[2] / "runs" / "kaggle-like"
CORE = KAGGLE_15.subset(synthetic.NARROW_POINTS)
SIDE = 32

pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")


def member(network: str, landmarks: LandmarkSet, size: tuple[int, int], part: str = "") -> Member:
    model = build_model(network, len(landmarks), size, 120.0, 60.0).eval()
    model.mirror_bias.uniform_(-1, 1)
    return Member(part, network, landmarks, model)


def run_of(*members: Member, mirror: bool = False, merge: Merge = "replace") -> Run:
    landmarks = members[0].landmarks
    size = members[0].model.size
    return Run(
        landmarks=landmarks,
        schemes={"15-point": landmarks.names},
        size=size,
        merge=merge,
        mirror=mirror,
        members=members,
        calibration=Calibration(tuple(np.linspace(1, 2, len(landmarks)).tolist()), 9, True),
        crop_rule=mean_face_rule(landmarks, size),
    )


def rendered(size: tuple[int, int], count: int = 24) -> NDArray[np.uint8]:
    return resize_images(synthetic.kaggle_like(count, seed=5, size=max(size)).images, *size)


def assert_same(run: Run, model: LandmarkModel, images: NDArray[np.uint8]) -> None:
    """Points and radii of both are the same within a hundredth of a pixel."""
    expected, output = run.predict(images), model(images)
    np.testing.assert_allclose(output.points, expected.points, atol=0.01)
    np.testing.assert_allclose(output.radius, expected.radius, atol=0.01)
    np.testing.assert_allclose(output.score, expected.score, atol=1e-4)


@pytest.mark.slow
def test_a_committed_run_predicts_as_in_pytorch(
    tmp_path: Path, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of its heatnets. The run has no calibration of its own."""
    whole = Run.load(COMMITTED)
    run = replace(whole, members=whole.members[:1], mirror=False)
    export(run, tmp_path / "heatnet.onnx")
    assert capfd.readouterr() == ("", "")
    model = LandmarkModel.load(tmp_path / "heatnet.onnx")
    assert_same(run, model, rendered(run.size))
    assert model.landmarks == run.landmarks
    assert model.schemes == run.schemes
    shared = request.getfixturevalue("shared")  # the rest needs real faces
    real = readers.load(shared / "kaggle" / "sample.csv").images
    assert_same(run, model, np.array(real))


def specialist(core: int, size: tuple[int, int] = (SIDE, SIDE), **more: Any) -> Run:
    members = [member("lenet5", CORE, size, "core") for _ in range(core)]
    return run_of(member("lenet5", KAGGLE_15, size, "all-points"), *members, **more)


@pytest.mark.parametrize("merge", ["replace", "average"])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("core", [0, 1, 2])
def test_the_graph_of_several_networks_predicts_as_the_run(
    merge: Merge, mirror: bool, core: int
) -> None:
    run = specialist(core, merge=merge, mirror=mirror)
    images = rendered(run.size)
    with torch.inference_mode():
        points, radius, score = RunGraph(run)(torch.from_numpy(images))
    there = run.predict(images)
    np.testing.assert_allclose(points, there.points, atol=1e-4)
    np.testing.assert_allclose(radius, there.radius, rtol=1e-5)
    np.testing.assert_array_equal(score, there.score)


@pytest.mark.slow
def test_a_mirrored_specialist_predicts_as_in_pytorch(tmp_path: Path) -> None:
    """It is not square, and its file asks for no refinement."""
    run = specialist(1, (40, 48), mirror=True)
    export(run, tmp_path / "specialist.onnx", refinement_passes=0)
    model = LandmarkModel.load(tmp_path / "specialist.onnx")
    assert_same(run, model, rendered(run.size))
    assert (model.size, model.refinement_passes, model.has_face_score) == ((40, 48), 0, False)


class FaceScore(nn.Module):
    """The smallest network with a face score; everything follows from the mean gray."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Linear(1, 3 * len(CORE))
        self.odds = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> BackboneOutput:
        mean = x.mean((1, 2, 3))[:, None]
        return BackboneOutput(self.points(mean).unflatten(1, (len(CORE), 3)), self.odds(mean)[:, 0])


def test_the_face_score_and_the_crop_rule_are_in_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = KeypointModel(FaceScore(), len(CORE), (SIDE, SIDE), 120.0, 60.0).eval()
    run = run_of(Member("", "score", CORE, model))
    rule = CropRule(
        np.array([[20, 12], [10, 12], [15, 18], [15, 25]], np.float32), (4.0, 5.0, 21.0, 20.0)
    )
    run = replace(run, crop_rule=rule, calibration=uncalibrated("gaussian", CORE))
    export(run, tmp_path / "score.onnx")
    file = LandmarkModel.load(tmp_path / "score.onnx")
    shades = np.arange(0, 256, 5, dtype=np.uint8)[:, None, None].repeat(SIDE, 1).repeat(SIDE, 2)
    assert_same(run, file, shades)
    assert file.has_face_score
    assert np.ptp(file(shades).score) > 0.1
    np.testing.assert_array_equal(file.canonical_points, rule.canonical_points)
    assert file.face_box == rule.face_box
    assert file.refinement_passes == 1
    assert file.calibration == run.calibration
    content = (tmp_path / "score.onnx").read_bytes()
    for folder in (Path(torch.__file__).parents[1], Path(__file__).parent, Path(job.__file__)):
        assert str(folder).encode() not in content  # no paths of this machine


def test_a_column_that_no_network_predicts_is_an_error(tmp_path: Path) -> None:
    run = run_of(member("lenet5", CORE, (SIDE, SIDE)))
    with pytest.raises(RunError, match="none of the 1 networks predicts"):
        export(replace(run, landmarks=KAGGLE_15), tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "find_spec", lambda name: None)
    run = run_of(member("lenet5", CORE, (SIDE, SIDE)))
    with pytest.raises(MissingExtraError, match=r"facepoints\[train\]"):
        export(run, tmp_path / "x.onnx")


@pytest.mark.slow
def test_the_command_exports_a_trained_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    main(["synthetic", "--out", str(tmp_path), "--count", "48", "--test", "3"])
    words = "--network lenet5 --epochs 1 --batch 8 --device cpu --no-onnx"
    main(["train", str(tmp_path / "training.csv"), "--out", str(folder), *words.split()])
    assert not (folder / "model.onnx").exists()
    capsys.readouterr()
    main(["export", "--model", str(folder)])
    assert f"{folder / 'model.onnx'}: " in capsys.readouterr().out
    model = LandmarkModel.load(folder)
    assert_same(Run.load(folder), model, rendered(model.size))
    header = json.loads((folder / "run.json").read_text())
    assert header["calibration"]["calibrated"] is True
    assert len(header["canonical_points"]) == len(header["calibration"]["factors"]) == 19
    metadata = model.metadata.to_dict()
    assert metadata["calibration"] == header["calibration"]
    assert metadata["canonical_points"] == header["canonical_points"]
    assert metadata["face_box"] == header["face_box"]


@pytest.mark.slow
def test_the_built_in_model_in_8_bits_predicts_as_in_float(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["export"])
    assert "name a file to write with --out" in capsys.readouterr().err
    main(["export", "--out", str(tmp_path / "floats.onnx")])
    floats, ours = LandmarkModel.load(tmp_path / "floats.onnx"), LandmarkModel.load()
    crops = synthetic.kaggle_like(16, seed=3).images
    before, after = floats(crops), ours(crops)
    off = np.linalg.norm(after.points - before.points, axis=-1)
    assert 0 < off.mean() < 0.15
    assert off.max() < 1.5
    np.testing.assert_allclose(after.radius.mean(), before.radius.mean(), rtol=0.05)
    assert ours.metadata.to_dict() == floats.metadata.to_dict()


def test_a_path_that_cannot_be_written_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "graph_of", lambda run: onnx.ModelProto())
    with pytest.raises(WriteError, match="it is a folder"):
        export(specialist(0), tmp_path)
    export(specialist(0), tmp_path / "x.onnx")
    with pytest.raises(WriteError):
        export(specialist(0), tmp_path / "x.onnx" / "model.onnx")
