"""facepoints measure --expressions, --neutral and --livelink, with the built-in model."""

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
from facepoints.commands.expression_columns import EXPRESSION_COLUMNS
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.expressions import EXPRESSIONS
from facepoints.reports.dictionary import column_notes
from facepoints.results.livelink import ANGLES, SHAPES, read_livelink

Image = NDArray[np.uint8]
PHOTO = np.ascontiguousarray(data.astronaut()[40:210, 130:300])
RATE = 15


@pytest.fixture(scope="module")
def wide_open() -> Image:
    (face,) = facepoints.load(threads=1)(PHOTO)
    return acted(PHOTO, face.as_landmarks(IBUG_68).points, gape=0.35)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, wide_open: Image) -> Path:
    """A face whose mouth is open from frame 12 to 17."""
    pytest.importorskip("av")
    from facepoints.video.writer import VideoWriter

    path, random = tmp_path_factory.mktemp("clip") / "a.mp4", np.random.default_rng(0)
    with VideoWriter(path, RATE) as writer:
        for index in range(18):
            image = (wide_open if index >= 12 else PHOTO) + random.normal(0, 3, PHOTO.shape)
            writer.add(np.clip(image, 0, 255).astype(np.uint8), index / RATE)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def save(path: Path, image: Image) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def fails(words: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code not in (0, None)
    lines = capsys.readouterr().err.strip().splitlines()
    assert "Traceback" not in "".join(lines)
    return lines[-1]


def test_the_people_of_a_video_are_compared_with_their_own_calm_frames(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, recording, events = tmp_path / "a.csv", tmp_path / "take.csv", tmp_path / "blinks.vtt"
    files = ["--out", out, "--livelink", recording, "--events", events]
    main(["measure", str(clip), "--expressions", *map(str, files)])
    assert capsys.readouterr().err.endswith(f"results are in {out}, {events} and {recording}\n")
    rows = rows_of(out)
    assert {row["expression_neutral"] for row in rows} == {"video"}
    jaw = np.array([float(row["jawOpen"]) for row in rows])
    assert jaw[:10].max() < 0.2
    assert jaw[14:].min() > 0.3
    assert all(0 < float(row["jawOpen_r"]) < 0.5 for row in rows)

    frames = read_livelink(recording)
    assert len(frames) == len(rows)
    for frame, row in zip(frames, rows, strict=True):
        assert frame.time == pytest.approx(float(row["time"]), abs=1e-4)
        assert list(frame.values) == [*SHAPES, *ANGLES]
        assert frame.values["JawOpen"] == pytest.approx(float(row["jawOpen"]), abs=1e-5)
        assert frame.values["MouthSmileLeft"] == pytest.approx(
            float(row["mouthSmileLeft"]), abs=1e-5
        )
        assert frame.values["HeadYaw"] == pytest.approx(-np.deg2rad(float(row["yaw"])), abs=1e-4)
        assert frame.values["HeadPitch"] == pytest.approx(
            -np.deg2rad(float(row["pitch"])), abs=1e-4
        )
        assert frame.values["CheekPuff"] == frame.values["TongueOut"] == 0


def test_a_photo_at_rest_makes_a_face_comparable(tmp_path: Path, wide_open: Image) -> None:
    rest, loud = save(tmp_path / "rest.png", PHOTO), save(tmp_path / "loud.png", wide_open)
    out = tmp_path / "a.csv"
    main(["measure", str(loud), "--out", str(out), "--neutral", str(rest)])
    (given,) = rows_of(out)
    assert given["expression_neutral"] == "given"
    assert float(given["jawOpen"]) > 0.25
    assert given["smile"] in ("0", "1")

    lines, again = tmp_path / "rest.jsonl", tmp_path / "again.csv"
    main(["predict", str(rest), "--out", str(lines)])
    main(["measure", str(loud), "--out", str(again), "--neutral", str(lines)])
    (same,) = rows_of(again)
    assert float(same["jawOpen"]) == pytest.approx(float(given["jawOpen"]), abs=1e-3)

    plain = tmp_path / "plain.jsonl"
    main(["measure", str(loud), "--out", str(plain), "--expressions"])
    (face,) = json.loads(plain.read_text())["faces"]
    assert face["expression"]["neutral"] == "population"
    assert set(face["expression"]["values"]) == set(EXPRESSIONS)
    assert face["expression"]["values"]["mouthSmileLeft"]["radius"] > float(
        given["mouthSmileLeft_r"]
    )


def test_without_the_option_the_table_is_as_before(tmp_path: Path) -> None:
    photo, out = save(tmp_path / "a.png", PHOTO), tmp_path / "a.csv"
    main(["measure", str(photo), "--out", str(out)])
    (row,) = rows_of(out)
    assert not set(EXPRESSION_COLUMNS) & set(row)


def test_every_column_has_a_meaning() -> None:
    notes = {note.name: note.meaning for note in column_notes(EXPRESSION_COLUMNS)}
    assert all(notes[name] for name in EXPRESSION_COLUMNS)
    assert "left corner of the mouth" in notes["mouthSmileLeft"]
    assert "90 % radius" in notes["mouthSmileLeft_r"]


def test_wrong_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = save(tmp_path / "a.png", PHOTO)
    blank = save(tmp_path / "blank.png", np.full((90, 90, 3), 128, np.uint8))
    measure = ["measure", photo, "--out", tmp_path / "o.csv"]
    told = fails([*measure, "--livelink", tmp_path / "take.txt"], capsys)
    assert "goes to a .csv file" in told
    told = fails([*measure, "--livelink", tmp_path / "take.csv"], capsys)
    assert "none was found, so nothing was written" in told
    told = fails([*measure, "--neutral", blank], capsys)
    assert "a neutral shows one face" in told
    assert "shows 0" in told
    told = fails([*measure, "--neutral", tmp_path / "none.png"], capsys)
    assert "none.png" in told
    assert not list(tmp_path.glob("*.csv"))
