"""Runs: several networks that predict as one, in pixels of the given image; damaged runs."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import mean_face_rule
from numpy.typing import NDArray
from rich.console import Console

from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import FacepointsError, RunError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.evaluation.evaluate import predict_samples
from facepoints.imaging.affine import resize_images
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models import run as run_module
from facepoints.models.networks import build_model
from facepoints.models.run import Member, Run, save_weights
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")

SIZE = (32, 40)  # height, width
CORE = KAGGLE_15.subset(synthetic.NARROW_POINTS)


def member(landmarks: LandmarkSet, seed: int, part: str = "all-points") -> Member:
    torch.manual_seed(seed)
    model = build_model("lenet5", len(landmarks), SIZE, 120.0, 60.0).eval()
    return Member(part, "lenet5", landmarks, model)


def run_of(*members: Member, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "landmarks": KAGGLE_15,
        "schemes": {"15-point": KAGGLE_15.names},
        "size": SIZE,
        "merge": "replace",
        "mirror": False,
        **changes,
    }
    fields.setdefault("calibration", uncalibrated("laplace", fields["landmarks"]))
    fields.setdefault("crop_rule", mean_face_rule(fields["landmarks"], fields["size"]))
    return Run(members=members, **fields)


def random_images(count: int = 3, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *size), dtype=np.uint8)


def alone(one: Member, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return one.model(torch.from_numpy(images)[:, None]).points.numpy()


def test_a_run_of_one_network_predicts_as_the_network() -> None:
    one = member(KAGGLE_15, 0)
    predictions = run_of(one).predict(random_images())
    np.testing.assert_allclose(predictions.points, alone(one, random_images()), atol=1e-4)
    assert predictions.points.shape == (3, 15, 2)
    assert predictions.scale is not None
    assert predictions.scale.shape == (3, 15)
    assert predictions.points.dtype == predictions.scale.dtype == np.float32
    assert (predictions.scale > 0).all()


def test_no_images_have_no_points() -> None:
    predictions = run_of(member(KAGGLE_15, 0)).predict(random_images(0))
    assert predictions.points.shape == (0, 15, 2)
    assert predictions.scale is not None
    assert predictions.scale.shape == (0, 15)


def test_the_mirror_is_averaged_with_names_swapped() -> None:
    one = member(KAGGLE_15, 0)
    images = random_images()
    points = run_of(one, mirror=True).predict(images).points
    other = alone(one, np.ascontiguousarray(images[:, :, ::-1]))
    turned = np.empty_like(other)
    for column, name in enumerate(KAGGLE_15.names):
        swapped = name.replace("left", "*").replace("right", "left").replace("*", "right")
        turned[:, KAGGLE_15.names.index(swapped)] = other[:, column]
    turned[..., 0] = SIZE[1] - 1 - turned[..., 0]
    np.testing.assert_allclose(points, (alone(one, images) + turned) / 2, atol=1e-4)


def test_a_mirrored_image_has_mirrored_points() -> None:
    run = run_of(member(KAGGLE_15, 0), mirror=True)
    there = run.predict(random_images()).points
    mirrored = np.ascontiguousarray(random_images()[:, :, ::-1])
    back = run.predict(mirrored).points[:, KAGGLE_15.mirror]
    back[..., 0] = SIZE[1] - 1 - back[..., 0]
    np.testing.assert_allclose(there, back, atol=1e-3)


@pytest.mark.parametrize("size", [(64, 80), (96, 96), (17, 25)])
def test_points_are_in_pixels_of_the_given_image(size: tuple[int, int]) -> None:
    run = run_of(member(KAGGLE_15, 0))
    images = random_images(2, size)
    given, resized = run.predict(images), run.predict(resize_images(images, *SIZE))
    factor = np.array([size[1] / SIZE[1], size[0] / SIZE[0]])
    np.testing.assert_allclose(given.points, (resized.points + 0.5) * factor - 0.5, atol=1e-3)
    assert given.scale is not None
    assert resized.scale is not None
    np.testing.assert_allclose(given.scale, resized.scale * factor.mean(), rtol=1e-4)


def test_networks_of_one_part_are_averaged() -> None:
    a, b = member(KAGGLE_15, 0), member(KAGGLE_15, 1)
    points = run_of(a, b).predict(random_images()).points
    expected = (alone(a, random_images()) + alone(b, random_images())) / 2
    np.testing.assert_allclose(points, expected, atol=1e-4)


@pytest.mark.parametrize("merge", ["replace", "average"])
def test_a_specialist_replaces_or_is_averaged(merge: str) -> None:
    whole, core = member(KAGGLE_15, 0), member(CORE, 1, "core")
    points = run_of(whole, core, merge=merge).predict(random_images()).points
    expected = alone(whole, random_images())
    columns = KAGGLE_15.columns(CORE.names)
    special = alone(core, random_images())
    expected[:, columns] = special if merge == "replace" else (expected[:, columns] + special) / 2
    np.testing.assert_allclose(points, expected, atol=1e-4)


def test_every_row_is_predicted_in_its_own_scheme() -> None:
    both = LandmarkSet((*KAGGLE_15.names, *(f"{n}@4-point" for n in CORE.names)))
    one = member(both, 0)
    run = run_of(one, landmarks=both)
    data = synthetic.kaggle_like(6, seed=0, size=40)
    points, predictions = predict_samples(run, data), run.predict(data.images).points
    narrow = data.scheme == list(data.schemes).index("4-point")
    np.testing.assert_array_equal(points[~narrow], predictions[~narrow][:, :15])
    columns = data.landmarks.columns(CORE.names)
    np.testing.assert_array_equal(points[narrow][:, columns], predictions[narrow][:, 15:])


def test_points_that_the_run_does_not_predict_are_zero() -> None:
    run = run_of(member(CORE, 0), landmarks=CORE)
    data = synthetic.kaggle_like(3, seed=0, size=40)
    points = predict_samples(run, data)
    known = np.isin(data.landmarks.names, CORE.names)
    assert (points[:, ~known] == 0).all()
    assert (points[:, known] != 0).all()


# On disk


@pytest.fixture(scope="module")
def data() -> Samples:
    return synthetic.kaggle_like(32, seed=0, size=32)


@pytest.fixture(scope="module")
def trained(data: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    settings = TrainSettings(network="lenet5", epochs=1, batch=8, ensemble=2, device="cpu")
    train(data, out, settings, onnx=False, console=Console(file=io.StringIO()))
    return out


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage."""
    for path in (trained / "run.json", *(trained / "weights").iterdir()):
        target = tmp_path / "copy" / path.relative_to(trained)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "copy"


