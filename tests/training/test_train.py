"""Training: it learns, writes a complete run, and rejects settings and data that do not fit."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.errors import DataError, FacepointsError, SettingsError
from facepoints.landmarks import metrics
from facepoints.models.run import Run
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

TINY = TrainSettings(
    network="lenet5", loss="mse", epochs=4, batch=16, augment="light", validation=0.25, device="cpu"
)
QUIET = Console(file=io.StringIO())


pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")


@pytest.fixture(scope="module")
def faces() -> Samples:
    return synthetic.kaggle_like(64, seed=3, size=48)


def run(data: Samples, out: Path, settings: TrainSettings = TINY, **more: Any) -> dict[str, Any]:
    return train(data, out, settings, console=QUIET, **{"onnx": False, **more})


def weights(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((out / "weights").iterdir())}


def one_line(error: pytest.ExceptionInfo[FacepointsError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


# What it learns and writes


@pytest.mark.slow
def test_training_beats_the_mean_face(tmp_path: Path) -> None:
    data = synthetic.kaggle_like(240, seed=1, size=32)
    settings = replace(TINY, epochs=25, batch=8, ema=0.9, learning_rate=0.003, augment="none")
    settings = replace(settings, precision="float32")
    report = run(data, tmp_path / "run", settings)
    train_rows, held = split_groups(data.group, settings.validation, settings.seed)
    points, labelled = data.points[train_rows], data.labelled[train_rows]
    mean = points.sum(axis=0) / labelled.sum(axis=0)[:, None]
    baseline = metrics.rmse(
        np.broadcast_to(mean, data.points[held].shape), data.points[held], data.labelled[held]
    )
    assert report["rmse"] < 0.85 * baseline
    assert report["faces"] == len(held)
    history = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == list(range(1, 26))
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["learning_rate"] < 0.01 * settings.max_learning_rate
    best = min(row["validation_rmse"] for row in history)
    assert report["rmse"] == pytest.approx(best, rel=1e-4)  # without mirroring


@pytest.mark.slow
def test_a_run_records_what_is_needed_to_repeat_it(faces: Samples, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(
        faces,
        out,
        replace(TINY, missing="specialist", epochs=2),
        data_names=["some.csv"],
        onnx=True,
    )
    header = json.loads((out / "run.json").read_text())
    assert header["finished"] is True
    settings = replace(TINY, missing="specialist", epochs=2, init="random")
    assert TrainSettings(**header["settings"]) == settings
    assert header["data"]["names"] == ["some.csv"]
    assert header["data"]["rows"] == len(faces)
    assert {"python", "torch", "numpy", "threads"} <= set(header["versions"])
    assert [member["part"] for member in header["members"]] == ["all-points", "core"]
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "curves.png",
        "metrics.jsonl",
        "model.onnx",
        "report.html",
        "run.json",
        "validation/ced.png",
        "validation/evaluation.json",
        "validation/predictions.png",
        "validation/worst.png",
        "weights/0.safetensors",
        "weights/1.safetensors",
    ]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    faces: Samples, tmp_path: Path
) -> None:
    settings = replace(TINY, epochs=1)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(faces, tmp_path / name, replace(settings, seed=seed))
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_training_without_held_out_rows_writes_a_run(faces: Samples, tmp_path: Path) -> None:
    report = run(faces, tmp_path / "run", replace(TINY, validation=0, epochs=1))
    assert report == {}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["members"][0]["rows"] == 64
    assert not (tmp_path / "run" / "validation").exists()
    assert Run.load(tmp_path / "run").predict(faces.images).points.shape[0] == 64


def test_half_precision_halves_the_file_and_hardly_moves_points(
    faces: Samples, tmp_path: Path
) -> None:
    run(faces, tmp_path / "full", replace(TINY, epochs=1))
    run(faces, tmp_path / "half", replace(TINY, epochs=1, half=True))
    full, half = weights(tmp_path / "full"), weights(tmp_path / "half")
    assert len(half["0.safetensors"]) < 0.6 * len(full["0.safetensors"])
    a, b = (Run.load(tmp_path / n).predict(faces.images).points for n in ("full", "half"))
    np.testing.assert_allclose(a, b, atol=0.05)


def test_minutes_are_for_all_members_and_the_learning_rate_falls_to_the_end(
    faces: Samples, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run(faces, out, replace(TINY, minutes=0.04, ensemble=2))
    history = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for member in (0, 1):
        own = [row for row in history if row["member"] == member]
        assert 1.2 <= own[-1]["seconds"] < 5  # a busy machine takes longer for its last step
        rates = [row["learning_rate"] for row in own]
        assert rates[-1] < 0.2 * TINY.max_learning_rate < max(rates)
    assert Run.load(out).members[1].part == "all-points"


def test_zero_minutes_give_a_run(faces: Samples, tmp_path: Path) -> None:
    assert run(faces, tmp_path / "run", replace(TINY, minutes=0))["rmse"] > 0


# Groups


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=80),
    st.floats(0.01, 0.9),
    st.integers(0, 1000),
)
def test_no_group_is_in_training_and_validation(people: list[int], share: float, seed: int) -> None:
    group = np.array([f"person-{p}" for p in people])
    if len(set(people)) < 2:
        with pytest.raises(DataError, match="one person"):
            split_groups(group, share, seed)
        return
    kept, held = split_groups(group, share, seed)
    assert sorted([*kept, *held]) == list(range(len(people)))
    assert len(kept)
    assert len(held)
    assert not set(group[kept]) & set(group[held])


# What does not fit


def test_a_loss_that_is_not_finite_ends_the_training(faces: Samples, tmp_path: Path) -> None:
    wild = replace(TINY, network="naimishnet", learning_rate=10.0, schedule="constant", epochs=200)
    wild = replace(wild, loss="mse", minutes=0.5)
    with pytest.raises(SettingsError, match=r"diverged.*lower `learning_rate`") as error:
        run(faces, tmp_path / "run", wild)
    one_line(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "net3"}, "no network 'net3'; choose one of: heatnet, net2"),
        ({"loss": "l2"}, "no loss 'l2'"),
        ({"missing": "guess"}, "no missing 'guess'"),
        ({"augment": "some"}, "no augment 'some'"),
        ({"epochs": 0}, "epochs must be from 1"),
        ({"minutes": -1.0}, "minutes must be"),
        ({"minutes": float("nan")}, "minutes must be"),
        ({"batch": 1}, "batch must be from 2"),
        ({"validation": 1.0}, "validation must be from 0 to 0.9"),
        ({"ensemble": 0}, "ensemble must be"),
        ({"epochs": "10"}, "epochs must be a whole number, is '10'"),
        ({"learning_rate": 11.0}, "learning_rate must be from 0 to 10"),
        ({"missing": "sources"}, "no missing 'sources'; choose one of: per-scheme, mask"),
        ({"augment": "looks"}, "choose one of: none, light, default, strong$"),
    ],
)
def test_settings_out_of_range_name_the_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        replace(TINY, **change)
    one_line(error)


@pytest.mark.parametrize("preset", ["closer", "settle"])
def test_presets_of_the_recipes_are_accepted_but_not_offered(preset: str) -> None:
    assert replace(TINY, augment=preset).augment == preset
    with pytest.raises(SettingsError) as error:
        replace(TINY, augment="some")
    assert preset not in str(error.value)


def test_settings_survive_run_json() -> None:
    settings = TrainSettings(init="random", minutes=1.5, learning_rate=1e-4, input_size=64)
    assert TrainSettings(**json.loads(json.dumps(asdict(settings)))) == settings


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:99", "meta"])
def test_an_absent_device_is_an_error(device: str, faces: Samples, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=device) as error:
        run(faces, tmp_path / "run", replace(TINY, device=device))
    one_line(error)
    assert not (tmp_path / "run").exists()


def test_data_that_cannot_be_trained_on_are_refused(faces: Samples, tmp_path: Path) -> None:
    narrow = faces.take(faces.scheme == 1)
    with pytest.raises(FacepointsError, match="drop") as error:
        run(narrow, tmp_path / "run", replace(TINY, missing="drop"))
    one_line(error)
    blank = faces.with_points(faces.points, np.zeros_like(faces.labelled))
    with pytest.raises(DataError, match="label") as error:
        run(blank, tmp_path / "run")
    one_line(error)
    one = faces.take([0])
    with pytest.raises(DataError, match="`validation=0`") as error:
        run(one, tmp_path / "run")
    one_line(error)
    with pytest.raises(SettingsError, match="less than 2 rows") as error:
        run(one, tmp_path / "run", replace(TINY, validation=0))
    one_line(error)


def test_a_folder_that_cannot_be_written_is_an_error(faces: Samples, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FacepointsError, match="file") as error:
        run(faces, tmp_path / "file" / "run")
    one_line(error)


@pytest.mark.parametrize("network", ["lenet5", "heatnet"])
def test_visibility_of_labels_is_learned_by_networks_that_predict_it(
    network: Any, tmp_path: Path, faces: Samples
) -> None:
    few = faces.take(slice(0, 12))
    visibility = np.where(few.labelled, 1, -1).astype(np.int8)
    visibility[few.labelled[:, 0], 0] = 0
    settings = replace(TINY, network=network, epochs=1, init="random")
    run(replace(few, visibility=visibility), tmp_path / "run", settings)
    (member,) = json.loads((tmp_path / "run" / "run.json").read_text())["members"]
    assert member["has_visibility"] == (network == "heatnet")
