"""Adapting a model to a marking scheme with a few labeled faces: errors, file, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import mean_face_rule

from facepoints.cli.main import main
from facepoints.commands.adapt import AdaptReport, adapt, mean_gaps
from facepoints.datasets import readers
from facepoints.datasets.fixes import Fix, fingerprint, frame_of, write_fixes
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.writers import WRITERS
from facepoints.detection import FullImageDetector
from facepoints.errors import DataError, ModelError, WriteError
from facepoints.imaging import affine
from facepoints.inference.crop_predictor import CroppingModel
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, KAGGLE_SCHEMES
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.loading import select_crop_model

SIDE = 96
RULE = mean_face_rule(IBUG_68, (SIDE, SIDE))
LAYOUT = RULE.canonical_points.astype(np.float64)
EYES = np.stack([LAYOUT[36:42].mean(axis=0), LAYOUT[42:48].mean(axis=0)])
SHIFT = np.random.default_rng(5).normal(0, 2.5, (15, 2))
"""Differences of another annotator's points, in pixels of the upright crop."""


VISIBLE = np.random.default_rng(6).uniform(0, 1, 68).astype(np.float32)


def dots_model(visible: bool = False) -> bytes:
    """A model as an ONNX graph that fits the mean face to the two bright dots that its images
    have for eyes: it follows shifts, rotations and sizes as a network does.

    Args:
        visible: it predicts the visibility `VISIBLE` for every image.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from facepoints.models.onnx_edit import with_metadata

    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    ones = np.ones(SIDE * SIDE)
    # points = a + z (b - a) for eyes a and b, complex numbers: linear in their coordinates
    z = ((LAYOUT - EYES[0]) @ (1, 1j)) / ((EYES[1] - EYES[0]) @ (1, 1j))
    head = np.zeros((4, 68, 2))
    head[0, :, 0], head[1, :, 0], head[2, :, 0], head[3, :, 0] = 1 - z.real, z.imag, z.real, -z.imag
    head[0, :, 1], head[1, :, 1], head[2, :, 1], head[3, :, 1] = -z.imag, 1 - z.real, z.imag, z.real
    sides = np.stack([xs.ravel() < SIDE / 2, xs.ravel() >= SIDE / 2])
    constants = {
        "dark": np.float32(60),
        "flat": np.array([0, 1, SIDE * SIDE], np.int64),
        "sides": sides.astype(np.float32)[None],
        "grid": np.stack([xs.ravel(), ys.ravel(), ones], 1).astype(np.float32),
        "two": np.array([2, 1], np.int64),
        "eyes": np.array([0, 4], np.int64),
        "head": head.reshape(4, -1).astype(np.float32),
        "shape": np.array([0, 68, 2], np.int64),
        "one": np.ones(1, np.float32),
        "radii": np.full((1, 68), 0.2, np.float32),
        "seen": VISIBLE[None],
        "last": np.array([1], np.int64),
        "axis": np.array([1, 2], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["crops"], ["gray"], to=TensorProto.FLOAT),
        node("Sub", ["gray", "dark"], ["above"]),
        node("Relu", ["above"], ["light"]),
        node("Reshape", ["light", "flat"], ["row"]),
        node("Mul", ["row", "sides"], ["both"]),
        node("MatMul", ["both", "grid"], ["sums"]),
        node("Split", ["sums", "two"], ["xy", "weight"], axis=2),
        node("Div", ["xy", "weight"], ["centers"]),
        node("Reshape", ["centers", "eyes"], ["flat_eyes"]),
        node("MatMul", ["flat_eyes", "head"], ["flat_points"]),
        node("Reshape", ["flat_points", "shape"], ["points"]),
        node("ReduceMax", ["gray", "axis"], ["most"], keepdims=0),
        node("Unsqueeze", ["most", "last"], ["column"]),
        node("Min", ["column", "one"], ["ones"]),
        node("MatMul", ["ones", "radii"], ["radius"]),
        node("Squeeze", ["ones", "last"], ["score"]),
        node("MatMul", ["ones", "seen"], ["visible"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "dots",
        [value("crops", TensorProto.UINT8, ["batch", SIDE, SIDE])],
        [
            value("points", TensorProto.FLOAT, ["batch", 68, 2]),
            value("radius", TensorProto.FLOAT, ["batch", 68]),
            value("score", TensorProto.FLOAT, ["batch"]),
            value("visible", TensorProto.FLOAT, ["batch", 68]),
        ],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(proto)
    calibration = {"coverage": 0.9, "factors": [1.0] * 68, "rows": 0, "calibrated": False}
    return with_metadata(
        proto,
        {
            "landmarks": IBUG_68.to_dict(),
            "schemes": {"ibug": list(IBUG_68.names)},
            "size": [SIDE, SIDE],
            "refinement_passes": 1,
            "canonical_points": LAYOUT.tolist(),
            "face_box": list(RULE.face_box),
            "has_face_score": False,
            "has_visibility": visible,
            "calibration": calibration,
        },
    )


def faces(count: int, seed: int, noise: float, narrow: int = 0, side: int = SIDE) -> Samples:
    """Rotated faces of all sizes with dots for eyes, marked by the scheme that `SHIFT` defines.

    The last `narrow` rows have only the four points of the other scheme.
    """
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:side, :side]
    images, points = [], []
    every = np.ones((1, 68), dtype=bool)
    for row in range(count):
        change = affine.rotation_matrix(rng.uniform(-15, 15), (SIDE / 2, SIDE / 2))
        change[:, :2] *= rng.uniform(0.75, 1)
        change[:, 2] += rng.uniform(0, 12, 2) + (side - SIDE) / 2
        image = rng.uniform(0, 50, (side, side))  # equal images would be one group
        for x, y in affine.apply(change, EYES):
            image += 200 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18)
        images.append(image.clip(0, 255).astype(np.uint8))
        names = KAGGLE_15.names if row < count - narrow else _marked("4-point")
        landmarks = LandmarkSet(names, mirrorable=False)
        at = convert(RULE.canonical_points[None], every, IBUG_68, landmarks)[0][0]
        shape = at + SHIFT + rng.normal(0, noise, (15, 2))
        points.append(affine.apply(change, shape))
    labelled = np.ones((count, 15), dtype=bool)
    few = KAGGLE_15.columns(KAGGLE_SCHEMES["4-point"])
    labelled[count - narrow :] = np.isin(np.arange(15), few)
    table = np.stack(points)
    table[~labelled] = 0
    return Samples(
        images=np.stack(images),
        points=table,
        labelled=labelled,
        landmarks=KAGGLE_15,
        group=np.array([f"{row}" for row in range(count)]),
        names=np.array([f"{row}" for row in range(count)]),
        scheme=np.array([0] * (count - narrow) + [1] * narrow, np.int16),
        schemes=KAGGLE_SCHEMES if narrow else {"15-point": KAGGLE_15.names},
    )


def _marked(scheme: str) -> tuple[str, ...]:
    return tuple(f"{name}@{scheme}" for name in KAGGLE_15.names)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "dots.onnx"
    path.write_bytes(dots_model())
    return path


def adapted(model: Path, samples: Samples, folder: Path) -> tuple[Path, AdaptReport]:
    table = WRITERS["kaggle"](samples, folder / "labels.csv")
    out = folder / "mine.onnx"
    return out, adapt([table], out, model=model)


def errors(path: Path, samples: Samples) -> np.ndarray:
    """Distances (N, K) of a model's predictions and labels, in pixels."""
    loaded = LandmarkModel.load(path)
    predicted = CroppingModel(loaded, {}, FullImageDetector(0.7)).predict(samples.images).points
    every = np.ones(predicted.shape[:2], dtype=bool)
    points, known = convert(predicted, every, loaded.landmarks, samples.landmarks)
    assert known.all()
    return np.linalg.norm(points - samples.points, axis=-1)


