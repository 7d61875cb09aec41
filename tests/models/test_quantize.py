"""Quantization: a smaller file with nearly the same output, and its measured effect."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.errors import DataError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.evaluation.evaluate import evaluate
from facepoints.imaging import affine
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.networks import build_model
from facepoints.models.onnx_export import traced
from facepoints.models.quantize import _layers_to_quantize, as_cropped_for, quantize, quantize_graph
from facepoints.models.run import Member, Run

SIDE = 32

pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")


@pytest.fixture(scope="module")
def faces() -> Samples:
    return synthetic.kaggle_like(48, seed=2, size=SIDE)


@pytest.fixture(scope="module")
def run(faces: Samples) -> Run:
    torch.manual_seed(0)
    model = build_model("lenet5", 15, (SIDE, SIDE), 120.0, 60.0).eval()
    model.start_at(torch.from_numpy(crop_rule_of(faces).canonical_points))
    return Run(
        landmarks=KAGGLE_15,
        schemes=faces.schemes,
        size=(SIDE, SIDE),
        merge="replace",
        mirror=False,
        members=(Member("", "lenet5", KAGGLE_15, model),),
        calibration=uncalibrated("laplace", KAGGLE_15),
        crop_rule=crop_rule_of(faces),
    )


@pytest.mark.slow
def test_8_bits_predict_nearly_the_same_and_the_effect_is_measured_on_other_people(
    run: Run, faces: Samples, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "int8.onnx"
    cost = quantize(run, faces, path)
    assert capfd.readouterr() == ("", "")
    ranges, rest = split_groups(faces.group, 0.5, 0)
    assert (cost.ranges_on, cost.measured_on) == (len(ranges), len(rest))
    model, others = LandmarkModel.load(path), faces.take(rest)
    before, after = evaluate(run, others), evaluate(model, others)
    assert cost.floats.rmse == pytest.approx(before["rmse"], abs=1e-4)
    assert cost.int8.rmse == pytest.approx(after["rmse"], abs=1e-4)
    assert cost.int8.nme == pytest.approx(after["nme"]["eyes"]["mean"], rel=1e-3)
    assert cost.int8.within == pytest.approx(after["radius"]["within"], abs=0.01)
    assert cost.int8.megabytes == pytest.approx(path.stat().st_size / 1e6)
    assert cost.int8.megabytes < 0.4 * cost.floats.megabytes
    assert min(cost.int8.milliseconds, cost.floats.milliseconds) > 0
    moved = np.abs(model(others.images).points - run.predict(others.images).points)
    spread = run.predict(others.images).points.std(axis=0)
    assert 0 < moved.max() < 0.2 * spread.max()
    kept = [w.dims for w in onnx.load(path).graph.initializer if w.data_type == 1 and w.dims]
    assert [30, 84] in [list(d) for d in kept]  # the layer that gives the points
    assert [84, 120] not in [list(d) for d in kept]


@pytest.fixture(scope="module")
def heatnet() -> onnx.ModelProto:
    """The graph of a heatnet without training."""
    model = build_model("heatnet", 15, (SIDE, SIDE), 120.0, 60.0).eval()
    example = torch.zeros(2, 1, SIDE, SIDE)
    return traced(model.backbone, example, {0: torch.export.Dim("batch")}, ["x"], ["y"])


@pytest.mark.slow
def test_layers_are_quantized_where_that_is_faster(heatnet: onnx.ModelProto) -> None:
    graph = deepcopy(heatnet)
    shapes = {w.name: list(w.dims) for w in graph.graph.initializer}
    nodes = {node.name: node for node in graph.graph.node}
    chosen = [nodes[name] for name in _layers_to_quantize(graph)]
    layers = [shapes[n.input[1]] for n in chosen if n.op_type == "Conv"]
    every = [shapes[n.input[1]] for n in nodes.values() if n.op_type == "Conv"]
    left = [shape for shape in every if shape not in layers]
    assert [16, 1, 5, 5] in left  # one channel
    assert all(shape[2:] == [1, 1] for shape in left[1:])  # one cell; the heatmaps among them
    assert len(layers) >= 15
    # what lies between two of them, so that no value becomes a float on its way
    kinds = [node.op_type for node in chosen]
    assert kinds.count("Relu") > 10
    assert kinds.count("Add") > 5
    decoding = [n for n in nodes.values() if n.op_type == "Add" and n not in chosen]
    assert decoding


@pytest.mark.slow
def test_8_bit_values_are_added_as_floats_which_all_processors_round_alike(
    heatnet: onnx.ModelProto, tmp_path: Path
) -> None:
    graph = deepcopy(heatnet)
    added = sum(n.op_type == "Add" for n in graph.graph.node)
    images: Any = np.random.default_rng(0).random((8, 1, SIDE, SIDE), dtype=np.float32)
    small = quantize_graph(graph, [images])
    kinds = [node.op_type for node in small.graph.node]
    assert kinds.count("Sum") > 5
    assert kinds.count("Sum") + kinds.count("Add") == added
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3  # such a file is for this processor alone
    onnxruntime.InferenceSession(small.SerializeToString(), options, ["CPUExecutionProvider"])
    run = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert "QLinearConv" in run
    assert "QLinearAdd" not in run


def test_a_graph_without_such_a_layer_stays_as_it_is() -> None:
    class Plain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.float() + 1

    example = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    graph = traced(Plain(), example, {0: torch.export.Dim("batch")}, ["x"], ["y"])
    assert quantize_graph(graph, []) is graph


def test_faces_of_one_person_are_not_enough(run: Run, faces: Samples, tmp_path: Path) -> None:
    one = replace(faces, group=np.full(len(faces), "she"))
    with pytest.raises(DataError, match="at least two people"):
        quantize(run, one, tmp_path / "int8.onnx")
    assert list(tmp_path.iterdir()) == []


def drawn(faces: Samples, matrix: NDArray) -> Samples:
    images = np.stack([affine.warp(image, matrix, SIDE, SIDE) for image in faces.images])
    points = affine.apply(matrix, faces.points)
    return replace(faces, images=images).with_points(points, faces.labelled)


def test_faces_are_framed_like_the_training_crops(run: Run, faces: Samples) -> None:
    assert as_cropped_for(run, faces) is faces
    smaller = drawn(faces, np.array([[0.7, 0, 6], [0, 0.7, 2]]))
    framed = as_cropped_for(run, smaller)
    np.testing.assert_allclose(framed.points, faces.points, atol=0.1)
    np.testing.assert_array_equal(framed.labelled, faces.labelled)
    before, after = (
        np.abs(images[:, 8:-8, 8:-8].astype(float) - faces.images[:, 8:-8, 8:-8]).mean()
        for images in (smaller.images, framed.images)
    )
    assert after < 0.4 * before
    wide = synthetic.kaggle_like(4, seed=2, size=64)
    assert as_cropped_for(run, wide).size == (SIDE, SIDE)


@pytest.mark.slow
def test_the_command_writes_a_smaller_file_and_prints_its_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table = str(tmp_path / "run"), str(tmp_path / "training.csv")
    main(["synthetic", "--out", str(tmp_path), "--count", "24", "--test", "3"])
    words = "--network lenet5 --epochs 1 --batch 8 --device cpu --augment none --no-onnx"
    main(["train", table, "--out", folder, *words.split()])
    with pytest.raises(SystemExit) as ended:
        main(["export", "--model", folder, "--int8"])
    assert ended.value.code == 2
    assert "--data" in capsys.readouterr().err
    main(["export", "--model", folder, "--int8", "--data", table])
    output = capsys.readouterr().out
    for word in ("RMSE", "NME", "within the radius", "8 bits", "model-int8.onnx"):
        assert word in output
    assert LandmarkModel.load(tmp_path / "run" / "model-int8.onnx").size == (96, 96)
