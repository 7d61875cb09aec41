"""The command line: every command runs from files to files; bad input is an error of one line."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import PATIENCE, wait_until

from facepoints._version import __version__
from facepoints.cli.main import main
from facepoints.datasets import readers, synthetic
from facepoints.datasets.fixes import Change, suggest_fixes, write_fixes
from facepoints.datasets.writers import write_kaggle
from facepoints.drawing.contact_sheet import LABEL, PREDICTION
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.run import Run

TINY = ["--network", "lenet5", "--epochs", "1", "--batch", "8", "--device", "cpu"]
TINY += ["--validation", "0.3", "--seed", "1"]
QUICK = [*TINY, "--no-onnx"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The competition's files with synthetic faces, two files of fixes for them, and a run trained
    with the first."""
    folder = tmp_path_factory.mktemp("files")
    main(["synthetic", "--out", str(folder), "--count", "36", "--test", "6"])
    faces = readers.load(folder / "training.csv")
    sets = ["training.csv"], np.zeros(len(faces), np.int64)
    changes = [Change("move", {"nose_tip": [46.0, 57.0]}), Change("unlabel", ["nose_tip"])]
    fixes = suggest_fixes(faces, [0, 3], changes, cause="point off", sets=sets)
    write_fixes(folder / "fixes.json", fixes)
    write_fixes(folder / "others.json", fixes[:2])
    words = ["train", str(folder / "training.csv"), "--out", str(folder / "run"), *QUICK]
    main([*words, "--fixes", str(folder / "fixes.json")])
    return folder