def test_twenty_faces_reduce_the_error_of_a_shifted_scheme_to_its_noise(
    model: Path, tmp_path: Path
) -> None:
    out, report = adapted(model, faces(20, 0, noise=0.7), tmp_path)
    others = faces(30, 1, noise=0.0)
    before, after = errors(model, others).mean(), errors(out, others).mean()
    assert before > 2.0
    assert after < 0.35  # the mean of 20 labels is off by 0.7 sqrt(pi / 2 / 20) = 0.2
    assert (report.faces, report.left_out, report.unknown) == (20, 0, ())
    assert report.points == KAGGLE_15.names
    side = max(RULE.face_box[2:])
    noise = 0.7 * np.sqrt(np.pi / 2)
    assert report.before * side == pytest.approx(np.hypot(2.9, noise), rel=0.25)
    assert report.after * side == pytest.approx(noise, rel=0.15)


def test_the_new_radius_contains_90_percent_of_the_labels(model: Path, tmp_path: Path) -> None:
    out, _ = adapted(model, faces(60, 2, noise=1.0), tmp_path)
    others = faces(60, 3, noise=1.0)
    loaded = LandmarkModel.load(out)
    output = CroppingModel(loaded, {}, FullImageDetector(0.7)).predict(others.images)
    inside = np.linalg.norm(output.points - others.points, axis=-1) <= output.radius
    assert 0.82 <= inside.mean() <= 0.96
    assert (
        LandmarkModel.load(model)(others.images).radius.max() < 0.25
    )  # the old radius contains hardly any


