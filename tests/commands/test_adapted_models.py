"""What `facepoints adapt` writes is a model like any other: evaluated, shown, exported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from facepoints import weights
from facepoints.cli.main import main
from facepoints.commands.adapt import adapt
from facepoints.commands.evaluate import evaluate
from facepoints.commands.export import export
from facepoints.commands.show import show
from facepoints.datasets import synthetic
from facepoints.datasets.load import load_dataset
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import ModelError, SettingsError, WriteError


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "training.csv"
    write_kaggle(synthetic.kaggle_like(30, seed=2), path)
    return path


@pytest.fixture(scope="module")
def adapted(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapted") / "mine.onnx"
    adapt(labels, path)
    return path


def test_an_adapted_model_is_evaluated_in_its_own_framing(labels: Path, adapted: Path) -> None:
    faces = load_dataset(labels)
    before, after = evaluate(faces), evaluate(faces, model=adapted)
    assert after["left_out"] == []
    assert after["labelled"] == before["labelled"] == int(faces.labelled.sum())
    assert after["rmse"] < before["rmse"]  # of faces that it was fitted on
    assert after["radius"]["within"] > 0.8


def test_an_adapted_model_is_shown(labels: Path, adapted: Path, tmp_path: Path) -> None:
    faces = load_dataset(labels)
    assert show(faces, tmp_path / "sheet.png", count=4, model=adapted) == 4
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_an_adapted_model_is_checked_and_copied_by_export(
    labels: Path, adapted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "copy.onnx"
    assert export(out, model=adapted) == out
    assert out.read_bytes() == adapted.read_bytes()
    with pytest.raises(SettingsError, match="an ONNX file already; name the copy"):
        export(model=adapted)
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(adapted.read_bytes()[:-3] + b"abc")
    with pytest.raises(ModelError, match="damaged"):
        export(tmp_path / "none.onnx", model=damaged)
    assert not (tmp_path / "none.onnx").exists()


def test_models_are_written_to_onnx_files_that_are_no_inputs(
    labels: Path, adapted: Path, tmp_path: Path
) -> None:
    before = adapted.read_bytes(), labels.read_bytes()
    for write in (lambda out: adapt(labels, out), lambda out: export(out, model=adapted)):
        for name in ("model.txt", "model", "model.csv"):
            with pytest.raises(SettingsError, match=r"ends in .onnx, got .*model"):
                write(tmp_path / name)
    for write in (
        lambda: adapt(labels, adapted, model=adapted),
        lambda: export(adapted, model=adapted),
    ):
        with pytest.raises(WriteError, match="is an input, writing there would destroy it"):
            write()
    assert (adapted.read_bytes(), labels.read_bytes()) == before
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_file_is_not_quantized(
    adapted: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "8.onnx"
    with pytest.raises(SystemExit):
        main(
            ["export", "--model", str(adapted), "--out", str(out), "--int8", "--data", str(labels)]
        )
    assert "only a run can be quantized" in capsys.readouterr().err
    assert not out.exists()


def test_nothing_of_it_needs_pytorch(labels: Path, adapted: Path, tmp_path: Path) -> None:
    code = f"""
import sys
for name in ("torch", "safetensors", "onnxscript"):
    sys.modules[name] = None
import facepoints
report = facepoints.adapt({str(labels)!r}, {str(tmp_path / "again.onnx")!r})
facepoints.evaluate({str(labels)!r}, model=report.out, out={str(tmp_path / "report")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "worst.png").is_file()
    assert (tmp_path / "again.onnx").read_bytes() == adapted.read_bytes()


WRONG = (
    ["evaluate", "LABELS", "--model", "none"],
    ["export", "--model", "FOLDER", "--out", "a.onnx"],
    ["submit", "LABELS", "LABELS", "--model", "FOLDER", "--out", "a.csv"],
    ["show", "LABELS", "--model", "FOLDER", "--out", "a.png"],
    ["train", "none.csv", "--out", "run"],
    ["train", "LABELS", "--out", "RUN"],
    ["compare", "none.csv", "--out", "cmp"],
)


def test_wrong_arguments_are_found_before_pytorch_is_imported(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    names = {
        "LABELS": str(labels),
        "FOLDER": str(tmp_path / "folder"),
        "RUN": str(weights.POINTS_RUN),
    }
    commands = [[names.get(word, word) for word in words] for words in WRONG]
    code = f"""
import sys
from facepoints.cli.run import run
for words in {commands!r}:
    print(words, file=sys.stderr)
    try:
        run(words)
    except SystemExit as stop:
        print(stop.code, "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == ["2 False"] * len(WRONG), done.stderr
    assert len(done.stderr.splitlines()) == 2 * len(WRONG)  # the command and its error
    made = ("a.onnx", "a.csv", "a.png", "run", "cmp")
    assert not any((tmp_path / name).exists() for name in made)
