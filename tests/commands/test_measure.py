"""facepoints measure and facepoints align, from files to files.

The model of most of these tests puts the mean face into the whole image.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import MeanModel
from numpy.typing import NDArray
from skimage import data

from facepoints.api import FaceModel
from facepoints.cli.main import main
from facepoints.commands.measure import MeasureReport
from facepoints.datasets import synthetic
from facepoints.detection import FullImageDetector
from facepoints.imaging.image_io import read_image
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement import MEASURES, head_transform, measure
from facepoints.results.formats import read_faces, write_faces
from facepoints.results.records import json_line, record


@pytest.fixture
def mean(monkeypatch: pytest.MonkeyPatch) -> FaceModel:
    model = FaceModel(MeanModel(), FullImageDetector())
    monkeypatch.setattr("facepoints.api.load", lambda *_, **__: model)
    return model


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three images of one face each, one of them in a subfolder, and a file that is no image."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "more/a.png")):
        image = np.full((100, 100, 3), 40 * number + 60, np.uint8)
        image[..., 0] = 200  # blue, as OpenCV writes it
        cv2.imwrite(str(folder / name), image)
    (folder / "c.jpg").write_text("no image")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def fails(words: list[Any], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message.splitlines()[-1]


def a_face(points: NDArray, track: int | None = None, landmarks: LandmarkSet = IBUG_68) -> Face:
    radius = np.full(len(points), 1.5, np.float32)
    return Face((0, 0, 1, 1), 0.9, points.astype(np.float32), radius, landmarks, track)


LOOKS = 21


def clip(
    path: Path, frames: int = 40, rate: float = 10, times: bool = False, track: bool = True
) -> Path:
    """Lines of a video: person 4 blinks twice and yawns, person 5 does nothing and leaves early.
    Without tracks, a single frame is a photo."""
    head = MEAN_HEAD[:, :2] * 100 + 200
    upper = IBUG_68.columns(
        f"{side}_eye_upper_{part}" for side in ("left", "right") for part in ("inner", "outer")
    )
    lower = IBUG_68.columns(
        f"{side}_eye_lower_{part}" for side in ("left", "right") for part in ("inner", "outer")
    )
    lip = IBUG_68.columns(f"inner_lower_lip_{part}" for part in ("left", "center", "right"))
    with path.open("w") as file:
        for frame in range(frames):
            points = head.copy()
            if 8 <= frame < 11 or frame == 14:
                points[upper] = points[lower] - (0, 1)
            if 20 <= frame < 38:
                points[lip, 1] += 60
            faces = [a_face(points, 4 if track else None)]
            faces += [a_face(head + 300, 5 if track else None)] * (frame < LOOKS)
            line = record("clip.mp4", (700, 800), faces, frame)
            file.write(json_line(line | ({"time": frame / rate} if times else {})))
    return path


# measure


def test_images_become_a_row_for_each_face(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["measure", str(album), "--out", str(tmp_path / "out.csv")])
    rows = rows_of(tmp_path / "out.csv")
    assert [Path(r["file"]).relative_to(album).as_posix() for r in rows] == [
        "a.png", "b.jpg", "more/a.png",
    ]  # fmt: skip
    expected = measure(mean(album / "a.png")[0])
    assert [name for name in MEASURES if rows[0][name]] == list(expected)
    for name, measured in expected.items():
        assert float(rows[0][name]) == pytest.approx(measured.value, rel=1e-4, abs=1e-6)
        assert float(rows[0][f"{name}_r"]) == pytest.approx(measured.radius, rel=1e-2)
    assert abs(float(rows[0]["yaw"])) < 1
    assert rows[0]["track"] == rows[0]["time"] == rows[0]["blink"] == ""
    message = capsys.readouterr().err
    assert "c.jpg is not an image" in message
    assert "4 images or frames: 3 faces, 1 unreadable" in message


def test_lines_that_predict_wrote_give_the_same(
    album: Path, mean: FaceModel, tmp_path: Path
) -> None:
    main(["predict", str(album), "--out", str(tmp_path / "faces.jsonl")])
    for source, out in ((album, "direct.jsonl"), (tmp_path / "faces.jsonl", "lines.jsonl")):
        main(["measure", str(source), "--out", str(tmp_path / out)])
    direct, lines = (
        [json.loads(line) for line in (tmp_path / out).read_text().splitlines()]
        for out in ("direct.jsonl", "lines.jsonl")
    )
    assert [line["file"] for line in direct] == [line["file"] for line in lines]
    assert [line for line in direct if "error" in line] == [
        line for line in lines if "error" in line
    ]
    assert len([line for line in direct if "error" in line]) == 1
    for a, b in zip(direct, lines, strict=True):
        for one, other in zip(a.get("faces", []), b.get("faces", []), strict=True):
            assert one["measures"].keys() == other["measures"].keys()
            for name, measured in one["measures"].items():
                assert other["measures"][name]["value"] == pytest.approx(
                    measured["value"], rel=1e-3, abs=1e-3
                )
    wanted = [face["measures"]["yaw"]["value"] for line in direct for face in line.get("faces", [])]
    for place in (f"{tmp_path}/points", "memory://measured/"):
        (album / "c.jpg").unlink(missing_ok=True)
        main(["predict", str(album), "--out", place])
        main(["measure", place, "--out", str(tmp_path / "again.csv"), "--overwrite"])
        yaws = [float(row["yaw"]) for row in rows_of(tmp_path / "again.csv")]
        assert yaws == pytest.approx(wanted, abs=1e-2)


def test_measures_are_converted_to_millimeters(
    album: Path, mean: FaceModel, tmp_path: Path
) -> None:
    for words, out in (([], "px.csv"), (["--mm-per-pixel", "0.25"], "mm.csv")):
        main(["measure", str(album / "a.png"), "--out", str(tmp_path / out), *words])
    (px,), (mm,) = rows_of(tmp_path / "px.csv"), rows_of(tmp_path / "mm.csv")
    assert "inner_canthal_px" not in mm
    for part in ("", "_r"):
        there, here = float(mm[f"inner_canthal_mm{part}"]), float(px[f"inner_canthal_px{part}"])
        assert there == pytest.approx(here / 4, rel=1e-2)
    assert mm["inner_canthal_ratio"] == px["inner_canthal_ratio"]


@pytest.mark.parametrize(
    ("times", "suffix"), [(False, ".jsonl"), (True, ".jsonl"), (False, ".csv"), (True, ".parquet")]
)
def test_blinks_and_yawns_of_a_video(times: bool, suffix: str, tmp_path: Path) -> None:
    lines = clip(tmp_path / "clip.jsonl", times=times)
    if suffix != lines.suffix:
        written = read_faces(lines)
        lines = lines.with_suffix(suffix)
        write_faces(written, lines)
    out, events = tmp_path / "out.csv", tmp_path / "events.csv"
    rate = "100" if times else "10"  # times in the file take precedence over the rate
    main(["measure", str(lines), "--out", str(out), "--events", str(events), "--fps", rate])
    listed = [
        (e["event"], int(e["track"]), int(e["first_frame"]), int(e["last_frame"]))
        for e in rows_of(events)
    ]
    assert listed == [("blink", 4, 8, 10), ("blink", 4, 14, 14), ("yawn", 4, 20, 37)]
    assert [float(e["start"]) for e in rows_of(events)] == pytest.approx([0.8, 1.4, 2], abs=1e-3)
    assert float(rows_of(events)[0]["seconds"]) == pytest.approx(0.3, abs=1e-3)
    rows = rows_of(out)
    assert len(rows) == 40 + LOOKS
    assert {r["blink"] for r in rows if r["track"] == "5"} == {"0"}
    marked = [int(r["frame"]) for r in rows if r["track"] == "4" and r["blink"] == "1"]
    assert marked == [8, 9, 10, 14]
    yawning = [int(r["frame"]) for r in rows if r["track"] == "4" and r["yawn"] == "1"]
    assert yawning == list(range(20, 38))


def test_frames_of_a_folder_are_tracked(
    mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    portrait = data.astronaut()[16:240, 116:340]
    for number in range(4):
        cv2.imwrite(str(folder / f"frame{number}.png"), portrait[..., ::-1])
    main(["measure", str(folder), "--out", str(tmp_path / "out.csv"), "--video", "--fps", "10"])
    rows = rows_of(tmp_path / "out.csv")
    assert [r["time"] for r in rows] == ["0.0", "0.1", "0.2", "0.3"]
    assert len({r["track"] for r in rows}) == 1
    assert {r["blink"] for r in rows} == {""}  # too short to say
    assert "4 images or frames: 4 faces" in capsys.readouterr().err


def test_fifteen_points_leave_blanks_and_print_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face = a_face(MEAN_HEAD[:, :2] * 50 + 100).as_landmarks(KAGGLE_15)
    lines = tmp_path / "faces.jsonl"
    lines.write_text(json_line(record("a.jpg", (200, 200), [face])))
    main(["measure", str(lines), "--out", str(tmp_path / "out.csv")])
    (row,) = rows_of(tmp_path / "out.csv")
    assert row["eye_opening"] == row["philtrum_px_r"] == ""
    assert row["yaw"]
    assert "these points do not give eye_opening_left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "line 1"),
        ("[]", "line 1"),
        ('{"file": "a.jpg"}', "line 1"),
        ('{"file": "a.jpg", "frame": 0, "width": 1, "height": 1, "faces": [{}]}', "line 1"),
    ],
)
def test_lines_that_predict_did_not_write(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, out = tmp_path / "faces.jsonl", tmp_path / "out.csv"
    lines.write_text(text)
    error = fails(["measure", lines, "--out", out], capsys)
    assert message in error
    assert "faces.jsonl" in error
    assert not out.exists()


def test_points_without_a_known_set_and_points_that_are_no_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = LandmarkSet(("a", "b", "c"), mirrorable=False)
    lines, out = tmp_path / "faces.jsonl", tmp_path / "out.csv"
    good = record("a.jpg", (9, 9), [a_face(np.zeros((3, 2)), landmarks=plain)])
    del good["landmarks"]
    lines.write_text(json_line(good))
    assert "3 points without names" in fails(["measure", lines, "--out", out], capsys)
    broken = record("a.jpg", (9, 9), [a_face(MEAN_HEAD[:, :2])])
    broken["faces"][0]["points"][5][1] = float("nan")
    lines.write_text(json.dumps(broken))
    assert "not finite" in fails(["measure", lines, "--out", out], capsys)


@pytest.mark.parametrize(
    "change",
    [
        {"frame": float("inf")},
        {"time": float("nan")},
        {"track": float("inf")},
        {"box": [float("nan")] * 4},
        {"score": float("inf")},
        {"points": [[1e39, 0]] * 68},
    ],
)
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_values_that_are_not_finite_are_refused(
    change: dict[str, Any], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = record("a.jpg", (9, 9), [a_face(MEAN_HEAD[:, :2])])
    (line if change.keys() & {"frame", "time"} else line["faces"][0]).update(change)
    lines, out = tmp_path / "faces.jsonl", tmp_path / name
    lines.write_text(json.dumps(line))
    assert "line 1: expected a record" in fails(["measure", lines, "--out", out], capsys)
    assert not out.exists()


def test_tables_of_points_are_not_taken_for_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "faces.csv", tmp_path / "out.csv"
    table.write_text("file,frame\n")
    assert "expected a table written by facepoints predict" in fails(
        ["measure", table, "--out", out], capsys
    )
    assert not out.exists()


def test_measures_and_events_go_to_two_files(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, same = tmp_path / "out.csv", tmp_path / "album" / ".." / "out.csv"
    words = ["measure", album, "--out", out, "--events", same]
    assert "two outputs would both be" in fails(words, capsys)
    assert not out.exists()


@pytest.mark.parametrize("command", ["predict", "measure"])
def test_a_table_of_boxes_is_not_replaced(
    command: str, album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("file,x,y,w,h\na.png,10,10,80,80\n")
    words = [command, album / "a.png", "--detector", f"boxes:{boxes}", "--out", boxes]
    assert "is an input" in fails(words, capsys)
    assert boxes.read_text().startswith("file,x,y,w,h\na.png")


@pytest.mark.parametrize("words", [["align", "--out"], ["predict", "--draw"]])
def test_a_folder_of_images_does_not_take_the_name_of_an_image(
    words: list[str], album: Path, mean: FaceModel, capsys: pytest.CaptureFixture[str]
) -> None:
    command, option = words
    face = album / "face.png"
    message = fails([command, album / "a.png", option, face], capsys)
    assert "images go to a folder" in message
    assert not face.exists()


def test_invalid_inputs_and_outputs_are_refused(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert ".csv or .jsonl" in fails(["measure", album, "--out", tmp_path / "o.xlsx"], capsys)
    lines = clip(tmp_path / "clip.jsonl", frames=3)
    assert "destroy" in fails(["measure", lines, "--out", lines], capsys)
    assert ".csv" in fails(["measure", album, "--out", out, "--events", tmp_path / "e.txt"], capsys)
    events = ["--events", tmp_path / "e.vtt"]
    for photos in (album, clip(tmp_path / "photo.jsonl", frames=1, track=False)):
        assert "the inputs are photos" in fails(["measure", photos, "--out", out, *events], capsys)
    assert not (tmp_path / "e.vtt").exists()
    assert "positive" in fails(["measure", album, "--out", out, "--mm-per-pixel", "0"], capsys)
    assert "not an image" in fails(
        ["measure", album / "c.jpg", "--out", tmp_path / "n.csv"], capsys
    )
    assert not out.exists()


# align


def test_faces_are_cut_out_upright(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "upright"
    main(["align", str(album), "--out", str(out), "--size", "64"])
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert files == ["a-face1.png", "b-face1.png", "more/a-face1.png"]
    crop = read_image(out / "b-face1.png")
    assert crop.shape == (64, 64, 3)
    np.testing.assert_allclose(crop[32, 32], (100, 100, 200), atol=3)  # the colors are unchanged
    message = capsys.readouterr().err
    assert "4 images or frames: 3 faces, 1 unreadable" in message


def test_cut_out_faces_of_images_with_one_name_have_different_names_and_replace_no_input(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(album / "a.jpg"), np.zeros((100, 100), np.uint8))
    out = tmp_path / "upright"
    main(["align", str(album), "--out", str(out)])
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert files == [
        "a.jpg-face1.png", "a.png-face1.png", "b-face1.png", "more/a-face1.png",
    ]  # fmt: skip
    image = album / "b-face1.png"
    cv2.imwrite(str(image), np.zeros((100, 100), np.uint8))
    before = image.read_bytes()
    assert "is an input, writing there would destroy it" in fails(
        ["align", album, "--out", album], capsys
    )
    assert image.read_bytes() == before


def test_frames_of_a_video_name_frame_and_track(mean: FaceModel, tmp_path: Path) -> None:
    folder, out = tmp_path / "frames", tmp_path / "out"
    folder.mkdir()
    gray = synthetic.render(1, seed=2, size=120).images[0]
    for number in range(2):
        cv2.imwrite(str(folder / f"f{number}.png"), gray)
    words = ["--template", "arcface-112", "--video"]
    main(["align", str(folder), "--out", str(out), *words])
    names = sorted(path.name for path in out.iterdir())
    assert [name.split("-track")[0] for name in names] == ["f0-frame000000", "f1-frame000001"]
    assert read_image(out / names[0]).shape == (112, 112, 3)


def test_align_needs_images(
    album: Path, mean: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = clip(tmp_path / "clip.jsonl", frames=3)
    assert "without images" in fails(["align", lines, "--out", tmp_path / "o"], capsys)
    words = ["align", album, "--out", tmp_path / "o", "--size", "3"]
    assert "8 to 4096" in fails(words, capsys)
    assert "not an image" in fails(["align", album / "c.jpg", "--out", tmp_path / "o"], capsys)


# Both with the built-in model


def test_a_portrait_on_its_side_has_the_same_measures(tmp_path: Path) -> None:
    """The same photo upright and lying on its side gives the same measures and image."""
    photo, lying = tmp_path / "photo.png", tmp_path / "lying.png"
    portrait = data.astronaut()[16:240, 116:340]
    cv2.imwrite(str(photo), portrait[..., ::-1])
    cv2.imwrite(str(lying), np.rot90(portrait, -1)[..., ::-1])  # clockwise
    words = ["--out", str(tmp_path / "out.csv"), "--any-angle"]
    main(["measure", str(photo), str(lying), *words])
    upright, turned = rows_of(tmp_path / "out.csv")
    assert abs(float(upright["roll"])) < 20
    assert float(turned["roll"]) - float(upright["roll"]) == pytest.approx(90, abs=5)
    assert float(turned["yaw"]) == pytest.approx(float(upright["yaw"]), abs=5)
    assert 0.3 < float(upright["inner_canthal_ratio"]) < 0.55
    main(["align", str(photo), str(lying), "--out", str(tmp_path / "upright"), "--any-angle"])
    crops = [read_image(tmp_path / "upright" / f"{n}-face1.png") for n in ("photo", "lying")]
    apart = np.abs(crops[0].astype(float) - crops[1])[64:192, 64:192]
    assert apart.mean() < 12


# the head transform


def test_the_head_transform_is_in_the_table_and_in_the_lines(tmp_path: Path) -> None:
    face = a_face(MEAN_HEAD[:, :2] * 100 + (320, 240))
    (tmp_path / "faces.jsonl").write_text(json_line(record("a.jpg", (480, 640), [face])))
    expected = head_transform(face, (480, 640))
    command = ["measure", str(tmp_path / "faces.jsonl"), "--out"]
    main([*command, str(tmp_path / "out.csv")])
    main([*command, str(tmp_path / "out.jsonl")])
    row = rows_of(tmp_path / "out.csv")[0]
    for i, j in np.ndindex(3, 4):
        assert float(row[f"transform_{i + 1}{j + 1}"]) == pytest.approx(expected[i, j], rel=1e-4)
    line = json.loads((tmp_path / "out.jsonl").read_text())
    np.testing.assert_allclose(line["faces"][0]["head_transform"], expected, rtol=1e-4)
    assert 500 < expected[2, 3] < 620  # outer eye corners of 87 mm on 100 of 640 pixels


def test_the_focal_length_scales_the_distance(tmp_path: Path) -> None:
    face = a_face(MEAN_HEAD[:, :2] * 100 + (320, 240))
    (tmp_path / "faces.jsonl").write_text(json_line(record("a.jpg", (480, 640), [face])))
    for name, option in (("a.csv", []), ("b.csv", ["--focal-length", "1280"])):
        main(["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / name), *option])
    near, far = (float(rows_of(tmp_path / n)[0]["transform_34"]) for n in ("a.csv", "b.csv"))
    assert far == pytest.approx(2 * near, rel=0.02)


def test_points_without_a_pose_have_no_transform(tmp_path: Path) -> None:
    two = LandmarkSet(("a", "b"), mirrorable=False)
    line = record("a.jpg", (9, 9), [a_face(np.ones((2, 2)), landmarks=two)])
    (tmp_path / "faces.jsonl").write_text(json_line(line | {"landmarks": ["a", "b"]}))
    main(["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / "out.csv")])
    main(["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / "out.jsonl")])
    assert rows_of(tmp_path / "out.csv")[0]["transform_11"] == ""
    line = json.loads((tmp_path / "out.jsonl").read_text())
    assert line["faces"][0]["head_transform"] is None


@pytest.mark.parametrize("bad", ["0", "-5", "nan"])
def test_a_focal_length_that_is_not_positive_is_refused(
    bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face = a_face(MEAN_HEAD[:, :2] * 100 + (320, 240))
    (tmp_path / "faces.jsonl").write_text(json_line(record("a.jpg", (480, 640), [face])))
    words = ["measure", tmp_path / "faces.jsonl", "--out", tmp_path / "out.csv"]
    assert "positive number of pixels" in fails([*words, f"--focal-length={bad}"], capsys)
    assert not (tmp_path / "out.csv").exists()


def test_the_summary_counts_events_in_singular_and_plural() -> None:
    kinds = ["blink", "eyes_closed", "yawn", "yawn"]
    events = [SimpleNamespace(event=SimpleNamespace(kind=kind)) for kind in kinds]
    report = MeasureReport(images=1, faces=1, events=events)  # type: ignore[arg-type]
    assert report.summary() == "1 image or frame: 1 face; 1 blink, 1 eye closure, 2 yawns"
    report.events.pop(1)
    assert report.summary().endswith("; 1 blink, 0 eye closures, 2 yawns")