def fails(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The error, of one line, that a command ends with."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(words)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert message.endswith("\n")
    assert "Traceback" not in message
    return message


# Every command


def test_synthetic_writes_the_competitions_files(files: Path, tmp_path: Path) -> None:
    with (files / "IdLookupTable.csv").open() as lookup, (files / "solution.csv").open() as known:
        rows, solution = list(csv.DictReader(lookup)), list(csv.DictReader(known))
    assert [r["RowId"] for r in rows] == [a["RowId"] for a in solution]
    training = readers.load(files / "training.csv")
    test = readers.load(files / "test.csv", split="test")
    assert (len(training), len(test)) == (36, 6)
    assert set(training.schemes) == {"15-point", "4-point"}
    assert {int(r["ImageId"]) for r in rows} == set(range(1, 7))
    column = training.landmarks.names.index("nose_tip")
    truth = synthetic.kaggle_like(6, seed=1_000_003).points[0, column]
    first = [
        float(a["Location"])
        for r, a in zip(rows, solution, strict=True)
        if r["ImageId"] == "1" and r["FeatureName"].startswith("nose_tip")
    ]
    np.testing.assert_allclose(first, truth, atol=1e-4)
    main(["synthetic", "--out", str(tmp_path), "--count", "36", "--test", "6"])
    for name in ("training.csv", "test.csv", "IdLookupTable.csv", "solution.csv"):
        assert (tmp_path / name).read_bytes() == (files / name).read_bytes()


def test_train_resumes_with_the_settings_of_the_run(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(files / "run", tmp_path / "run")
    weights = tmp_path / "run" / "weights" / "0.safetensors"
    before, data = weights.read_bytes(), str(files / "training.csv")
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    assert header["settings"]["network"] == "lenet5"
    assert header["data"]["names"] == ["training.csv"]
    fixes = ["--fixes", str(files / "fixes.json")]
    for out in (["--out", str(tmp_path / "run")], [f"--out={tmp_path / 'run'}"]):
        main(["train", data, *out, "--resume", "--no-onnx", *fixes])
        message = capsys.readouterr().out
        assert "finished training already" in message
        assert "RMSE" in message
        (tmp_path / "run" / "run.json").write_text(json.dumps({**header, "finished": False}))
        weights.unlink()
        (tmp_path / "run" / "model.onnx").write_text("of the training before")
        main(["train", data, *out, "--resume", "--no-onnx", *fixes])
        assert weights.read_bytes() == before
        assert not (tmp_path / "run" / "model.onnx").exists()
    assert "holds a run already" in fails(["train", data, "--out", str(tmp_path / "run")], capsys)
    words = ["train", data, "--out", str(tmp_path / "run"), "--resume", "--epochs", "2"]
    assert "other settings (epochs)" in fails([*words, *fixes], capsys)


def test_a_run_names_its_fixes_and_resumes_with_no_others(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = json.loads((files / "run" / "run.json").read_text())["data"]["fixes"]
    assert stored == {
        "file": "fixes.json",
        "sha256": hashlib.sha256((files / "fixes.json").read_bytes()).hexdigest(),
        "fixes": 4,
        "rows": 2,
        "actions": {"move": 2, "unlabel": 2},
    }
    assert "4 fixes of fixes.json" in (files / "run" / "report.html").read_text()
    words = ["train", str(files / "training.csv"), "--out", str(files / "run"), "--resume"]
    message = fails([*words, "--fixes", str(files / "others.json")], capsys)
    assert "begun with 4 fixes of fixes.json" in message
    assert "2 fixes of others.json" in message
    assert "no fixes now" in fails(words, capsys)
    write_fixes(files / "none.json", [])
    none = [*words, "--fixes", str(files / "none.json")]
    assert "0 fixes of none.json" in fails(none, capsys)
    header = json.loads((files / "run" / "run.json").read_text())
    header["data"]["fixes"] = None
    shutil.copytree(files / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps(header))
    none[3] = str(tmp_path / "run")
    assert "trained on other data" in fails(none, capsys)  # the fixes are no reason


def test_evaluate_prints_and_writes(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = str(files / "training.csv"), str(files / "run")
    main(["evaluate", data, "--model", run, "--out", str(tmp_path)])
    message = capsys.readouterr().out
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["faces"] == 36
    assert f"{report['rmse']:.3f} px" in message
    for name in ("ced.png", "worst.png"):
        assert cv2.imread(str(tmp_path / name)) is not None


def test_evaluate_uses_the_built_in_model_by_default(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["evaluate", str(files / "training.csv")])
    assert "36 faces of 96 x 96 pixels" in capsys.readouterr().out


def test_submit_writes_every_row_and_scores(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "submission.csv"
    tables = [str(files / name) for name in ("test.csv", "IdLookupTable.csv")]
    words = ["submit", *tables, "--model", str(files / "run"), "--out", str(out)]
    main([*words, "--score", str(files / "solution.csv")])
    message = capsys.readouterr().out
    with out.open() as a, (files / "solution.csv").open() as b:
        rows, truth = list(csv.DictReader(a)), list(csv.DictReader(b))
    assert [r["RowId"] for r in rows] == [t["RowId"] for t in truth]
    gap = [float(r["Location"]) - float(t["Location"]) for r, t in zip(rows, truth, strict=True)]
    assert f"RMSE {np.sqrt(np.mean(np.square(gap))):.4f} px" in message


def test_compare_prints_a_table_and_resumes(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", str(files / "training.csv"), "--out", str(tmp_path / "c"), *TINY[2:]]
    words += ["--networks", "lenet5", "--missing", "mask", "per-scheme"]
    main(words)
    first = capsys.readouterr().out
    report = json.loads((tmp_path / "c" / "compare.json").read_text())
    for cell in report["cells"]:
        assert f"{cell['rmse']:.3f}" in first
    main(words)
    assert capsys.readouterr().out.count("finished training already") == 2


@pytest.mark.parametrize(
    ("to", "read_back"), [("kaggle", "t.csv"), ("coco", "t.json"), ("pts", "t")]
)
def test_converted_files_can_be_read_again(
    to: str, read_back: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / read_back
    main(["convert", str(files / "training.csv"), "--out", str(out), "--to", to])
    said = capsys.readouterr().err
    assert ("holds no names: read again, the points are 0, 1, 2" in said) == (to == "pts")
    again, before = readers.load(out), readers.load(files / "training.csv")
    assert again.labelled.sum() == before.labelled.sum()
    assert len(again) == 36


def test_points_without_names_are_said_to_be_read_as_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """68 points of other names are read as the 68 of 300-W."""
    own = LandmarkSet(tuple(f"own_{number}" for number in range(68)), mirrorable=False)
    faces = replace(synthetic.render(1, seed=1, size=32), landmarks=own, schemes={})
    table = write_kaggle(faces, tmp_path / "own.csv")
    main(["convert", str(table), "--to", "pts", "--out", str(tmp_path / "pts")])
    first = readers.load(tmp_path / "pts").landmarks.names[:3]
    expected = f"read again, the points are {', '.join(first)}, ... in this order: own_0, own_1,"
    assert expected in capsys.readouterr().err


def test_show_draws_labels_and_predictions(files: Path, tmp_path: Path) -> None:
    data = str(files / "training.csv")
    main(["show", data, "--out", str(tmp_path / "a.png"), "--count", "4"])
    run = str(files / "run")
    main(["show", data, "--out", str(tmp_path / "b.png"), "--count", "4", "--model", run])
    a, b = (cv2.imread(str(tmp_path / name)) for name in ("a.png", "b.png"))
    assert a is not None
    assert b is not None
    for sheet, colors in ((a, {LABEL}), (b, {LABEL, PREDICTION})):
        assert {c for c in (LABEL, PREDICTION) if (sheet[..., ::-1] == c).all(2).any()} == colors
    labels = (a[..., ::-1] == LABEL).all(2).sum()
    assert 2 * 4 * 4 < labels < a.size / 30  # at least four points on each of four faces


def test_people_are_left_out_or_kept(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = readers.load(files / "training.csv").group
    (tmp_path / "people.txt").write_text(f"# one a line\n{group[0]}\n")
    run, data, named = str(files / "run"), str(files / "training.csv"), str(tmp_path / "people.txt")
    of_one = int((group == group[0]).sum())
    for flag, faces in (("--exclude-people", 36 - of_one), ("--include-people", of_one)):
        main(["evaluate", "--model", run, data, flag, named, "--out", str(tmp_path / flag[2:])])
        report = json.loads((tmp_path / flag[2:] / "evaluation.json").read_text())
        assert report["faces"] == faces
    (tmp_path / "people.txt").write_text("nobody\n")
    assert "is left" in fails(["evaluate", "--model", run, data, "--include-people", named], capsys)


def test_help_lists_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "facepoints", "--help"], capture_output=True, text=True, check=True
    )
    listed = re.findall(r"^│   • ([a-z]+) {2,}\S", done.stdout, re.MULTILINE)
    assert listed == [
        "predict", "merge", "measure", "align", "blur", "serve", "label", "audit", "train",
        "evaluate",
        "compare", "adapt", "export", "submit", "convert", "show", "synthetic", "info",
    ]  # fmt: skip


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"facepoints {__version__}\n"


def test_usage_lines_name_the_positional_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    for command, wanted in (("submit", "] TEST LOOKUP\n"), ("train", "] DATA [DATA ...]")):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert wanted in shown
        assert "(default: )" not in shown


@pytest.mark.parametrize(
    "words", ["--version", "train --help", "synthetic --out {out} --count 12 --test 3"]
)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_one_line_and_status_2(words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "facepoints", *words.format(out=tmp_path).split()]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("error: could not write to standard output")
        assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_an_error_that_cannot_be_written_has_status_2() -> None:
    command = [sys.executable, "-m", "facepoints", "show", "nowhere.csv", "--out", "a.png"]
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 2


def test_a_closed_pipe_ends_with_status_1_and_no_message() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "facepoints", "train", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert message == ""


# Bad input

BAD = {
    "no data to train on": ("train --out {out}", "at least one file or folder"),
    "no data to compare on": ("compare --out {out}", "at least one file or folder"),
    "no data to measure on": ("evaluate --model {run}", "at least one file or folder"),
    "no data to convert": ("convert --out {out}", "at least one file or folder"),
    "no data to show": ("show --out {out}.png", "at least one file or folder"),
    "a missing file": ("train {files}/nowhere.csv --out {out}", "nowhere.csv"),
    "an empty file": ("train {files}/empty.csv --out {out}", "empty"),
    "a binary file": ("show {files}/binary.csv --out {out}.png", "binary.csv"),
    "a truncated zip": ("train {files}/cut.zip --out {out}", "cut.zip"),
    "a row short of pixels": ("train {files}/short.csv --out {out}", "row 2"),
    "no labels": ("train {files}/test.csv --out {out}", "label"),
    "no complete row": ("train {files}/narrow.csv --out {out} --missing drop", "drop"),
    "no run": ("evaluate {files}/training.csv --model {files}/nowhere", "no model at"),
    "a folder that is no run": ("evaluate {files}/training.csv --model {files}", "not a run"),
    "no run to submit with": (
        "submit {files}/test.csv {files}/IdLookupTable.csv --model {files}/nowhere --out {out}",
        "no model at",
    ),
    "no lookup table": (
        "submit {files}/test.csv {files}/nowhere.csv --model {run} --out {out}",
        "nowhere.csv",
    ),
    "a lookup table of other images": (
        "submit {files}/test.csv {files}/elsewhere.csv --model {run} --out {out}",
        "99",
    ),
    "a name unknown to the run": (
        "submit {files}/test.csv {files}/ears.csv --model {run} --out {out}",
        "left_ear",
    ),
    "a number out of range": ("train {files}/training.csv --out {out} --epochs 0", "epochs"),
    "no device": ("train {files}/training.csv --out {out} --device tpu", "tpu"),
    "nothing held out": ("compare {files}/training.csv --out {out} --validation 0", "validation"),
    "a sheet that is no PNG": ("show {files}/training.csv --out sheet.jpg", "ends in .png"),
    "nothing to draw": ("show {files}/training.csv --out {out}.png --count 0", "count"),
    "a place that is a file": ("train {files}/training.csv --out {files}/test.csv/run", "test.csv"),
    "a size too small": ("train {files}/narrow.csv --out {out} --network net2", "48x48"),
    "more faces than memory": (
        "synthetic --out {out} --count 999999999999",
        "999999999999 faces need about 12000000.0 GB",
    ),
    "crops without pixels": (
        "evaluate {files}/training.csv --model {run} --crop-size 1",
        "from 16 to 4096 pixels, is 1",
    ),
    "few faces lookup for": ("synthetic --out {out} --count 3", "at least 12"),
    "people in no file": (
        "evaluate {files}/training.csv --model {run} --include-people {files}/no.txt",
        "no.txt",
    ),
}


@pytest.fixture(scope="module")
def bad_files(files: Path) -> Path:
    (files / "empty.csv").write_bytes(b"")
    (files / "binary.csv").write_bytes(bytes(range(256)) * 8)
    shutil.make_archive(str(files / "whole"), "zip", files, "training.csv")
    (files / "cut.zip").write_bytes((files / "whole.zip").read_bytes()[:-300])
    lines = (files / "training.csv").read_text().splitlines()
    (files / "short.csv").write_text("\n".join([*lines[:2], lines[2].rsplit(" ", 1)[0]]) + "\n")
    faces = synthetic.kaggle_like(24, seed=0, size=32)
    write_kaggle(faces.take(faces.scheme == 1), files / "narrow.csv")
    head = "RowId,ImageId,FeatureName,Location\n"
    (files / "elsewhere.csv").write_text(head + "1,99,nose_tip_x,\n")
    (files / "ears.csv").write_text(head + "1,1,left_ear_x,\n")
    return files


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_one_line_and_status_2(
    bad: str, bad_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, named = BAD[bad]
    places = {"files": bad_files, "run": bad_files / "run", "out": tmp_path / "out"}
    message = fails([word.format(**places) for word in words.split()], capsys)
    assert named in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        "train a.csv --out b --network net9",
        "train a.csv",
        "train a.csv --out b --epochs many",
        "tarin a.csv --out b",
        "convert a.csv --out b --to pdf",
    ],
)
def test_arguments_that_cannot_be_parsed_fail_without_a_traceback(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code not in (0, None)
    assert "Traceback" not in capsys.readouterr().err


def test_ctrl_c_is_one_line_and_status_130(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", str(files / "training.csv"), "--out", str(out), *QUICK, "--minutes", "5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "facepoints", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_until((out / "metrics.jsonl").exists, process)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume" in message
    assert message.count("\n") == 1
    assert (out / "checkpoint.safetensors").exists()


def test_the_run_is_still_readable(files: Path) -> None:
    assert len(Run.load(files / "run").landmarks) == 19
