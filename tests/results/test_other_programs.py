"""Files for other programs: tables of OpenFace 2, and dlib's imglab."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from acting import acted
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.cli.predict import FormatName
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.expressions import Neutral, expressions
from facepoints.measurement.gaze_factors import OFFSET
from facepoints.measurement.head_position import MM_PER_UNIT, project
from facepoints.results.formats import FORMATS, format_of
from facepoints.results.openface import euler_angles, openface_columns
from facepoints.results.openface_units import ACTION_UNITS
from facepoints.results.records import FrameResult

SIZE = (480, 640)
BOX = "<box top='1' left='1' width='9' height='9'>"
OPEN = f"<dataset><image file='a'>{BOX}"
PLACE = np.array([40.0, -25.0, 700.0])  # millimeters


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """Rx Ry Rz of angles in degrees, as OpenFace composes them."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(np.deg2rad([x, y, z])), np.cos(np.deg2rad([x, y, z]))
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rx @ ry @ rz


def head(angles: tuple[float, float, float], track: int | None = None) -> Face:
    """The mean head whose middle is at `PLACE`, as a camera with a lens of 53 degrees sees it."""
    shape = MEAN_HEAD * (1, 1, -1) * MM_PER_UNIT
    there = (shape - shape.mean(axis=0)) @ rotation(*angles).T + PLACE
    points = project(there, SIZE).astype(np.float32)
    radius = np.ones(68, np.float32)
    return Face(affine.bounding_box(points), 0.9, points, radius, IBUG_68, track)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, -25, 5), (-12, 30, -20)])
def test_position_and_rotation_of_the_head_are_those_of_openface(
    angles: tuple[float, float, float], tmp_path: Path
) -> None:
    result = FrameResult("a.mp4", [head(angles, 4)], SIZE, frame=6, time=0.2, video="a.mp4")
    facepoints.write_faces([result], tmp_path / "o.csv", "openface")
    (row,) = table(tmp_path / "o.csv")
    assert list(row) == openface_columns()
    assert list(row)[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert [row[name] for name in list(row)[:5]] == ["7", "4", "0.2", "0.9", "1"]
    turn = [math.degrees(float(row[f"pose_R{axis}"])) for axis in "xyz"]
    assert turn == pytest.approx(angles, abs=0.6)
    place = [float(row[f"pose_T{axis}"]) for axis in "xyz"]
    assert place == pytest.approx(PLACE, abs=6)
    assert float(row["x_30"]) == pytest.approx(result.faces[0].points[30, 0], abs=1e-3)
    assert float(row["y_67"]) == pytest.approx(result.faces[0].points[67, 1], abs=1e-3)
    assert row["file"] == "a.mp4"


def looking(place: tuple[float, float], eyes: tuple[str, ...] = ("right", "left")) -> FrameResult:
    """A frontal face at a place in the image, whose eyes look at the camera; `eyes` are seen."""
    unit = 200.0
    points = MEAN_HEAD[:, :2] * unit + place
    image = np.full((*SIZE, 3), 140, np.uint8)
    for sign, side in ((-1.0, "right"), (1.0, "left")):
        outline = points[IBUG_68.columns(IBUG_68.regions[f"{side}_eye"])]
        ends = [points[IBUG_68.names.index(f"{side}_eye_{e}_corner")] for e in ("inner", "outer")]
        center = np.mean(ends, axis=0) + np.array(OFFSET)[:2] * (sign, 1) * unit / MM_PER_UNIT
        inside = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 255)
        y, x = np.indices(SIZE)
        iris = np.hypot(x - center[0], y - center[1]) < 5.85 * unit / MM_PER_UNIT
        image[inside > 0] = 225
        image[(inside > 0) & iris] = 50
    visible = np.ones(68, np.float32)
    for side in {"right", "left"} - set(eyes):
        visible[list(IBUG_68.columns(IBUG_68.regions[f"{side}_eye"]))] = 0
    found = points.astype(np.float32)
    face = Face(affine.bounding_box(found), 0.9, found, np.ones(68, np.float32), IBUG_68,
                visible=visible)  # fmt: skip
    return FrameResult("a.jpg", [face], SIZE, image=image)


