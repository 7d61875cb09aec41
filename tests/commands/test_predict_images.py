"""facepoints predict: from files to files, resumed, and one line for what cannot be done.

The model of these tests is a real file that puts the mean face into every box it is given.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx.parser
import pytest
from fakes import mean_face_rule
from numpy.typing import NDArray
from skimage import data
from waiting import PATIENCE, wait_until

import facepoints
from facepoints import weights
from facepoints._util.progress import Stopped
from facepoints.cli.main import main
from facepoints.commands.predict_images import PredictReport, predict_images
from facepoints.detection import BuiltinDetector, FullImageDetector, YuNetDetector
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.imaging.input_paths import find_images
from facepoints.inference import batches
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
from facepoints.models.onnx_edit import with_metadata
from facepoints.runtime.model_file import checksum

FACE = (55.0, 55.5)  # the middle of the face on the portrait of these tests


def model_bytes() -> bytes:
    """A model that predicts the mean face in every crop, with a radius of 2 and no face score."""
    rule = mean_face_rule(IBUG_68, (96, 96))
    numbers = ", ".join(f"{v:.6g}" for v in rule.canonical_points.ravel())
    graph = f"""
    <ir_version: 8, opset_import: ["" : 18]>
    mean (uint8[B,96,96] crops) => (float[B,68,2] points, float[B,68] radius, float[B] score)
    <float[1,68,2] layout = {{{numbers}}}, int64[1] zero = {{0}}, int64[1] one = {{1}},
     int64[2] rest = {{68, 2}}, int64[1] k = {{68}}, float two = {{2.0}}, float sure = {{1.0}}>
    {{
      shape = Shape(crops)
      batch = Slice(shape, zero, one)
      like = Concat<axis=0>(batch, rest)
      points = Expand(layout, like)
      radii = Concat<axis=0>(batch, k)
      radius = Expand(two, radii)
      score = Expand(sure, batch)
    }}
    """
    header: dict[str, Any] = {
        "landmarks": IBUG_68.to_dict(),
        "schemes": {},
        "size": [96, 96],
        "refinement_passes": 0,
        "canonical_points": rule.canonical_points.tolist(),
        "face_box": list(rule.face_box),
        "has_face_score": False,
        "calibration": {"coverage": 0.9, "factors": [1.0] * 68, "rows": 0, "calibrated": False},
    }
    return with_metadata(onnx.parser.parse_model(graph), header)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mean.onnx"
    path.write_bytes(model_bytes())
    return path


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    photo = np.ascontiguousarray(data.astronaut()[16:240, 116:340])
    return np.asarray(cv2.resize(photo, (112, 112), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture
def album(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    """Four portraits (of `skimage.data.astronaut()`), a file that is none, one without a face."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "d.webp", "more/a.jpg"):
        cv2.imwrite(str(folder / name), portrait[..., ::-1])
    (folder / "c.jpg").write_text("no image")
    cv2.imwrite(str(folder / "e.png"), np.full((90, 120), 70, dtype=np.uint8))
    (folder / "notes.txt").write_text("left alone")
    return folder


ORDER = ["a.jpg", "b.png", "c.jpg", "d.webp", "e.png", "more/a.jpg"]