def test_a_copied_run_predicts_the_same(trained: Path, copy: Path, data: Samples) -> None:
    predictions, same = Run.load(trained).predict(data.images), Run.load(copy).predict(data.images)
    np.testing.assert_array_equal(predictions.points, same.points)
    run = Run.load(copy)
    assert run.size == (32, 32)
    assert run.schemes == data.schemes
    assert [m.part for m in run.members] == ["all-points"] * 2
    assert run.mirror is True
    assert run.name == "copy"


CALLED: list[bool] = []


def intrude() -> None:
    CALLED.append(True)


class Intruder:
    """Its pickle runs `intrude` when it is read."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return intrude, ()


def test_pickle_would_call_the_intruder() -> None:
    pickle.loads(pickle.dumps(Intruder()))
    assert CALLED.pop()


WEIGHTS = "weights/1.safetensors"


def edit(copy: Path, **changes: Any) -> None:
    header = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**header, **changes}))


def edit_member(copy: Path, **changes: Any) -> None:
    members = json.loads((copy / "run.json").read_text())["members"]
    edit(copy, members=[members[0], {**members[1], **changes}])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickled weights": (
        lambda run: (run / WEIGHTS).write_bytes(pickle.dumps({"a": Intruder()})),
        "does not hold this run's weights",
    ),
    "torch's pickled weights": (
        lambda run: torch.save({"a": torch.zeros(1)}, run / WEIGHTS),
        "does not hold this run's weights",
    ),
    "no weights": (lambda run: (run / WEIGHTS).unlink(), "weights are missing"),
    "empty weights": (lambda run: (run / WEIGHTS).write_bytes(b""), "does not hold"),
    "truncated weights": (
        lambda run: (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:-50]),
        "does not hold",
    ),
    "a folder for weights": (
        lambda run: ((run / WEIGHTS).unlink(), (run / WEIGHTS).mkdir()),
        "does not hold",
    ),
    "weights of another network": (
        lambda run: save_weights(run / WEIGHTS, member(CORE, 0).model),
        "does not hold",
    ),
    "truncated run.json": (
        lambda run: (run / "run.json").write_bytes((run / "run.json").read_bytes()[:-30]),
        "damaged",
    ),
    "binary run.json": (lambda run: (run / "run.json").write_bytes(b"\xff\x00\x80"), "damaged"),
    "a list for run.json": (lambda run: (run / "run.json").write_text("[1]"), "not the header"),
    "empty run.json": (lambda run: (run / "run.json").write_text(""), "damaged"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "not a run"),
    "newer format": (
        lambda run: edit(run, format=run_module.FORMAT + 1, facepoints="9.1"),
        r"made by facepoints 9\.1 .*upgrade",
    ),
    "no format": (lambda run: edit(run, format=None), "not the header"),
    "unfinished": (lambda run: edit(run, finished=False), "not finished.*--resume"),
    "no members": (lambda run: edit(run, members=[]), "damaged"),
    "members of another kind": (lambda run: edit(run, members=[3]), "damaged"),
    "no landmarks": (lambda run: edit(run, landmarks={}), "damaged"),
    "schemes of another kind": (lambda run: edit(run, schemes=[1]), "damaged"),
    "no crop rule": (lambda run: edit(run, canonical_points=None), "damaged"),
    "no face box": (lambda run: edit(run, face_box=[1, 2]), "damaged"),
    "no size": (lambda run: edit(run, size=None), "damaged"),
    "a size too small": (lambda run: edit(run, size=[2, 2]), "damaged"),
    "an endless size": (lambda run: edit(run, size=[float("inf"), 32]), "damaged"),
    "a negative size": (lambda run: edit(run, size=[-32, 32]), "damaged"),
    "a size that needs all memory": (lambda run: edit(run, size=[100_000, 32]), "damaged.*4096"),
    "a size that is no whole number": (lambda run: edit(run, size=[32.5, 32]), "damaged.*whole"),
    "a file elsewhere": (lambda run: edit_member(run, file="../../x"), "damaged.*not a file of"),
    "an absolute file": (lambda run: edit_member(run, file="/etc/passwd"), "damaged.*not a file"),
    "a pipe for weights": (
        lambda run: ((run / WEIGHTS).unlink(), os.mkfifo(run / WEIGHTS)),
        "does not hold.*not a regular file",
    ),
    "unknown merge": (lambda run: edit(run, merge="best"), "damaged"),
    "unknown network": (lambda run: edit_member(run, network="net9"), "damaged.*net9"),
    "a file that is no name": (lambda run: edit_member(run, file=None), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_one_clear_line(damage: str, copy: Path) -> None:
    harm, message = DAMAGES[damage]
    harm(copy)
    with pytest.raises(RunError, match=message) as error:
        Run.load(copy)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert CALLED == []


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run folder at .*train one") as error:
        Run.load(tmp_path / "nowhere")
    assert "\n" not in str(error.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(FacepointsError, match="no run folder"):
        Run.load(tmp_path / "file")


def test_a_column_that_no_part_predicts_is_an_error() -> None:
    wide = replace(run_of(member(CORE, 0)), landmarks=KAGGLE_15)
    with pytest.raises(RunError, match="none of the 1 networks predicts"):
        wide.predict(random_images())