def test_the_gaze_is_in_the_axes_of_the_camera_as_in_openface(tmp_path: Path) -> None:
    """Eyes that look at the camera from the right of the image look to the left and ahead."""
    for place, (x, y) in (((319.5, 239.5), (0, 0)), ((480.0, 150.0), (160.5, -89.5))):
        facepoints.write_faces([looking(place)], tmp_path / "o.csv", "openface")
        (row,) = table(tmp_path / "o.csv")
        toward = -np.array([x, y, 640]) / np.linalg.norm([x, y, 640])
        for eye in (0, 1):
            vector = np.array([float(row[f"gaze_{eye}_{axis}"]) for axis in "xyz"])
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
            assert math.degrees(math.acos(min(1.0, vector @ toward))) < 9
        angles = [float(row[f"gaze_angle_{axis}"]) for axis in "xy"]
        assert angles[0] == pytest.approx(-math.atan(x / 640), abs=math.radians(5))
        assert angles[1] == pytest.approx(-math.atan(y / 640), abs=math.radians(8))


def test_the_gaze_is_blank_where_it_is_not_known(tmp_path: Path) -> None:
    result = looking((319.5, 239.5), ("left",))
    facepoints.write_faces([result], tmp_path / "o.csv", "openface")
    (row,) = table(tmp_path / "o.csv")
    assert [row[f"gaze_0_{axis}"] for axis in "xyz"] == ["", "", ""]
    assert float(row["gaze_1_z"]) < -0.9
    assert abs(float(row["gaze_angle_x"])) < 0.15
    facepoints.write_faces([replace(result, image=None)], tmp_path / "o.csv", "openface")
    (row,) = table(tmp_path / "o.csv")
    assert {row[name] for name in row if name.startswith("gaze")} == {""}
    assert row["pose_Rx"]


def test_predict_writes_the_gaze_of_photos_and_videos(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), np.ascontiguousarray(data.astronaut()[..., ::-1]))
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(3):
        (frames / f"{number:03}.png").write_bytes(photo.read_bytes())
    for given, more in ((photo, []), (frames, ["--video"])):
        out = tmp_path / f"{given.name}.csv"
        main(["predict", str(given), "--out", str(out), "--format", "openface", *more])
        for row in table(out):
            assert abs(float(row["gaze_angle_x"])) < 0.5
            assert float(row["gaze_0_z"]) < -0.8


def test_closed_eyes_have_no_gaze_and_show_in_the_action_unit(tmp_path: Path) -> None:
    """The table of OpenFace agrees with that of measure, in photos and in videos."""
    photo = np.ascontiguousarray(data.astronaut()[20:240, 100:330])
    face = facepoints.load(threads=1)(photo)[0]
    closed = acted(photo, face.as_landmarks(IBUG_68).points, closed=1.0)
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, image in enumerate([photo, closed, photo]):
        cv2.imwrite(str(frames / f"{number}.png"), image[..., ::-1])
    for more in ([], ["--video"]):
        out, measures = tmp_path / f"o{len(more)}.csv", tmp_path / f"m{len(more)}.csv"
        main(["predict", str(frames), "--out", str(out), "--format", "openface", *more])
        main(["measure", str(frames), "--out", str(measures), "--expressions", *more])
        rows, measured = table(out), table(measures)
        assert [row["gaze_angle_x"] != "" for row in rows] == [True, False, True]
        assert [row["gaze_yaw"] != "" for row in measured] == [True, False, True]
        assert float(rows[1]["AU45_r"]) > float(rows[0]["AU45_r"]) + 2
        for row, one in zip(rows, measured, strict=True):
            blink = (float(one["eyeBlinkLeft"]) + float(one["eyeBlinkRight"])) / 2
            assert float(row["AU45_r"]) == pytest.approx(5 * blink, abs=0.02)


def test_euler_angles_undo_the_rotation() -> None:
    for angles in [(0, 0, 0), (20, -70, 40), (-80, 5, 170)]:
        back = np.rad2deg(euler_angles(rotation(*angles)))
        np.testing.assert_allclose(rotation(*back), rotation(*angles), atol=1e-9)


def test_a_table_of_openface_is_read_back(tmp_path: Path) -> None:
    results = [
        FrameResult("a.mp4", [head((0, 0, 0), 0), head((0, 20, 0), 3)], SIZE, 0, 0.0, "a.mp4"),
        FrameResult("a.mp4", [], SIZE, 1, 0.04, "a.mp4"),
        FrameResult("a.mp4", [head((5, 0, 0), 3)], SIZE, 2, 0.08, "a.mp4"),
        FrameResult("b.jpg", [head((0, 0, 9))], SIZE),
    ]
    facepoints.write_faces(results, tmp_path / "o.csv", "openface")
    back = facepoints.read_faces(tmp_path / "o.csv")
    assert [(r.file, r.frame, r.time) for r in back] == [
        ("a.mp4", 0, 0.0),
        ("a.mp4", 2, 0.08),
        ("b.jpg", 0, None),
    ]
    assert [[f.track_id for f in r.faces] for r in back] == [[0, 3], [3], [None]]
    np.testing.assert_array_equal(back[0].faces[1].points, results[0].faces[1].points)
    assert back[2].faces[0].score == pytest.approx(0.9)


