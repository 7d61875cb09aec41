"""A new landmark set needs entries in `known_sets` only; everything else works with it.

The set is like that of WFLW, with 98 points (https://wywu.github.io/projects/LAB/WFLW.html).
"""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import facepoints
from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_coco
from facepoints.imaging.image_writer import write_image
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KNOWN_SETS, NUMBERED_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import FrameResult

pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")

_JAW = (*(f"right_cheek_{n}" for n in range(16)), "chin", *(f"left_cheek_{n}" for n in range(16)))
_SIDES = tuple(
    f"{side}_{part}_{n}"
    for side in ("right", "left")
    for part, count in (("brow", 9), ("eye", 8), ("nose", 4), ("lip", 8))
    for n in range(count)
)
_MIDDLE = ("nose_bridge", "nose_tip", "lip_top", "lip_bottom", "right_pupil", "left_pupil")

WFLW_98 = LandmarkSet(
    names=(*_JAW, *_SIDES, *_MIDDLE, "forehead"),
    eyes=("right_eye_0", "left_eye_0"),
    edges=tuple(itertools.pairwise(_JAW)),
)
NAME = "wflw-98"


def test_the_set_has_98_points() -> None:
    assert len(WFLW_98) == 98


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN_SETS, NAME, WFLW_98)
    monkeypatch.setitem(NUMBERED_SETS, "wflw", WFLW_98)  # for .pts, which does not name points


def labelled_faces(count: int) -> Samples:
    """Rendered faces with 98 points: random means of the 68 points that they are rendered with."""
    faces = synthetic.render(count, seed=5, size=48)
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(len(IBUG_68), 0.1), len(WFLW_98))
    points = (weights @ faces.points).astype(np.float32)
    return replace(
        faces,
        points=points,
        labelled=np.ones(points.shape[:2], dtype=bool),
        landmarks=WFLW_98,
        schemes={"wflw": WFLW_98.names},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled faces, a run that was trained on them, and one of the images."""
    folder = tmp_path_factory.mktemp("wflw")
    faces = labelled_faces(24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KNOWN_SETS, NAME, WFLW_98)
        write_coco(faces, folder / "labels")
        words = ["train", str(folder / "labels"), "--out", str(folder / "run"), "--device", "cpu"]
        words += ["--network", "lenet5", "--epochs", "1", "--batch", "8", "--validation", "0.3"]
        main([*words, "--crop-size", "48", "--seed", "1"])
    write_image(folder / "face.png", faces.images[0])
    return folder


@pytest.fixture(scope="module")
def faces(folder: Path) -> list[Face]:
    model = facepoints.load(folder / "run", detector="full-image", min_score=0)
    return model(folder / "face.png")


def test_a_model_is_trained_exported_and_predicts(folder: Path, faces: list[Face]) -> None:
    assert (folder / "run" / "model.onnx").is_file()
    (face,) = faces
    assert face.landmarks == WFLW_98
    assert face.points.shape == (98, 2)
    assert face["nose_tip"].shape == (2,)


def test_it_is_evaluated_by_the_eyes_of_the_set(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(folder / "labels"), "--model", str(folder / "run")]
    main([*words, "--out", str(tmp_path), "--crop-size", "48"])
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["faces"] == 24
    assert "eyes" in report["nme"]
    assert "24 faces" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["faces.jsonl", "faces.csv", "faces.json", "points"])
def test_every_format_gives_the_faces_back(name: str, faces: list[Face], tmp_path: Path) -> None:
    facepoints.write_faces([FrameResult("face.png", faces, (48, 48))], tmp_path / name)
    (result,) = facepoints.read_faces(tmp_path / name)
    (face,) = result.faces
    assert face.landmarks == WFLW_98  # with eyes and edges
    np.testing.assert_allclose(face.points, faces[0].points, atol=1e-4)


def test_lines_name_the_set(folder: Path, tmp_path: Path) -> None:
    words = ["predict", str(folder / "face.png"), "--model", str(folder / "run")]
    words += ["--detector", "full-image", "--min-score", "0", "--landmarks", NAME]
    main([*words, "--out", str(tmp_path / "faces.jsonl"), "--draw", str(tmp_path / "drawn")])
    line = json.loads((tmp_path / "faces.jsonl").read_text())
    assert line["landmarks"] == NAME
    assert len(line["faces"][0]["points"]) == 98
    assert (tmp_path / "drawn" / "face.png").is_file()


def test_the_table_has_columns_for_every_point(faces: list[Face], tmp_path: Path) -> None:
    facepoints.write_faces([FrameResult("face.png", faces, (48, 48))], tmp_path / "faces.csv")
    with (tmp_path / "faces.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert len(row) == 9 + 3 * 98
    assert float(row["nose_tip_x"]) == pytest.approx(faces[0]["nose_tip"][0], abs=1e-4)


def test_it_is_drawn_with_its_edges(faces: list[Face]) -> None:
    image = np.zeros((48, 48, 3), np.uint8)
    without = [replace(face, landmarks=replace(face.landmarks, edges=())) for face in faces]
    assert (facepoints.draw(image, without) != image).any()
    assert (facepoints.draw(image, faces) != facepoints.draw(image, without)).any()


def test_labels_are_converted_and_read_again(folder: Path, tmp_path: Path) -> None:
    for to, out in (("coco", "coco"), ("pts", "pts"), ("kaggle", "labels.csv")):
        words = ["convert", str(folder / "labels"), "--to", to, "--crop-size", "48"]
        main([*words, "--out", str(tmp_path / out)])
        again = facepoints.load_dataset(tmp_path / out, crop_size=48)
        assert again.landmarks == WFLW_98, to
        assert len(again) == 24


def test_measures_that_the_set_does_not_give_are_named(
    faces: list[Face], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facepoints.write_faces([FrameResult("face.png", faces, (48, 48))], tmp_path / "faces.jsonl")
    main(["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / "measures.csv")])
    assert "these points do not give" in capsys.readouterr().err