def test_each_scheme_of_a_table_gets_its_own_columns(model: Path, tmp_path: Path) -> None:
    out, report = adapted(model, faces(40, 4, noise=0.3, narrow=22), tmp_path)
    loaded = LandmarkModel.load(out)
    assert set(loaded.landmarks.names) == {
        *KAGGLE_15.names,
        *(f"{name}@4-point" for name in KAGGLE_SCHEMES["4-point"]),
    }
    assert set(loaded.schemes) == {"15-point", "4-point"}
    assert report.after < report.before / 4
    # The images of the competition are cropped for it, although it has all of their points.
    assert isinstance(
        select_crop_model(loaded, KAGGLE_15.names, FullImageDetector()), CroppingModel
    )


@pytest.mark.parametrize(("kind", "file"), [("kaggle", "labels.csv"), ("coco", "photos")])
def test_fixes_mend_the_labels_that_a_model_is_fitted_to(
    kind: str, file: str, model: Path, tmp_path: Path
) -> None:
    """Of tables and of photos: a point that was moved is moved back, and a row is dropped."""
    right = faces(20, 8, noise=0.3)
    moved = right.points.copy()
    moved[:, 0] += 6
    wrong = WRITERS[kind](right.with_points(moved, right.labelled), tmp_path / file)
    name = right.landmarks.names[0]
    read = readers.read(wrong)
    fixes = [
        Fix(
            *(wrong.name, row, str(read.names[row]), _fingerprint(read, row), "point_off"),
            action="move",
            values={name: (read.points[row, 0] - (6, 6)).tolist()},
        )
        for row in range(19)
    ]
    last = (wrong.name, 19, str(read.names[19]), _fingerprint(read, 19), "unexplained")
    fixes.append(Fix(*last, action="drop", values=None))
    write_fixes(tmp_path / "fixes.json", fixes)
    reports = []
    for out, given in (("as-they-are.onnx", []), ("mended.onnx", ["--fixes", "fixes.json"])):
        words = ["adapt", str(wrong), "--model", str(model), "--out", str(tmp_path / out)]
        main([*words, *(str(tmp_path / w) if w.endswith(".json") else w for w in given)])
        reports.append(errors(tmp_path / out, faces(10, 7, noise=0.0))[:, 0].mean())
    assert reports[1] < 0.5 < 2 < reports[0]


def _fingerprint(read: Samples | Photos, row: int) -> tuple[int, float, float]:
    frame = frame_of(read, row) if isinstance(read, Samples) else np.eye(2, 3)
    points = affine.apply(frame, read.points[row])
    return fingerprint(points, read.labelled[row], read.landmarks.names)


def test_photos_are_cropped_with_a_margin_around_the_labels(model: Path, tmp_path: Path) -> None:
    samples = faces(20, 6, noise=0.3, side=180)
    folder = WRITERS["coco"](samples, tmp_path / "photos")
    out = tmp_path / "mine.onnx"
    report = adapt([folder], out, model=model)
    assert report.faces == 20
    assert report.after < report.before / 4
    assert errors(out, faces(10, 7, noise=0.0)).mean() < 0.3


def test_an_adapted_model_can_be_adapted_again(model: Path, tmp_path: Path) -> None:
    out, _ = adapted(model, faces(20, 0, noise=0.3), tmp_path)
    again = tmp_path / "again.onnx"
    report = adapt([tmp_path / "labels.csv"], again, model=out)
    assert report.before < 0.01
    assert report.after == pytest.approx(report.before, rel=0.2)
    metadata = LandmarkModel.load(again).metadata
    assert metadata.adapted is not None
    assert metadata.adapted["of"] == LandmarkModel.load(out).checksum
    assert json.dumps(metadata.to_dict())


