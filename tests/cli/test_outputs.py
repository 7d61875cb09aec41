"""Outputs: never an input, never another command line's, checked before any work."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from waiting import PATIENCE, wait_until

from facepoints import weights
from facepoints.cli.main import main

PROGRAM = [sys.executable, "-m", "facepoints"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos of one face each."""
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "a.png"), data.astronaut()[16:240, 116:340, ::-1])
    cv2.imwrite(str(folder / "b.png"), data.astronaut()[16:240:2, 116:340:2, ::-1])
    return folder


def fails(words: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


def succeeds(*words: str | Path) -> None:
    main([str(word) for word in words])


@pytest.mark.parametrize("command", ["predict", "measure"])
def test_a_table_is_replaced_by_its_own_command_line_only(
    command: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "faces.csv"
    words: list[str | Path] = [command, photos / "a.png", "--out", out]
    succeeds(*words)
    first = out.read_bytes()
    succeeds(*words)
    succeeds(command, photos / "a.png", f"--out={out}")
    assert out.read_bytes() == first
    other: list[str | Path] = [command, photos / "b.png", "--out", out]
    message = fails(other, capsys)
    assert f"{out} would be replaced (another command line wrote it)" in message
    assert "--overwrite" in message
    assert out.read_bytes() == first
    succeeds(*other, "--overwrite")
    assert out.read_bytes() != first
    succeeds(*other)
    assert "would be replaced" in fails(words, capsys)


def test_a_table_that_was_changed_by_hand_or_made_by_another_program_stays(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "faces.csv"
    words: list[str | Path] = ["predict", photos / "a.png", "--out", out]
    out.write_text("mine\n")
    assert "it is not of this command" in fails(words, capsys)
    assert out.read_text() == "mine\n"
    succeeds(*words, "--overwrite")
    out.write_text(out.read_text() + "a note\n")
    assert "it was changed since" in fails(words, capsys)
    assert out.read_text().endswith("a note\n")


def test_a_folder_of_points_is_replaced_by_its_own_command_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "album", tmp_path / "points"
    shutil.copytree(photos, folder)
    words: list[str | Path] = ["predict", folder, "--out", out]
    succeeds(*words)
    assert sorted(p.name for p in out.iterdir()) == ["a.pts", "b.pts"]
    (folder / "b.png").unlink()
    succeeds(*words)
    assert [p.name for p in out.iterdir()] == ["a.pts"]
    (out / "notes.txt").write_text("mine")
    assert "is not empty, and notes.txt would get mixed" in fails(words, capsys)
    assert "is not empty" in fails(["predict", photos / "b.png", "--out", out], capsys)
    succeeds("predict", photos / "b.png", "--out", out, "--overwrite")
    assert sorted(p.name for p in out.iterdir()) == ["b.pts", "notes.txt"]


def test_drawings_of_several_command_lines_share_a_folder_unless_one_would_be_replaced(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn, other = tmp_path / "drawn", tmp_path / "other"
    for name in ("a.png", "b.png"):
        succeeds("predict", photos / name, "--draw", drawn)
    assert sorted(p.name for p in drawn.iterdir()) == ["a.png", "b.png"]
    before = (drawn / "a.png").read_bytes()
    other.mkdir()
    shutil.copy(photos / "b.png", other / "a.png")
    words: list[str | Path] = ["predict", other / "a.png", "--draw", drawn]
    assert f"{drawn / 'a.png'} would be replaced" in fails(words, capsys)
    assert (drawn / "a.png").read_bytes() == before
    succeeds("predict", photos / "a.png", "--draw", drawn)


def test_aligned_faces_share_a_folder_unless_one_would_be_replaced(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "upright"
    for name in ("a.png", "b.png", "a.png"):
        succeeds("align", photos / name, "--out", out)
    words: list[str | Path] = ["align", photos / "a.png", "--out", out, "--size", "64"]
    assert f"{out / 'a-face1.png'} would be replaced" in fails(words, capsys)
    succeeds(*words, "--overwrite")
    image = cv2.imread(str(out / "a-face1.png"))
    assert image is not None
    assert image.shape == (64, 64, 3)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_matrices_of_aligned_faces_lead_back_to_the_photo(
    suffix: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "upright", tmp_path / f"matrices{suffix}"
    words: list[str | Path] = ["align", photos, "--out", out, "--size", "96", "--matrices", table]
    succeeds(*words)
    if suffix == ".csv":
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        matrices = [
            [[float(r[k]) for k in line] for line in (("a", "b", "tx"), ("c", "d", "ty"))]
            for r in rows
        ]
    else:
        rows = [json.loads(line) for line in table.read_text().splitlines()]
        matrices = [row["crop_to_image"] for row in rows]
    assert [(row["crop"], Path(row["file"]).name) for row in rows] == [
        ("a-face1.png", "a.png"),
        ("b-face1.png", "b.png"),
    ]
    for row, matrix in zip(rows, matrices, strict=True):
        assert (int(row["face"]), int(row["frame"]), int(row["size"])) == (1, 0, 96)
        photo, crop = cv2.imread(str(row["file"])), cv2.imread(str(out / row["crop"]))
        assert photo is not None
        assert crop is not None
        side = photo.shape[0]
        back = cv2.warpAffine(crop, np.array(matrix), (side, side))
        seen = cv2.warpAffine(np.ones_like(crop[..., 0]), np.array(matrix), (side, side)) > 0
        seen = cv2.erode(seen.astype(np.uint8), np.ones((9, 9))) > 0
        assert seen.mean() > 0.2
        assert np.abs(back[seen].astype(int) - photo[seen]).mean() < 8
    assert "a .csv or .jsonl file" in fails([*words[:-1], tmp_path / "m.txt"], capsys)


def test_synthetic_convert_and_show_replace_their_own_files_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces, small = tmp_path / "faces", ["--count", "12", "--test", "3"]
    succeeds("synthetic", "--out", faces, *small)
    succeeds("synthetic", "--out", faces, *small)
    assert "would be replaced" in fails(["synthetic", "--out", faces, "--seed", "1"], capsys)
    table = faces / "training.csv"
    for to, out in (("kaggle", "t.csv"), ("coco", "t.json"), ("coco", "t"), ("pts", "p")):
        words: list[str | Path] = ["convert", table, "--to", to, "--out", tmp_path / to / out]
        succeeds(*words)
        succeeds(*words)
        assert "--overwrite" in fails([*words, "--crop-size", "48"], capsys)
        succeeds(*words, "--crop-size", "48", "--overwrite")
    words = ["show", table, "--out", tmp_path / "sheet.png"]
    succeeds(*words)
    succeeds(*words)
    assert "would be replaced" in fails([*words, "--count", "3"], capsys)


def test_no_output_destroys_an_input(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, people = tmp_path / "model.onnx", tmp_path / "people.txt"
    shutil.copy(weights.POINTS, model)
    people.write_text("nobody\n")
    (tmp_path / "link.onnx").symlink_to(model)
    succeeds("synthetic", "--out", tmp_path / "d", "--count", "12", "--test", "3")
    table, test = tmp_path / "d" / "training.csv", tmp_path / "d" / "test.csv"
    lookup = tmp_path / "d" / "IdLookupTable.csv"
    a = photos / "a.png"
    (tmp_path / "model.csv").symlink_to(model)
    (tmp_path / "sheet.png").symlink_to(table)
    commands: list[list[str | Path]] = [
        ["predict", a, "--model", model, "--out", tmp_path / "model.csv"],
        ["measure", a, "--model", model, "--out", tmp_path / "model.csv"],
        ["measure", a, "--model", model, "--out", "m.csv", "--events", tmp_path / "model.csv"],
        ["adapt", table, "--model", model, "--out", model],
        ["adapt", table, "--model", model, "--out", tmp_path / "link.onnx"],
        ["submit", test, lookup, "--model", model, "--out", model],
        ["submit", test, lookup, "--model", model, "--out", lookup],
        ["convert", table, "--to", "kaggle", "--out", table],
        ["show", table, "--out", tmp_path / "sheet.png"],
        ["predict", a, "--out", weights.POINTS.with_suffix(".csv"), "--model", model],
    ]
    content = {p: p.read_bytes() for p in (model, table, test, lookup)}
    for words in commands[:-1]:
        assert "writing there would destroy it" in fails([*words, "--overwrite"], capsys)
    assert {p: p.read_bytes() for p in content} == content


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("x" * 252 + ".csv", "File name too long"),
        ("file/faces.csv", "is not a folder"),
        ("pipe.csv", "it is not a regular file"),
        ("/dev/full", "it is not a folder"),
        ("loop.csv", "symbolic links"),
        ("/proc/nowhere/faces.csv", "could not write"),
        (".", "is not empty"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    out: str,
    named: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    before = sorted(tmp_path.iterdir())
    assert named in fails(["predict", photos / "a.png", "--out", out], capsys)
    if out.endswith(".csv"):
        assert "could not write" in fails(["measure", photos / "a.png", "--out", out], capsys)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", ["predict", "measure", "align"])
def test_a_dash_is_no_output(
    command: str,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "'-' is not written to; name a file" in fails(
        [command, photos / "a.png", "--out", "-"], capsys
    )
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_write_the_same_table(photos: Path, tmp_path: Path) -> None:
    out, pipe = tmp_path / "faces.jsonl", tmp_path / "part"
    first = subprocess.Popen(
        [*PROGRAM, "predict", "-", "--out", str(out)], stdin=subprocess.PIPE, text=False
    )
    part = tmp_path / "faces.jsonl.part"
    wait_until(part.exists)
    words = [*PROGRAM, "predict", str(photos / "b.png"), "--out", str(out)]
    for cache in ({}, {"FACEPOINTS_CACHE": str(tmp_path / "another")}):
        second = subprocess.run(
            words, capture_output=True, text=True, check=False, env={**os.environ, **cache}
        )
        assert second.returncode == 2
        assert second.stderr.startswith("error: another facepoints is writing")
    first.communicate((photos / "a.png").read_bytes(), timeout=PATIENCE)
    assert first.returncode == 0
    assert out.read_text().count("\n") == 1
    assert '"file": "-"' in out.read_text()
    assert not part.exists()
    assert not pipe.exists()


def test_without_a_home_the_commands_work(photos: Path, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("HOME", "FACEPOINTS_CACHE")}
    env = {k: v for k, v in env.items() if not k.startswith("XDG")}
    code = "import os, pwd, sys\n"
    code += "pwd.getpwuid = lambda uid: (_ for _ in ()).throw(KeyError(uid))\n"
    commands = (
        ["synthetic", "--out", str(tmp_path / "d"), "--count", "12", "--test", "3"],
        ["show", str(tmp_path / "d" / "training.csv"), "--out", str(tmp_path / "sheet.png")],
        ["predict", str(photos), "--out", str(tmp_path / "faces.csv")],
    )
    code += "from facepoints.cli.main import main\n"
    code += f"for words in {commands!r}:\n    main(words)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "faces.csv").read_text().count("\n") == 3
    assert np.asarray(cv2.imread(str(tmp_path / "sheet.png"))).size