def test_tables_that_openface_wrote_are_read(tmp_path: Path) -> None:
    """Its names have spaces in front; a lost face has a success of 0; images have no frame."""
    head_ = ", ".join(["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x"])
    points = ", ".join(f"{axis}_{n}" for axis in "xy" for n in range(68))
    numbers = ", ".join(str(n) for n in range(136))
    (tmp_path / "v.csv").write_text(
        f"{head_}, {points}\n1, 0, 0.000, 0.98, 1, 0.1, {numbers}\n2, 0, 0.033, 0.0, 0, 0, "
        f"{', '.join('0' * 136)}\n"
    )
    (result,) = facepoints.read_faces(tmp_path / "v.csv")
    assert (result.frame, result.time, result.faces[0].track_id) == (0, 0.0, 0)
    assert result.faces[0].points[5].tolist() == [5.0, 73.0]
    assert result.file == str(tmp_path / "v.csv")
    (tmp_path / "i.csv").write_text(f"face, confidence, {points}\n0, 0.9, {numbers}\n")
    (image,) = facepoints.read_faces(tmp_path / "i.csv")
    assert (image.time, image.faces[0].track_id) == (None, None)
    (tmp_path / "w.csv").write_text(f"face, confidence, {points}\n0, high, {numbers}\n")
    with pytest.raises(DataError, match=r"w\.csv, line 2: could not convert"):
        facepoints.read_faces(tmp_path / "w.csv")


def test_faces_of_other_points_cannot_become_a_table_of_openface(tmp_path: Path) -> None:
    face = head((0, 0, 0)).as_landmarks(KAGGLE_15)
    with pytest.raises(DataError):
        facepoints.write_faces([FrameResult("a", [face], SIZE)], tmp_path / "o.csv", "openface")
    assert not (tmp_path / "o.csv").exists()


def test_imglab_has_the_68_parts_as_whole_numbers(tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "a & b.png"
    face = head((0, 10, 0))
    results = [FrameResult(str(photo), [face], SIZE), FrameResult("no.png", [], SIZE)]
    facepoints.write_faces(results, tmp_path / "o.xml")
    text = (tmp_path / "o.xml").read_text("utf-8")
    assert "file=\"photos/a &amp; b.png\" width='640' height='480'" in text
    assert text.count("<part ") == 68
    assert f"<part name=\"30\" x='{round(float(face.points[30, 0]))}'" in text
    back = facepoints.read_faces(tmp_path / "o.xml")
    assert [(r.file, r.size, len(r.faces)) for r in back] == [
        ("photos/a & b.png", SIZE, 1),
        (os.path.relpath("no.png", tmp_path), SIZE, 0),
    ]
    np.testing.assert_array_equal(back[0].faces[0].points, np.rint(face.points))
    assert back[0].faces[0].landmarks is IBUG_68
    x, y, width, height = face.box
    box = back[0].faces[0].box
    assert box[:2] == pytest.approx((x, y), abs=1)
    assert box[2:] == pytest.approx((width, height), abs=2)


def test_imglab_of_other_points_keeps_their_names(tmp_path: Path) -> None:
    points = np.array([[10, 20], [30, 40]], np.float32)
    own = LandmarkSet(("tip", "base"), mirrorable=False)
    face = Face((10, 20, 20, 20), 1.0, points, np.zeros(2, np.float32), own)
    facepoints.write_faces([FrameResult("a.png", [face], SIZE)], tmp_path / "o.xml")
    (result,) = facepoints.read_faces(tmp_path / "o.xml")
    assert result.faces[0]["tip"].tolist() == [10, 20]
    assert result.faces[0]["base"].tolist() == [30, 40]


def test_damaged_imglab_files(tmp_path: Path) -> None:
    path = tmp_path / "o.xml"
    for text, reason in [
        ("<dataset><images>", "damaged XML"),
        ("<dataset><images></images></dataset>", "no <image>"),
        ("<dataset><image file='a'><box top='x'/></image></dataset>", "expected a number left"),
        (f"{OPEN}</box></image></dataset>", "a box has no parts"),
        (f"{OPEN}<part name='1' x='1' y='2'/></box>{BOX}</box></image></dataset>", "has no parts"),
        (
            f"{OPEN}<part name='1' x='1' y='2'/></box>{BOX}<part name='2' x='1' y='2'/></box>"
            "</image></dataset>",
            "others have 1",
        ),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=reason):
            facepoints.read_faces(path)


def test_the_same_from_the_command_line(tmp_path: Path) -> None:
    import cv2

    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), data.astronaut()[..., ::-1])
    main(["predict", str(photo), "--out", str(tmp_path / "o.csv"), "--format", "openface"])
    main(["predict", str(photo), "--out", str(tmp_path / "o.xml")])
    main(["predict", str(photo), "--out", str(tmp_path / "o.jsonl")])
    (line,) = (tmp_path / "o.jsonl").read_text().splitlines()
    points = np.array(json.loads(line)["faces"][0]["points"])[:68]
    (row,) = table(tmp_path / "o.csv")
    assert [float(row["x_8"]), float(row["y_8"])] == points[8].tolist()
    assert row["timestamp"] == ""
    (xml,) = facepoints.read_faces(tmp_path / "o.xml")
    np.testing.assert_array_equal(xml.faces[0].points, np.rint(points))
    # the training reader takes the file, too
    samples = facepoints.load_dataset([tmp_path / "o.xml"])
    assert samples.landmarks.names == IBUG_68.names