def predict(*words: str | Path, model: Path) -> None:
    main(["predict", *map(str, words), "--model", str(model)])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def fails(words: Sequence[str | Path], capsys: pytest.CaptureFixture[str], status: int = 2) -> str:
    """The error, the last line of a command that fails."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, words)])
    assert ended.value.code == status
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message.splitlines()[-1]


# Files to files


def test_lines_of_json_go_to_standard_output(
    album: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(album, model=model)
    captured = capsys.readouterr()
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert [os.path.relpath(f["file"], album) for f in records] == ORDER
    a, b, c, d, e, more = records
    assert "not an image of a known kind" in c["error"]
    assert e["faces"] == []
    for image in (a, b, d, more):
        (face,) = image["faces"]
        assert (image["width"], image["height"]) == (112, 112)
        x, y, width, height = face["box"]
        np.testing.assert_allclose((x + width / 2, y + height / 2), FACE, atol=7)
        assert np.shape(face["points"]) == (68, 2)
    assert "6 images: 4 faces, 1 without a face, 1 unreadable; " in captured.err
    assert "unreadable: " in captured.err


def test_every_format_holds_the_same_faces(
    album: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in ("faces.jsonl", "faces.csv", "faces.json", "points"):
        predict(album, "--out", tmp_path / out, model=model)
        assert f"results are in {tmp_path / out}" in capsys.readouterr().err.replace("\n", "")
        assert not list(tmp_path.glob("*.part"))
    first = lines(tmp_path / "faces.jsonl")[0]["faces"][0]
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert float(rows[0]["chin_x"]) == first["points"][8][0]
    annotations = json.loads((tmp_path / "faces.json").read_text())["annotations"]
    assert annotations[0]["keypoints"][:2] == first["points"][0]
    files = sorted(p.relative_to(tmp_path / "points").as_posix() for p in tmp_path.rglob("*.pts"))
    assert files == ["a.pts", "b.pts", "d.pts", "more/a.pts"]


def test_drawings_are_named_like_their_images(
    album: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(album, "--draw", tmp_path / "drawn", "--radius", model=model)
    captured = capsys.readouterr()
    assert captured.out == ""
    drawn = sorted(
        p.relative_to(tmp_path / "drawn").as_posix()
        for p in (tmp_path / "drawn").rglob("*")
        if p.is_file()
    )
    assert drawn == ["a.jpg", "b.png", "d.png", "e.png", "more/a.jpg"]
    before, after = (cv2.imread(str(f / "b.png")) for f in (album, tmp_path / "drawn"))
    assert before is not None
    assert after is not None
    assert (before != after).any(axis=2).mean() > 0.01
    plain = cv2.imread(str(tmp_path / "drawn" / "e.png"), cv2.IMREAD_GRAYSCALE)
    assert plain is not None
    assert (plain == 70).all()  # nobody is on it


def test_points_are_written_in_another_set(album: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.csv"
    predict(album / "a.jpg", "--landmarks", "kaggle-15", "--out", out, model=model)
    header = out.read_text().splitlines()[0].split(",")
    assert [name[:-2] for name in header[9::3]] == list(KAGGLE_15.names)


def test_detectors_and_angles(
    album: Path,
    model: Path,
    tmp_path: Path,
    portrait: NDArray[np.uint8],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "boxes.csv").write_text("file,x,y,w,h\na.jpg,25,30,40,40\n")
    predict(
        album / "a.jpg",
        album / "b.png",
        "--detector",
        f"boxes:{tmp_path / 'boxes.csv'}",
        model=model,
    )
    a, b = map(json.loads, capsys.readouterr().out.splitlines())
    np.testing.assert_allclose(np.add(a["faces"][0]["box"][:2], 20), (45, 50), atol=2)
    assert b["faces"] == []
    predict(album / "e.png", "--detector", "full-image", model=model)
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert face["box"][2] > 50
    cv2.imwrite(str(tmp_path / "down.png"), portrait[::-1, ::-1, ::-1])
    predict(tmp_path / "down.png", model=model)
    upright = json.loads(capsys.readouterr().out)["faces"]
    predict(tmp_path / "down.png", "--any-angle", model=model)
    turned = json.loads(capsys.readouterr().out)["faces"]
    assert turned[0]["points"][8][1] < turned[0]["points"][27][1]  # its chin above its nose
    assert turned[0]["score"] > max((face["score"] for face in upright), default=0)


def test_standard_input_and_silenced_libraries(album: Path, model: Path) -> None:
    """libpng and OpenCV would print warnings of their own about a truncated image."""
    whole = (album / "b.png").read_bytes()
    (album / "b.png").write_bytes(whole[: len(whole) // 2])
    words = [sys.executable, "-m", "facepoints", "predict", "-", str(album / "b.png")]
    with open(album / "a.jpg", "rb") as image:
        done = subprocess.run(
            [*words, "--model", str(model)], stdin=image, capture_output=True, check=True
        )
    face, error = map(json.loads, done.stdout.splitlines())
    assert face["file"] == "-"
    assert len(face["faces"]) == 1
    assert "PNG data is damaged" in error["error"]
    first, last = done.stderr.decode().splitlines()
    assert first == f"unreadable: {error['error']}"
    assert last.startswith("2 images: 1 face, 1 unreadable; ")


# Interruptions


class Blob:
    """A detector that counts its images and can stop the run."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.detected, self.stop_at = 0, stop_at

    def __repr__(self) -> str:
        return "Blob"

    def detect(self, image: NDArray[np.uint8]) -> list[Any]:
        self.detected += 1
        if self.detected == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return FullImageDetector().detect(image)


