"""facepoints measure: columns of open and closed eyes, with the built-in models."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from acting import acted
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.landmarks.known_sets import IBUG_68

Image = NDArray[np.uint8]
PHOTO = np.ascontiguousarray(data.astronaut()[20:240, 100:330])
COLUMNS = ["right_eye_closed", "right_eye_reason", "left_eye_closed", "left_eye_reason"]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Open eyes, closed eyes, and dark glasses."""
    folder = tmp_path / "album"
    folder.mkdir()
    face = facepoints.load(threads=1)(PHOTO)[0]
    dark = PHOTO.copy()
    for eye in ("right", "left"):
        x, y = face.region(f"{eye}_eye").mean(axis=0).round().astype(int)
        cv2.ellipse(dark, (int(x), int(y)), (22, 17), 0, 0, 360, (20, 20, 22), -1, cv2.LINE_AA)
    closed = acted(PHOTO, face.as_landmarks(IBUG_68).points, closed=1.0)
    for name, image in (("closed", closed), ("dark", dark), ("open", PHOTO)):
        cv2.imwrite(str(folder / f"{name}.png"), image[..., ::-1])
    return folder


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


def test_the_table_says_whether_eyes_are_closed_or_why_not(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    main(["measure", str(album), "--out", str(out)])
    rows = rows_of(out)
    for side in ("right", "left"):
        assert float(rows["closed"][f"{side}_eye_closed"]) > 0.7
        assert float(rows["open"][f"{side}_eye_closed"]) < 0.3
        assert rows["open"][f"{side}_eye_reason"] == ""
        if "dark" in rows:  # the glasses may hide the points or the eyes
            assert rows["dark"][f"{side}_eye_closed"] == ""
            assert rows["dark"][f"{side}_eye_reason"] in ("no eye seen", "hidden")


def test_json_lines_hold_no_pixels_but_may_hold_the_closure(album: Path, tmp_path: Path) -> None:
    lines, out = tmp_path / "faces.jsonl", tmp_path / "a.csv"
    main(["predict", str(album / "closed.png"), "--out", str(lines)])
    main(["measure", str(lines), "--out", str(out)])
    assert [rows_of(out)["closed"][name] for name in COLUMNS] == ["", "no image"] * 2
    faces = facepoints.load(threads=1, eye_closure=True)(PHOTO)
    facepoints.write_faces([facepoints.FrameResult("b.png", faces, PHOTO.shape[:2])], lines)
    main(["measure", str(lines), "--out", str(out), "--overwrite"])
    assert faces[0].eye_closure is not None
    assert float(rows_of(out)["b"]["left_eye_closed"]) == faces[0].eye_closure.left


def test_json_lines_of_measures_have_it_too(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    main(["measure", str(album / "open.png"), "--out", str(out)])
    (face,) = json.loads(out.read_text(encoding="utf-8"))["faces"]
    assert set(face["eye_closure"]) == {"right", "left"}
    assert max(face["eye_closure"].values()) < 0.3