def test_formats_by_name(tmp_path: Path) -> None:
    assert get_args(FormatName) == tuple(FORMATS)
    assert format_of(Path("a.csv")) == "csv"
    assert format_of(Path("a.csv"), "openface") == "openface"
    assert format_of(tmp_path, "pts") == "pts"
    for path, name in [("a.json", "openface"), ("a", "csv"), ("a.csv", "vrml")]:
        with pytest.raises(SettingsError):
            format_of(Path(path), name)
    with pytest.raises(SystemExit):
        main(["predict", "a.mp4", "--out", str(tmp_path / "o.txt"), "--format", "openface"])


def test_seventy_points_become_the_68(tmp_path: Path) -> None:
    face = head((0, 0, 0))
    eyes = [face.points[36:42].mean(axis=0), face.points[42:48].mean(axis=0)]
    points = np.concatenate([face.points, eyes]).astype(np.float32)
    whole = Face(face.box, 0.9, points, np.ones(70, np.float32), OPENPOSE_70)
    facepoints.write_faces([FrameResult("a", [whole], SIZE)], tmp_path / "o.csv", "openface")
    (back,) = facepoints.read_faces(tmp_path / "o.csv")
    np.testing.assert_array_equal(back.faces[0].points, face.points)


def test_action_units_are_those_of_the_coefficients(tmp_path: Path) -> None:
    """A person of a video who opens the mouth: the intensity is 5 times the coefficient."""
    at_rest = projected_head(MEAN_HEAD)
    wide = MEAN_HEAD.copy()
    wide[[55, 56, 57, 58, 59, 65, 66, 67], 1] += 0.2
    wide[[7, 8, 9], 1] += 0.14
    wide[[48, 54, 60, 64], 1] += 0.066
    faces = [at_rest] * 6 + [projected_head(wide)] * 3
    results = [
        FrameResult("a.mp4", [replace(face, track_id=4)], SIZE, frame=n, time=n / 25, video="a.mp4")
        for n, face in enumerate(faces)
    ]
    facepoints.write_faces(results, tmp_path / "o.csv", "openface")
    rows = table(tmp_path / "o.csv")
    units = [name for name in rows[0] if name.startswith("AU")]
    assert units == list(ACTION_UNITS)
    assert all(0 <= float(row[name]) <= 5 for row in rows for name in units)
    assert [float(row["AU26_r"]) for row in rows[:6]] == [0] * 6
    jaw = expressions(faces[-1], Neutral.of_video(faces))["jawOpen"].value
    assert float(rows[-1]["AU26_r"]) == pytest.approx(5 * jaw, abs=0.01)
    assert 2 < float(rows[-1]["AU26_r"]) < 5
    assert all(float(rows[-1][name]) < 1.5 for name in units if name != "AU26_r")


def projected_head(head: NDArray[np.float64]) -> Face:
    points = (head[:, :2] * 90 + (300, 200)).astype(np.float32)
    return Face(affine.bounding_box(points), 0.9, points, np.full(68, 0.4, np.float32), IBUG_68)


def test_action_units_of_a_face_that_is_turned_away_are_blank(tmp_path: Path) -> None:
    turn = cv2.Rodrigues(np.array([0, np.deg2rad(70), 0.0]))[0]
    result = FrameResult("a.jpg", [projected_head(MEAN_HEAD @ turn.T)], SIZE)
    facepoints.write_faces([result], tmp_path / "o.csv", "openface")
    (row,) = table(tmp_path / "o.csv")
    assert {row[name] for name in ACTION_UNITS} == {""}
    assert row["pose_Rx"]
