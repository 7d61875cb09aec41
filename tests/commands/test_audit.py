"""facepoints audit: its files, and what other commands make of its fixes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_samples import (
    COUNT,
    EVIL,
    OFF,
    SECOND,
    SHIFTED,
    SWAP,
    SWAPPED,
    perfect_audit,
    planted,
    truth,
)
from command_line import exit_status
from report_pages import read_page

from facepoints.commands.audit_data import load_for_audit
from facepoints.commands.audit_proof import prove_fixes
from facepoints.datasets import synthetic
from facepoints.datasets.fixes import (
    Change,
    Fingerprint,
    Fix,
    read_fixes,
    suggest_fixes,
    write_fixes,
)
from facepoints.datasets.load import load_dataset
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_coco, write_kaggle
from facepoints.errors import DataError, DataWarning
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.reports.audit_proof import Proof


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO keypoints of faces with planted faults."""
    folder = tmp_path_factory.mktemp("planted")
    return write_coco(planted(), folder / "faces.json")


@pytest.fixture(scope="module")
def audited(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of an audit whose engine names just the planted faults."""
    out = tmp_path_factory.mktemp("audit") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facepoints.commands.audit.audit", perfect_audit(truth()))
        assert exit_status("audit", data, "--out", out) == 0
    return out


def in_picture(faces: Samples, row: int) -> np.ndarray:
    assert faces.frame is not None
    return affine.apply(faces.frame[row], faces.points[row])


def test_the_table_has_a_line_for_each_fault(audited: Path) -> None:
    with (audited / "faults.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cause"] for row in rows] == [
        *("scheme_change", "left_right_swapped", "point_off", "offset", "unexplained")
    ]
    assert [int(row["row"]) for row in rows] == [SECOND[0], SWAPPED, OFF, SHIFTED, 20]
    assert [row["mend"] for row in rows] == ["no", "yes", "yes", "no", "no"]
    assert rows[0]["more_rows"] == "rows 16 to 19 of faces.json"
    assert rows[0]["suggestion"] == "give 4 rows the marking scheme 'second'"
    assert rows[1]["name"] == EVIL
    assert rows[1]["points"] == "all"
    assert rows[1]["suggestion"] == "exchange left and right"
    assert rows[3]["suggestion"] == "shift all points by (-6.0, -6.0) pixels"
    assert rows[4]["suggestion"] == ""


def test_fixes_that_are_sure_enough_are_chosen(audited: Path) -> None:
    fixes = read_fixes(audited / "fixes.json")
    assert [fix.row for fix in fixes] == [SWAPPED, OFF]
    assert {fix.set for fix in fixes} == {"faces.json"}


def test_mended_labels_are_the_right_ones(data: Path, audited: Path) -> None:
    mended = load_dataset(data, fixes=audited / "fixes.json")
    right = truth()
    for row in set(range(COUNT)) - {SHIFTED}:
        np.testing.assert_allclose(in_picture(mended, row), right.points[row], atol=0.02)
    before = load_dataset(data)
    assert np.abs(in_picture(before, SWAPPED) - right.points[SWAPPED]).max() > 10


def test_the_report_shows_every_fault_and_escapes_names(audited: Path) -> None:
    page = read_page(audited / "audit.html")
    page.check()
    assert "img" not in page.tags
    assert page.tags.count("article") == 5
    rows = page.table_with("cause")
    assert [row["cause"] for row in rows][:2] == ["scheme change", "left right swapped"]
    assert "Row 3 is <wrong>." in page.words
    assert "A <b>note</b>." in page.words
    assert "\u202e" not in page.text


def test_convert_writes_mended_labels(data: Path, audited: Path, tmp_path: Path) -> None:
    fixes = audited / "fixes.json"
    before = data.read_bytes()
    assert exit_status("convert", data, "--fixes", fixes, "--out", tmp_path / "mended") == 0
    written = load_dataset(tmp_path / "mended")
    read = load_dataset(data, fixes=fixes)
    size = read.size[0]
    for row in (SWAPPED, OFF):
        inside = in_picture(written, row)
        np.testing.assert_allclose(inside, read.points[row], atol=1e-3)
        assert inside.min() > 0
        assert inside.max() < size
    assert data.read_bytes() == before


def test_evaluate_measures_against_mended_labels(
    data: Path, audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rmse(*more: object) -> float:
        out = tmp_path / f"out-{len(more)}"
        assert exit_status("evaluate", data, "--out", out, "--no-report", *more) == 0
        return json.loads((out / "evaluation.json").read_text())["rmse"]

    assert rmse("--fixes", audited / "fixes.json") < 0.8 * rmse()


@pytest.mark.slow
def test_train_trains_on_mended_labels(data: Path, audited: Path, tmp_path: Path) -> None:
    """One row more is dropped, so the run says how many rows it was trained on."""
    pytest.importorskip("torch")
    fixes = read_fixes(audited / "fixes.json")
    fixes.append(replace(fixes[-1], row=0, name="synthetic-000000", action="drop", values=None,
                         fingerprint=_fingerprint(load_dataset(data), 0)))  # fmt: skip
    write_fixes(tmp_path / "f.json", fixes)
    words = "--network", "lenet5", "--epochs", 1, "--validation", 0, "--no-onnx", "--no-report"
    out = tmp_path / "run"
    assert exit_status("train", data, "--out", out, "--fixes", tmp_path / "f.json", *words) == 0
    assert json.loads((out / "run.json").read_text())["data"]["rows"] == COUNT - 1


def _fingerprint(faces: Samples, row: int) -> Fingerprint:
    return suggest_fixes(faces, [row], [Change("drop")], cause="x")[0].fingerprint


def test_fixes_for_other_labels_are_refused_in_one_line(
    audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = planted()
    other = write_coco(faces.with_points(faces.points + 1, faces.labelled), tmp_path / "faces.json")
    words = "convert", other, "--fixes", audited / "fixes.json", "--out", tmp_path / "out"
    assert exit_status(*words) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert error.startswith("error: faces.json: fix 'left_right_swapped' of row 3")
    assert not (tmp_path / "out").exists()


def test_an_output_is_not_replaced_without_a_word(
    data: Path, audited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (audited / "fixes.json").read_bytes()
    assert exit_status("audit", data, "--out", audited, "--min-confidence", 0.8) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (audited / "fixes.json").read_bytes() == before
    assert exit_status("convert", data, "--fixes", audited / "fixes.json", "--out",
               audited / "fixes.json", "--to", "coco", "--overwrite") == 2  # fmt: skip
    assert "is an input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mend-above", "1.5"], "--mend-above must lie in [0, 1], is 1.5"),
        (["--min-confidence", "-1"], "--min-confidence"),
        (["--model", "none.onnx"], "no model at none.onnx"),
        (["--prove", "--labels-only"], "--prove trains on images"),
        (["--test-data", "none.csv"], "none.csv"),
    ],
)
def test_bad_values_are_refused_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert exit_status("audit", data, *words, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_without_pytorch_a_proof_is_refused_before_any_work(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("facepoints.commands.audit_proof.find_spec", lambda name: None)
    assert exit_status("audit", data, "--prove", "--out", tmp_path / "out") == 2
    assert "pip install 'facepoints[train]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# The real engine, from the label file to mended labels.


def test_planted_faults_are_found_named_and_mended(tmp_path: Path) -> None:
    """With the built-in model as the second opinion. Swaps and shifts come back to the exact
    label; a single point comes near its place."""
    right = synthetic.render(64, seed=21, size=96).as_landmarks(KAGGLE_15)
    points = right.points.copy()
    nose = KAGGLE_15.names.index("nose_tip")
    swapped, off, shifted = [6, 33], [15, 50], [24, 41]
    points[swapped] = points[swapped][:, KAGGLE_15.mirror]
    points[off, nose] += (16, 6)
    points[shifted] += (-9, 8)
    spoiled = right.with_points(points, right.labelled)
    table = write_coco(spoiled, tmp_path / "spoiled.json")
    assert exit_status("audit", table, "--out", tmp_path / "audit") == 0
    with (tmp_path / "audit" / "faults.csv").open(encoding="utf-8", newline="") as file:
        named = [(int(line["row"]), line["cause"]) for line in csv.DictReader(file)]
    wanted = dict.fromkeys(swapped, "left_right_swapped")
    wanted |= dict.fromkeys(off, "point_off") | dict.fromkeys(shifted, "offset")
    assert wanted.items() <= set(named)
    assert len(named) <= len(wanted) + 3  # false alarms on faces that are unlike photos
    mended = load_dataset(table, fixes=tmp_path / "audit" / "fixes.json")
    for row in swapped:
        np.testing.assert_allclose(in_picture(mended, row), right.points[row], atol=0.05)
    for row in (*off, *shifted):
        away = np.linalg.norm(in_picture(mended, row) - right.points[row], axis=1)
        before = np.linalg.norm(spoiled.points[row] - right.points[row], axis=1)
        assert away.max() < 0.5 * before.max()


# Several sets, other names, labels alone.


def test_sets_are_audited_at_one_size_with_their_sides_of_a_split(
    data: Path, tmp_path: Path
) -> None:
    table = write_kaggle(truth().take(slice(4)), tmp_path / "t.csv")
    read = load_for_audit([table], [data])
    assert read.faces.size == (192, 192)
    assert read.sets[0] == ["t.csv", "faces.json"]
    assert read.split is not None
    assert read.split.tolist() == [0] * 4 + [1] * COUNT
    assert not read.labels_only
    for row in (1, 5):
        right = truth().points[row] if row < 4 else planted().points[row - 4]
        np.testing.assert_allclose(in_picture(read.faces, row), right, atol=0.02)


def test_fixes_keep_the_names_in_the_label_file(tmp_path: Path) -> None:
    """An audit with new names of points gives fixes that apply with them and without."""
    faces = planted()
    names = {n: n.replace("center", "centre") for n in KAGGLE_15.names}
    british = LandmarkSet(tuple(names.values()))
    table = write_coco(
        faces.with_points(faces.points, faces.labelled, british), tmp_path / "a.json"
    )
    back = tmp_path / "names.txt"
    back.write_text("\n".join(f"{new},{old}" for old, new in names.items() if old != new))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facepoints.commands.audit.audit", perfect_audit(truth()))
        assert exit_status("audit", table, "--rename", back, "--out", tmp_path / "out") == 0
    fixes = tmp_path / "out" / "fixes.json"
    orders = [fix.values for fix in read_fixes(fixes) if fix.action == "reorder"]
    assert orders[0]["left_eye_centre"] == "right_eye_centre"
    with pytest.warns(DataWarning, match="did you mean"):
        plain = load_dataset(table, fixes=fixes)
    renamed = load_dataset(table, fixes=fixes, rename=back)
    assert renamed.landmarks == KAGGLE_15
    np.testing.assert_array_equal(renamed.points, plain.points)
    right = truth().points[SWAPPED]
    np.testing.assert_allclose(in_picture(renamed, SWAPPED), right, atol=0.02)


def test_labels_without_pictures_are_audited(tmp_path: Path) -> None:
    table = write_coco(planted(), tmp_path / "a.json")
    for image in (tmp_path / "images").iterdir():
        image.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facepoints.commands.audit.audit", perfect_audit(truth()))
        assert exit_status("audit", table, "--labels-only", "--out", tmp_path / "out") == 0
    page = read_page(tmp_path / "out" / "audit.html")
    page.check()
    assert "labels were compared with each other" in page.words
    assert len(read_fixes(tmp_path / "out" / "fixes.json")) == 2


# The proof.


def _proven(faces: Samples, folder: Path, fixes: list[Fix]) -> Proof:
    table = folder / "labels.json"
    if not table.exists():
        write_coco(faces, table)
    return prove_fixes(load_for_audit([table]), fixes)


def _swapped(rows: int, wrong: list[int]) -> tuple[Samples, list[Fix]]:
    """Faces of which some have left and right exchanged, and the fixes of these."""
    faces = synthetic.render(rows, seed=9, size=96).as_landmarks(KAGGLE_15)
    points = faces.points.copy()
    points[wrong] = points[wrong][:, KAGGLE_15.mirror]
    faces = faces.with_points(points, faces.labelled)
    sets = ["labels.json"], np.zeros(rows, np.int64)
    return faces, suggest_fixes(faces, wrong, [SWAP], cause="swapped", sets=sets)


@pytest.mark.slow
def test_a_proof_compares_two_trainings_on_rows_that_no_fix_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("facepoints.commands.audit_proof._EPOCHS", (2, 2))
    monkeypatch.setattr("facepoints.commands.audit_proof._FEWEST", 4)
    wrong = [row for row in range(48) if row % 8 in (1, 2, 4, 6, 7)]
    faces, fixes = _swapped(48, wrong)
    proof = _proven(faces, tmp_path, fixes)
    assert (proof.trained_before, proof.trained_after) == (36, 36)
    assert proof.fixes == len(fixes) == 30
    assert 4 <= proof.rows < 12  # of three people, those without a fix
    assert proof.after < 0.8 * proof.before


def test_a_proof_needs_fixes_and_rows_without_one(tmp_path: Path) -> None:
    faces, fixes = _swapped(16, list(range(16)))
    with pytest.raises(DataError, match="no fix is chosen, so there is nothing to prove"):
        _proven(faces, tmp_path, [])
    with pytest.raises(DataError, match="only 0 held-out rows are without a fix"):
        _proven(faces, tmp_path, fixes)