def test_the_new_graph_applies_matrix_offset_and_factors(model: Path, tmp_path: Path) -> None:
    out, _ = adapted(model, faces(12, 8, noise=0.5), tmp_path)
    old, new = LandmarkModel.load(model), LandmarkModel.load(out)
    crops = faces(5, 9, noise=0.0).images
    before, after = old(crops), new(crops)
    mixed, _ = convert(before.points, np.ones((5, 68), dtype=bool), IBUG_68, new.landmarks)
    assert new.metadata.adapted is not None
    offset = np.array(new.metadata.adapted["offset"], np.float32)
    np.testing.assert_allclose(after.points, mixed + offset, atol=1e-3)
    factors = new.calibration.factors
    np.testing.assert_allclose(after.radius, np.tile(factors, (5, 1)) * 0.2, rtol=1e-3)
    np.testing.assert_array_equal(after.score, before.score)
    # the canonical points are those of the old model with the offset
    old_canonical, _ = convert(
        old.canonical_points[None], np.ones((1, 68), bool), IBUG_68, new.landmarks
    )
    np.testing.assert_allclose(new.canonical_points, old_canonical[0] + offset, atol=1e-3)


def test_visibility_is_that_of_the_least_visible_part(tmp_path: Path) -> None:
    path = tmp_path / "seeing.onnx"
    path.write_bytes(dots_model(visible=True))
    out, _ = adapted(path, faces(12, 8, noise=0.5), tmp_path)
    again = tmp_path / "again.onnx"
    adapt([tmp_path / "labels.csv"], again, model=out)
    crops = faces(3, 9, noise=0.0).images
    for file in (out, again):
        model = LandmarkModel.load(file)
        assert model.has_visibility
        visible = model(crops).visible
        assert visible is not None
        assert visible.shape == (3, 15)
        column = dict(zip(model.landmarks.names, visible.T, strict=True))
        assert column["left_eye_center"] == pytest.approx([VISIBLE[42:48].min()] * 3)
        assert column["nose_tip"] == pytest.approx([VISIBLE[30]] * 3)


def test_a_mean_of_few_faces_is_shrunk_and_outliers_are_left_out() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(0, 2, (15, 2))
    labelled = np.ones((20, 15), dtype=bool)
    gaps = real + rng.normal(0, 1, (20, 15, 2))
    means = mean_gaps(gaps, labelled)
    assert np.abs(means - real).mean() < 0.3
    gaps[3, 4] = (40, -40)
    assert np.abs(mean_gaps(gaps, labelled)[4] - means[4]).max() < 0.3
    labelled[:, 7] = False
    assert (mean_gaps(gaps, labelled)[7] == 0).all()
    chance = rng.normal(0, 3, (200, 4, 15, 2))  # only chance, in many sets of four faces
    some = np.ones((4, 15), dtype=bool)
    plain, shrunk = chance.mean(axis=1), np.stack([mean_gaps(c, some) for c in chance])
    assert np.square(shrunk).mean() < 0.35 * np.square(plain).mean()
    assert (mean_gaps(gaps[:0], labelled[:0]) == 0).all()


def test_bad_input_raises_an_error_and_writes_no_file(model: Path, tmp_path: Path) -> None:
    samples = faces(3, 0, noise=0.0)
    renamed = LandmarkSet(tuple(f"p{k}" for k in range(15)), mirrorable=False)
    strange = samples.with_points(samples.points, samples.labelled, renamed)
    table = WRITERS["kaggle"](strange, tmp_path / "strange.csv")
    out = tmp_path / "out.onnx"
    with pytest.raises(DataError, match="no face with two labeled points that this model can"):
        adapt([table], out, model=model)
    with pytest.raises(ModelError, match="no model at"):
        adapt([table], out, model=tmp_path / "absent.onnx")
    with pytest.raises(WriteError):
        adapt([table], model, model=model)
    assert not out.exists()


def test_points_unknown_to_the_model_are_listed_and_left_out(model: Path, tmp_path: Path) -> None:
    samples = faces(5, 0, noise=0.0)
    names = tuple("dimple" if n == "nose_tip" else n for n in KAGGLE_15.names)
    partly = samples.with_points(samples.points, samples.labelled, LandmarkSet(names))
    _, report = adapted(model, partly, tmp_path)
    assert report.unknown == ("dimple",)
    assert "dimple" not in report.points
    assert len(report.points) == 14
