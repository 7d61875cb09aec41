"""Commands with a model of 70 points that predicts which of them can be seen."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from fakes import mean_face_rule

import facepoints
from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.imaging.image_writer import write_image
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70

SIDE = 96
VISIBLE = np.where(np.arange(70) % 17 < 6, 0.125, 0.875).astype(np.float32)


def model_file() -> bytes:
    """A model as an ONNX graph that predicts the mean face for every crop."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from facepoints.models.onnx_edit import with_metadata

    rule = mean_face_rule(IBUG_68, (SIDE, SIDE))
    points = rule.canonical_points
    pupils = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    canonical = np.concatenate([points, pupils]).astype(np.float32)
    constants = {
        "flat": canonical.reshape(1, -1),
        "shape": np.array([0, 70, 2], np.int64),
        "radii": np.full((1, 70), 2, np.float32),
        "seen": VISIBLE[None],
        "axes": np.array([1, 2], np.int64),
        "last": np.array([1], np.int64),
        "zero": np.float32(0),
        "one": np.float32(1),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["crops"], ["gray"], to=TensorProto.FLOAT),
        node("ReduceMax", ["gray", "axes"], ["most"], keepdims=0),
        node("Mul", ["most", "zero"], ["nothing"]),
        node("Add", ["nothing", "one"], ["score"]),
        node("Unsqueeze", ["score", "last"], ["ones"]),
        node("MatMul", ["ones", "flat"], ["flat_points"]),
        node("Reshape", ["flat_points", "shape"], ["points"]),
        node("MatMul", ["ones", "radii"], ["radius"]),
        node("MatMul", ["ones", "seen"], ["visible"]),
    ]
    outputs = {"points": [70, 2], "radius": [70], "score": [], "visible": [70]}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "mean",
        [value("crops", TensorProto.UINT8, ["batch", SIDE, SIDE])],
        [value(name, TensorProto.FLOAT, ["batch", *more]) for name, more in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(proto)
    factors = {"coverage": 0.9, "factors": [1.0] * 70, "rows": 0, "calibrated": False}
    metadata = {
        "landmarks": OPENPOSE_70.to_dict(),
        "schemes": {"openpose": list(OPENPOSE_70.names)},
        "size": [SIDE, SIDE],
        "refinement_passes": 1,
        "canonical_points": canonical.tolist(),
        "face_box": list(rule.face_box),
        "has_face_score": True,
        "has_visibility": True,
        "calibration": factors,
    }
    return with_metadata(proto, metadata)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model and two images."""
    folder = tmp_path_factory.mktemp("seeing")
    (folder / "model.onnx").write_bytes(model_file())
    for number, image in enumerate(synthetic.render(2, seed=1, size=96).images):
        write_image(folder / "images" / f"{number}.png", image)
    return folder


def run(folder: Path, command: str, *words: str) -> None:
    main([command, str(folder / "images"), "--model", str(folder / "model.onnx"), *words])


def predicted(folder: Path, out: Path, *words: str) -> Path:
    run(folder, "predict", "--detector", "full-image", "--out", str(out), *words)
    return out


def test_lines_have_the_visibility_after_the_radius(folder: Path, tmp_path: Path) -> None:
    out = predicted(folder, tmp_path / "faces.jsonl", "--draw", str(tmp_path / "drawn"))
    for line in out.read_text().splitlines():
        record = json.loads(line)
        assert record["landmarks"] == "openpose-70"
        (face,) = record["faces"]
        assert list(face)[-2:] == ["radius", "visible"]
        assert face["visible"] == np.round(VISIBLE.astype(float), 2).tolist()
    assert len(list((tmp_path / "drawn").iterdir())) == 2
    less = tmp_path / "less"
    run(folder, "predict", "--detector", "full-image", "--draw", str(less), "--visible-only")
    model = facepoints.load(folder / "model.onnx", detector="full-image")
    for path in sorted((folder / "images").iterdir()):
        image = facepoints.read_image(path)
        wanted = facepoints.draw(image, model(path), hidden=False, legend=True)
        np.testing.assert_array_equal(facepoints.read_image(less / path.name), wanted)


def test_the_68_points_keep_their_visibility(folder: Path, tmp_path: Path) -> None:
    out = predicted(folder, tmp_path / "faces.csv", "--landmarks", "ibug-68")
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    columns = [name for name in rows[0] if name.endswith("_visible")]
    assert columns == [f"{name}_visible" for name in IBUG_68.names]
    seen = [float(rows[1][name]) for name in columns]
    np.testing.assert_allclose(seen, VISIBLE[:68], atol=0.0051)


def test_the_flags_of_coco_are_2_or_1(folder: Path, tmp_path: Path) -> None:
    content = json.loads(predicted(folder, tmp_path / "faces.json").read_text())
    for annotation in content["annotations"]:
        assert annotation["keypoints"][2::3] == np.where(VISIBLE >= 0.5, 2, 1).tolist()


def test_files_hold_what_the_model_predicts(folder: Path, tmp_path: Path) -> None:
    out = predicted(folder, tmp_path / "faces.jsonl")
    model = facepoints.load(folder / "model.onnx", detector="full-image")
    for result in facepoints.read_faces(out):
        (face,) = model(result.file)
        assert result.faces == [face]
        assert face.visible is not None


def test_measures_and_aligned_images_of_70_points(folder: Path, tmp_path: Path) -> None:
    faces = predicted(folder, tmp_path / "faces.jsonl")
    main(["measure", str(faces), "--out", str(tmp_path / "measures.csv")])
    with (tmp_path / "measures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["yaw"] != "" for row in rows] == [True, True]
    run(folder, "align", "--detector", "full-image", "--out", str(tmp_path / "aligned"))
    assert len(list((tmp_path / "aligned").iterdir())) == 2