@pytest.fixture
def many(tmp_path: Path) -> list[str]:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(24):
        cv2.imwrite(str(folder / f"{number:02}.png"), np.full((32, 32), number, np.uint8))
    return find_images([folder])


@pytest.mark.parametrize("name", ["faces.jsonl", "faces.csv", "faces.json", "points"])
def test_an_interrupted_run_is_resumed(
    name: str, many: list[str], model: Path, tmp_path: Path
) -> None:
    landmark_model = LandmarkModel.load(model)
    out, whole = tmp_path / "cut" / name, tmp_path / "whole" / name
    with pytest.raises(Stopped, match=r"stopped after \d+ of 24 images; the same command"):
        predict_images(Predictor(landmark_model, Blob(stop_at=12)), many, out=out)
    assert not out.exists()
    part = out.with_name(f"{name}.part")
    done = len(part.read_bytes().splitlines()) - 1
    assert 12 <= done < 24
    with part.open("ab") as file:  # cut in the middle of a line, as a power cut leaves it
        file.write(b'{"file": "half a l')
    again = Blob()
    report = predict_images(Predictor(landmark_model, again), many, out=out)
    assert again.detected == 24 - done
    assert (report.images, report.resumed, report.faces) == (24, done, 24)
    assert f"{done} done before" in report.summary()
    assert not part.exists()
    predict_images(Predictor(landmark_model, Blob()), many, out=whole)
    if out.is_dir():
        assert len(list(out.iterdir())) == 24
        for file in whole.iterdir():
            assert (out / file.name).read_bytes() == file.read_bytes()
    else:
        assert out.read_bytes() == whole.read_bytes()


@pytest.fixture
def moved(tmp_path: Path) -> list[str]:
    """Eleven photos with the face elsewhere in each, and a file that is none."""
    (tmp_path / "moved").mkdir()
    photo = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)[..., ::-1]
    for number in range(12):
        cut = photo[number : number + 112, 58 + 2 * number : 170 + 2 * number]
        cv2.imwrite(str(tmp_path / "moved" / f"{number:02}.png"), cut)
    (tmp_path / "moved" / "04.png").write_text("no image")
    return find_images([tmp_path / "moved"])


@pytest.mark.parametrize("most", [1, 3])
def test_batches_at_a_time_and_a_resumed_run_give_the_same_bytes(
    most: int, moved: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the built-in model: other models may not show the last digits."""
    monkeypatch.setattr(batches, "_BATCH", most)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    report = predict_images(facepoints.load(threads=1), moved, out=whole)
    assert (report.images, report.faces, report.unreadable) == (12, 11, 1)
    assert [line["file"] for line in lines(whole)] == moved
    model, detect = facepoints.load(threads=3), BuiltinDetector.detect

    def stop() -> None:
        monkeypatch.setattr(BuiltinDetector, "detect", detect)
        os.kill(os.getpid(), signal.SIGINT)

    all_begun = threading.Barrier(3, stop)

    def stopping(self: BuiltinDetector, image: NDArray[np.uint8]) -> list[Any]:
        all_begun.wait(PATIENCE)
        return detect(self, image)

    monkeypatch.setattr(BuiltinDetector, "detect", stopping)
    with pytest.raises(Stopped):
        predict_images(model, moved, out=out)
    part = tmp_path / "out.jsonl.part"
    kept = part.read_bytes().splitlines(keepends=True)[:3]
    part.write_bytes(b"".join(kept))  # as after a kill: the next batches are others
    assert predict_images(model, moved, out=out).resumed == len(kept) - 1
    assert out.read_bytes() == whole.read_bytes()


def test_records_of_other_settings_and_inputs_are_not_touched(
    many: list[str], model: Path, tmp_path: Path
) -> None:
    landmark_model, out = LandmarkModel.load(model), tmp_path / "faces.jsonl"

    def part() -> None:
        with pytest.raises(Stopped):
            predict_images(Predictor(landmark_model, Blob(stop_at=12)), many, out=out)

    part()
    other = Predictor(landmark_model, other_detector := Blob(), min_score=0.25)
    with pytest.raises(WriteError, match=r"other settings \(min_score\)"):
        predict_images(other, many, out=out)
    last = Blob()
    with pytest.raises(WriteError, match=r"other settings \(points\)"):
        predict_images(Predictor(landmark_model, last), many, out=out, landmarks=KAGGLE_15)
    assert last.detected == other_detector.detected == 0
    assert predict_images(other, many, out=out, overwrite=True).resumed == 0
    assert other_detector.detected == 24
    part()
    later = time.time() + 10
    os.utime(many[3], (later, later))  # the fourth image was changed
    third = Blob()
    report = predict_images(Predictor(landmark_model, third), many, out=out)
    assert report.resumed == 3
    assert third.detected == 21
    part()
    fewer = Predictor(landmark_model, Blob())
    with pytest.raises(WriteError, match="other inputs"):
        predict_images(fewer, many[1:], out=out)
    assert predict_images(fewer, many[1:], out=out, overwrite=True).resumed == 0
    assert [Path(line["file"]).name for line in lines(out)] == [f"{n:02}.png" for n in range(1, 24)]


class _AnyNet:
    """Replaces OpenCV's YuNet and accepts any file."""

    create = classmethod(lambda cls, *_: cls())


@pytest.mark.parametrize("kind", [BuiltinDetector, YuNetDetector])
def test_another_detector_of_the_same_name_processes_every_image_again(
    kind: Any, many: list[str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out, landmark_model = (
        tmp_path / "detector.onnx",
        tmp_path / "faces.jsonl",
        LandmarkModel.load(model, threads=1),
    )
    first = weights.DETECTOR.read_bytes()
    old = re.search(rb'"checksum": "([0-9a-f]{64})"', first)
    assert old is not None
    second = first.replace(b'"format": 1', b'"format": 0')
    second = second.replace(old[1], checksum(second).encode())
    monkeypatch.setattr(cv2, "FaceDetectorYN", _AnyNet)

    def run(content: bytes, stop_at: int | None = None) -> tuple[int, int]:
        """Number of images taken from the interrupted run, and of those processed now."""
        file.write_bytes(content)
        detector, blob = getattr(kind, "load", kind)(file), Blob(stop_at)
        monkeypatch.setattr(kind, "detect", lambda _, image: blob.detect(image))
        report = predict_images(
            Predictor(landmark_model, detector), many, out=out, overwrite=content == second
        )
        return report.resumed, blob.detected

    with pytest.raises(Stopped):
        run(first, stop_at=12)
    before, detected = run(first)
    assert before >= 12
    assert before + detected == 24
    with pytest.raises(Stopped):
        run(first, stop_at=12)
    assert run(second) == (0, 24)


def test_images_of_an_interrupted_run_are_all_drawn(
    many: list[str], model: Path, tmp_path: Path
) -> None:
    landmark_model, out, drawn = (
        LandmarkModel.load(model),
        tmp_path / "faces.jsonl",
        tmp_path / "drawn",
    )
    with pytest.raises(Stopped):
        predict_images(Predictor(landmark_model, Blob(stop_at=12)), many, out=out)
    with pytest.raises(WriteError, match=r"other settings \(drawn"):
        predict_images(Predictor(landmark_model, Blob()), many, out=out, drawn=drawn)
    with pytest.raises(Stopped):
        predict_images(
            Predictor(landmark_model, Blob(stop_at=12)), many, out=out, drawn=drawn, overwrite=True
        )
    report = predict_images(Predictor(landmark_model, Blob()), many, out=out, drawn=drawn)
    assert report.resumed
    assert len(list(drawn.iterdir())) == 24


def test_drawings_of_images_with_one_name_keep_their_suffixes(
    portrait: NDArray[np.uint8], model: Path, tmp_path: Path
) -> None:
    folder, drawn = tmp_path / "album", tmp_path / "drawn"
    (folder / "more").mkdir(parents=True)
    names = ["a.jpg", "a.png", "b.png", "b.webp", "c.webp", "more/b.png", "more/c.bmp"]
    for name in names:
        cv2.imwrite(str(folder / name), portrait)
    predict(folder, "--draw", drawn, model=model)
    files = sorted(p.relative_to(drawn).as_posix() for p in drawn.rglob("*") if p.is_file())
    assert files == [
        "a.jpg", "a.png", "b.png.png", "b.webp.png", "c.png", "more/b.png", "more/c.png",
    ]  # fmt: skip


def test_drawings_of_an_interrupted_run_keep_their_names(
    many: list[str], model: Path, tmp_path: Path
) -> None:
    """Images that were added since are drawn, too. If one would take the name of an existing
    drawing, the run starts over and names all drawings by the same rule."""
    landmark_model, out, drawn = (
        LandmarkModel.load(model),
        tmp_path / "faces.jsonl",
        tmp_path / "drawn",
    )
    folder = Path(many[0]).parent

    def go_on() -> int:
        return predict(Predictor(landmark_model, Blob()), find_images([folder])).resumed

    def predict(predictor: Predictor, images: list[str]) -> PredictReport:
        return predict_images(predictor, images, out=out, drawn=drawn, given=[str(folder)])

    def cut() -> None:
        with pytest.raises(Stopped):
            predict(Predictor(landmark_model, Blob(stop_at=12)), many)

    cut()
    shutil.copy(many[0], folder / "99.png")
    assert go_on() >= 12
    cut()
    shutil.copy(many[0], folder / "99.bmp")
    shutil.copy(many[0], folder / "00.webp")
    assert go_on() == 0
    names = {path.name for path in drawn.iterdir()}
    assert {"00.png.png", "00.webp.png", "99.png.png", "99.bmp.png", "01.png"} <= names


def test_another_image_of_the_same_name_is_processed_again(
    many: list[str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landmark_model, out = LandmarkModel.load(model), tmp_path / "face.pts"
    content = Path(many[0]).read_bytes()

    def detected() -> int:
        detector = Blob()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        with pytest.raises(SettingsError, match="one face, 2 were found"):
            predict_images(Predictor(landmark_model, detector), [many[0], "-"], out=out)
        return detector.detected

    assert detected() == 2
    assert detected() == 1  # standard input may be another image than before
    os.utime(many[1], (1, 1))
    os.replace(many[1], many[0])
    assert detected() == 2


def test_a_folder_of_points_and_drawings_is_refused_before_work_begins(
    many: list[str], model: Path, tmp_path: Path
) -> None:
    detector, out = Blob(), tmp_path / "points"
    with pytest.raises(WriteError, match="would get mixed"):
        predict_images(Predictor(LandmarkModel.load(model), detector), many, out=out, drawn=out)
    assert detector.detected == 0
    assert not out.exists()


def test_ctrl_c_is_one_line_and_status_130(many: list[str], model: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.jsonl"
    words = [sys.executable, "-m", "facepoints", "predict", str(tmp_path / "many")]
    for number in range(24, 5000):  # more than are done before the signal comes
        os.link(many[0], tmp_path / "many" / f"{number}.png")
    process = subprocess.Popen(
        [*words, "--model", str(model), "--out", str(out), "--detector", "full-image"],
        stderr=subprocess.PIPE,
        text=True,
    )
    part = tmp_path / "faces.jsonl.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 5000, process, pause=0.002)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert message.startswith("stopped after ")
    assert message.count("\n") == 1
    assert part.exists()
    assert not out.exists()


# What cannot be done


def test_one_unreadable_file_is_an_error_and_a_record(
    album: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [album / "c.jpg", "--model", model, "--out", tmp_path / "faces.jsonl"]
    assert fails(words, capsys).startswith(f"error: {album / 'c.jpg'} is not an image")
    (line,) = lines(tmp_path / "faces.jsonl")
    assert "not an image of a known kind" in line["error"]


def test_an_image_without_a_face_is_not_an_error(
    album: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(album / "e.png", model=model)
    captured = capsys.readouterr()
    assert json.loads(captured.out)["faces"] == []
    assert captured.err.startswith("1 image: 0 faces, 1 without a face; ")


BAD = {
    "no input": ("", "at least one image"),
    "a missing image": ("{album}/nowhere.jpg", "no image or folder at"),
    "a pattern that nothing fits": ("{album}/*.gif", "no image matches"),
    "a folder without images": ("{tmp}/empty", "no image in the folder"),
    "no such model": ("{album} --model {tmp}/nowhere.onnx", "no model at"),
    "a model that is none": ("{album} --model {album}/a.jpg", "a.jpg"),
    "no such format": ("{album} --out {tmp}/faces.xyz", "no format for"),
    "a place that is a file": ("{album} --out {album}/a.jpg/faces.csv", "could not write"),
    "a folder with files in it": ("{album}/a.jpg --out {album}/more", "not empty"),
    "one that is read": ("{album}/a.jpg {tmp}/x.csv --out {tmp}/x.csv", "destroy"),
    "one that would be drawn over": ("{album} --draw {album}", "destroy"),
    "a folder to draw to that is a file": ("{album} --draw {album}/a.jpg", "a.jpg"),
    "no such detector": ("{album} --detector eyes", "no face detector"),
    "no such boxes": ("{album} --detector boxes:{tmp}/no.csv", "no table of boxes"),
    "no such score": ("{album} --min-score 2", "--min-score must be a number from 0 to 1"),
    "several faces for one file": ("{album} --out {tmp}/a.pts", "can hold one face"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_one_line_and_status_2(
    bad: str, album: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, named = BAD[bad]
    (tmp_path / "empty").mkdir()
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "x.png").rename(tmp_path / "x.csv")  # by its content, it is an image
    filled = [word.format(album=album, tmp=tmp_path) for word in words.split()]
    if "--model" not in filled:
        filled += ["--model", str(model)]
    message = fails(filled, capsys)
    assert message.startswith("error: ")
    assert named in message


def test_points_that_the_model_lacks_are_refused_before_work_begins(
    album: Path, model: Path
) -> None:
    detector = Blob()
    predictor = Predictor(LandmarkModel.load(model), detector)
    landmarks = KAGGLE_15.union(IBUG_68.subset(["chin"]))
    assert predict_images(predictor, [str(album / "a.jpg")], drawn=album / "d", landmarks=landmarks)
    ears = type(KAGGLE_15)(("left_ear", "right_ear"))
    detector.detected = 0
    with pytest.raises(DataError, match="left_ear"):
        predict_images(predictor, [str(album / "a.jpg")], landmarks=ears)
    assert detector.detected == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_standard_output_is_an_error(album: Path, model: Path) -> None:
    words = [sys.executable, "-m", "facepoints", "predict", str(album), "--model", str(model)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: could not write to standard output")


@pytest.mark.skipif(os.name != "posix", reason="no limits of file sizes here")
def test_a_disk_that_fills_during_prediction_is_reported(
    many: list[str], model: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "facepoints", "predict", *many, "--model", str(model)]
    words += ["--out", str(tmp_path / "faces.jsonl"), "--detector", "full-image"]
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "limited", *words]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.match("error: could not write .*faces.jsonl.part: File too large", line)
    predict(*many, "--out", tmp_path / "faces.jsonl", "--detector", "full-image", model=model)
    assert len(lines(tmp_path / "faces.jsonl")) == 24


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_streams_that_the_caller_closed(closed: str, album: Path, model: Path) -> None:
    words = [sys.executable, "-m", "facepoints", "predict", "--model", str(model)]
    words.append("-" if closed == "<&-" else str(album / "a.jpg"))
    without = ["bash", "-c", f'exec "$@" {closed}', "without", *words]
    done = subprocess.run(without, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert re.match("error: standard (in|out)put is closed", done.stderr.splitlines()[-1])


def test_a_disk_that_fills_during_drawing_is_reported(
    album: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise WriteError(f"could not write {path}: No space left on device")

    monkeypatch.setattr("facepoints._util.files.write_bytes", full)
    predictor = Predictor(LandmarkModel.load(model))
    with pytest.raises(WriteError, match="No space left"):
        predict_images(predictor, [str(album / "a.jpg")], drawn=tmp_path / "drawn")


def test_the_built_in_model_from_photo_to_file_and_drawing(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.jpg"), data.astronaut()[..., ::-1])
    out, drawn = tmp_path / "faces.jsonl", tmp_path / "drawn"
    main(["predict", str(tmp_path / "photo.jpg"), "--out", str(out), "--draw", str(drawn)])
    (line,) = lines(out)
    (face,) = line["faces"]
    chin, *pupils = map(OPENPOSE_70.names.index, ("chin", "right_pupil", "left_pupil"))
    np.testing.assert_allclose(face["points"][chin], (225, 177), atol=6)
    for pupil, place in zip(pupils, [(203, 101), (247, 103)], strict=True):
        np.testing.assert_allclose(face["points"][pupil], place, atol=4)
    assert face["score"] > 0.9
    assert np.shape(face["radius"]) == np.shape(face["visible"]) == (70,)
    assert np.min(face["visible"]) > 0.5  # she looks into the camera
    assert cv2.imread(str(drawn / "photo.jpg")) is not None


def test_the_name_builtin_is_the_default_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(tmp_path / "photo.png")
    cv2.imwrite(photo, data.astronaut()[16:240, 116:340, ::-1])
    main(["predict", photo])
    plain = capsys.readouterr().out
    main(["predict", photo, "--model", "builtin"])
    assert capsys.readouterr().out == plain
    assert json.loads(plain)["faces"]
    tables = [tmp_path / name for name in ("plain.csv", "named.csv")]
    main(["measure", photo, "--out", str(tables[0])])
    main(["measure", photo, "--out", str(tables[1]), "--model", "builtin"])
    assert tables[0].read_bytes() == tables[1].read_bytes()
    main(["align", photo, "--out", str(tmp_path / "upright"), "--model", "builtin"])
    assert (tmp_path / "upright" / "photo-face1.png").is_file()
    named, unnamed = facepoints.load("builtin", threads=1), facepoints.load(threads=1)
    assert named.describe() == unnamed.describe()
