"""Faces written to a format are read back, as far as the format can hold them."""

from __future__ import annotations

import builtins
import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints._util.text_files import formulas_kept
from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results import FrameResult, read_faces, to_dataframe, write_faces
from facepoints.results.csv_table import table_columns
from facepoints.results.formats import FORMATS
from facepoints.results.jsonl import iter_jsonl
from facepoints.results.records import json_line, result_record

PLAIN = LandmarkSet(("tip", "left_ear", "right_ear"))
ODD = LandmarkSet(("tip_visible", "tip", "x_x"), mirrorable=False)  # as parts of columns are called
MANY = LandmarkSet(tuple(f"p{n}" for n in range(97)), mirrorable=False)  # no real set has so many

NUMBERED = [IBUG_68, KAGGLE_15, OPENPOSE_70]

FLOAT = st.floats(-5000, 5000, width=32)
SIZE = st.floats(0, 5000, width=32)


@st.composite
def faces(draw: Callable, landmarks: LandmarkSet) -> Face:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    points = rng.uniform(-3000, 3000, (len(landmarks), 2)).astype(np.float32)
    points[0] = draw(FLOAT), draw(FLOAT)
    radius = rng.uniform(0, 300, len(landmarks)).astype(np.float32)
    box = (draw(FLOAT), draw(FLOAT), draw(SIZE), draw(SIZE))
    track_id = draw(st.none() | st.integers(0, 10**6))
    visible = None
    if draw(st.booleans()):
        visible = rng.uniform(0, 1, len(landmarks)).astype(np.float32)
        visible[-1] = draw(st.sampled_from([0, 0.5, 1]))
    score = draw(st.floats(0, 1, width=32))
    return Face(box, score, points, radius, landmarks, track_id, visible)


@st.composite
def results(draw: Callable) -> list[FrameResult]:
    """Images, frames of a video and unreadable files, with the same points everywhere."""
    landmarks = draw(st.sampled_from([IBUG_68, KAGGLE_15, OPENPOSE_70, PLAIN, MANY, ODD]))
    listed = []
    for number in range(draw(st.integers(0, 4))):
        file = draw(st.sampled_from(["a.jpg", "sub/ü, b.png", 'c "d".webp']))
        if draw(st.integers(0, 5)) == 0:
            listed.append(FrameResult(file, error=f"{file} is damaged"))
            continue
        some = draw(st.lists(faces(landmarks), max_size=3))
        time = draw(st.none() | st.integers(0, 10**6).map(lambda n: n / 1000))
        listed.append(FrameResult(file, some, (480, 640), number, time))
    return listed


def read_back(listed: list[FrameResult], name: str) -> list[FrameResult]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_faces(listed, path)
        return read_faces(path)


def same_faces(one: list[Face], other: list[Face]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.radius, b.radius)
        numbers = np.array([[*a.box, a.score], [*b.box, b.score]], dtype=np.float32)
        np.testing.assert_array_equal(*numbers)
        assert a.track_id == b.track_id
        assert a.landmarks.names == b.landmarks.names
        assert (a.visible is None) == (b.visible is None)
        if a.visible is not None and b.visible is not None:
            assert b.visible.dtype == np.float32
            np.testing.assert_allclose(b.visible, a.visible, atol=0.00501)
        assert a == b
        if a.landmarks in (IBUG_68, KAGGLE_15, OPENPOSE_70):
            assert b.landmarks == a.landmarks  # with eyes and edges


@settings(max_examples=60, deadline=None)
@given(results())
def test_json_lines_hold_everything(listed: list[FrameResult]) -> None:
    again = read_back(listed, "faces.jsonl")
    assert len(again) == len(listed)
    for a, b in zip(listed, again, strict=True):
        same_faces(a.faces, b.faces)
        assert (a.file, a.size, a.frame, a.time, a.error) == (
            b.file,
            b.size,
            b.frame,
            b.time,
            b.error,
        )


@settings(max_examples=60, deadline=None)
@given(results())
def test_a_table_holds_the_faces_with_file_and_frame(listed: list[FrameResult]) -> None:
    again = read_back(listed, "faces.csv")
    with_faces = [result for result in listed if result.faces]
    assert [(r.file, r.frame) for r in again] == [(r.file, r.frame) for r in with_faces]
    for a, b in zip(with_faces, again, strict=True):
        same_faces(a.faces, b.faces)
        assert (b.size, b.time) == ((0, 0), a.time)


@settings(max_examples=60, deadline=None)
@given(results())
def test_coco_holds_all_but_times(listed: list[FrameResult]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "faces.json"
        named = [replace(r, file=str(Path(folder) / r.file)) for r in listed]
        write_faces(named, path)
        again = read_faces(path)
    readable = [result for result in named if not result.error]
    unreadable = [result for result in named if result.error]
    assert [(r.file, r.error) for r in again[len(readable) :]] == [
        (r.file, r.error) for r in unreadable
    ]
    for a, b in zip(readable, again[: len(readable)], strict=True):
        same_faces(a.faces, b.faces)
        assert (a.file, a.size, a.frame) == (b.file, b.size, b.frame)
        assert b.time is None


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NUMBERED).flatmap(lambda s: st.lists(faces(s), min_size=1)))
def test_pts_hold_the_points_of_every_face(listed: list[Face]) -> None:
    images = [FrameResult("a.jpg", listed[:2]), FrameResult("b.jpg", listed[2:])]
    again = read_back(images, "points")
    kept = [image for image in images if image.faces]
    assert [Path(r.file).name for r in again] == [Path(r.file).stem for r in kept]
    for a, b in zip(kept, again, strict=True):
        assert len(a.faces) == len(b.faces)
        for one, other in zip(a.faces, b.faces, strict=True):
            np.testing.assert_allclose(one.points, other.points, atol=1e-3)
            # the format names no points; 68 are iBUG's, 70 OpenPose's
            numbers = LandmarkSet(tuple(map(str, range(15))), mirrorable=False)
            known = {68: IBUG_68, 70: OPENPOSE_70}
            assert other.landmarks == known.get(len(one.points), numbers)
            assert (other.score, other.track_id, other.visible) == (1.0, None, None)
            assert not other.radius.any()  # the points count as exact
            np.testing.assert_allclose(other.box[:2], other.points.min(axis=0))
            np.testing.assert_allclose(other.box[2:], np.ptp(other.points, axis=0))


def a_face(landmarks: LandmarkSet = PLAIN, **changes: Any) -> Face:
    k = len(landmarks)
    points = np.arange(2 * k, dtype=np.float32).reshape(k, 2)
    return replace(Face((0, 0, 5, 5), 0.5, points, np.ones(k, np.float32), landmarks), **changes)


def test_one_pts_file_is_one_face(tmp_path: Path) -> None:
    write_faces([FrameResult("a.jpg", [a_face(MANY)])], tmp_path / "a.pts")
    (again,) = read_faces(str(tmp_path / "a.pts"))
    assert again.file == str(tmp_path / "a")
    np.testing.assert_array_equal(again.faces[0].points, a_face(MANY).points)
    assert again.faces[0].landmarks.names[:2] == ("0", "1")  # the format has no names


def test_faces_of_pts_files_belong_to_their_image_only_in_an_unbroken_series(
    tmp_path: Path,
) -> None:
    for name in ("a", "a.2", "a.3", "b.2", "c", "c.3"):
        write_faces([FrameResult("x", [a_face(KAGGLE_15)])], tmp_path / f"{name}.pts")
    again = {Path(r.file).name: len(r.faces) for r in read_faces(tmp_path)}
    assert again == {"a": 3, "b.2": 1, "c": 1, "c.3": 1}


def test_pts_with_unlabelled_points_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 2\n{\n1 2\nnan nan\n}\n")
    with pytest.raises(DataError, match="needs all its points"):
        read_faces(tmp_path)


def test_lines_name_a_known_set_or_list_the_points() -> None:
    def named(landmarks: LandmarkSet) -> object:
        return json.loads(json_line(result_record(FrameResult("a", [a_face(landmarks)]))))[
            "landmarks"
        ]

    assert named(IBUG_68) == "ibug-68"
    assert named(KAGGLE_15) == "kaggle-15"
    assert named(PLAIN) == list(PLAIN.names)
    backwards = IBUG_68.subset(IBUG_68.names[::-1])
    assert named(backwards) == list(backwards.names)  # the name would mean another order


def test_lines_without_names_of_points_go_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    for landmarks in (IBUG_68, KAGGLE_15):
        line = result_record(FrameResult("a.jpg", [a_face(landmarks)], (9, 9)))
        del line["landmarks"]
        path.write_text(json_line(line))
        assert read_faces(path)[0].faces[0].landmarks == landmarks
    line = result_record(FrameResult("a.jpg", [a_face(PLAIN)], (9, 9)))
    del line["landmarks"]
    path.write_text(json_line(line))
    with pytest.raises(DataError, match="line 1: 3 points without names"):
        read_faces(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("ibug-67", "unknown landmark set 'ibug-67'"),
        (7, "expected a landmark set"),
        (["a"], "line 1.*3 points for 1 names"),
    ],
)
def test_landmarks_of_a_line_that_do_not_fit(value: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    line = result_record(FrameResult("a.jpg", [a_face()], (9, 9))) | {"landmarks": value}
    path.write_text(json_line(line))
    with pytest.raises(DataError, match=message):
        read_faces(path)


def test_several_videos_of_one_file_are_told_apart(tmp_path: Path) -> None:
    frames = [FrameResult(file, [], (4, 4), n, n / 10) for file in "ab" for n in range(3)]
    write_faces(frames, tmp_path / "a.jsonl")
    videos = [result.video for result in read_faces(tmp_path / "a.jsonl")]
    assert len(set(videos[:3])) == len(set(videos[3:])) == 1
    assert videos[0] != videos[3]


def test_frames_without_times_get_them_from_the_frame_rate(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    write_faces([FrameResult("a.mp4", [a_face(track_id=1)], (9, 9), n) for n in (0, 5)], path)
    assert [r.time for r in iter_jsonl(path, fps=10)] == [0.0, 0.5]
    assert [r.time for r in read_faces(path)] == [None, None]


@pytest.mark.parametrize("name", ["faces.csv", "faces.json", "faces.jsonl", "points"])
def test_damaged_files_are_one_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(DataError):
        read_faces(path)
    write_faces([FrameResult("a.jpg", [a_face(), a_face()], (9, 9))], path)
    file = path if path.is_file() else path / "a.pts"
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\xff\xfe\x00", b"[]", b"a,b\n1,2\n"):
        file.write_bytes(damaged)
        if name.endswith(".jsonl") and not damaged:
            assert read_faces(path) == []
            continue
        with pytest.raises(DataError):
            read_faces(path)


def test_labels_in_coco_are_not_predictions(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match="load_dataset"):
        read_faces(tmp_path / "labels.json")


def test_faces_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    with pytest.raises(DataError, match=r"of \d+ and \d+ points"):
        write_faces([FrameResult("a", [a_face(IBUG_68), a_face(KAGGLE_15)])], path)
    with pytest.raises(DataError, match="not finite"):
        write_faces([FrameResult("a", [a_face(radius=np.full(3, np.nan, np.float32))])], path)
    with pytest.raises(SettingsError, match="no format"):
        write_faces([], tmp_path / "faces.yaml")
    assert not path.exists()


def test_every_suffix_belongs_to_one_format_unless_its_name_is_given() -> None:
    chosen = [each for each in FORMATS.values() if not each.by_name]
    suffixes = [suffix for each in chosen for suffix in each.suffixes]
    assert len(set(suffixes)) == len(suffixes)


def test_a_dataframe_has_the_rows_of_the_table() -> None:
    pytest.importorskip("pandas")
    listed = [
        FrameResult("a.jpg", [a_face(), a_face(track_id=4)]),
        FrameResult("b.jpg", error="no image"),
        FrameResult("c.mp4", [a_face()], frame=7),
    ]
    table = to_dataframe(listed)
    assert list(table.columns) == table_columns(PLAIN)
    assert table["file"].tolist() == ["a.jpg", "a.jpg", "c.mp4"]
    assert table["face"].tolist() == [0, 1, 0]
    assert table["frame"].tolist() == [0, 0, 7]
    assert table["track"].isna().tolist() == [True, False, True]
    assert table["track"].tolist()[1:2] == [4]
    np.testing.assert_array_equal(table["right_ear_y"], [5, 5, 5])


def test_a_dataframe_of_plain_faces_or_of_none() -> None:
    pytest.importorskip("pandas")
    table = to_dataframe([a_face(), a_face()])
    assert table["file"].tolist() == ["", ""]
    assert table["face"].tolist() == [0, 1]
    assert to_dataframe([]).empty


def test_without_pandas_the_error_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match="install it with: pip install pandas"):
        to_dataframe([a_face()])


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".json"])
@pytest.mark.parametrize(
    "landmarks",
    [
        KAGGLE_15,
        LandmarkSet(("l", "r", "n"), eyes=("l", "r"), edges=(("l", "n"),), mirrorable=False),
    ],
)
def test_a_face_with_all_its_digits_equals_itself_after_writing_and_reading(
    landmarks: LandmarkSet, suffix: str, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    x, y, width, height, score = random.uniform(0.1, 0.9, 5).tolist()  # float64, as predicted
    points = random.uniform(0, 99, (len(landmarks), 2)).astype(np.float32)
    radius = random.uniform(1, 9, len(landmarks)).astype(np.float32)
    face = Face((x, y, width, height), score, points, radius, landmarks, np.int64(3))  # type: ignore[arg-type]
    name = 'a\rb,"c"\n.jpg'
    out = tmp_path / f"faces{suffix}"
    write_faces([FrameResult(name, [face], (9, 9), frame=2)], out)
    (result,) = read_faces(out)
    assert result.faces == [face]
    assert result.faces[0].to_dict() == face.to_dict()
    if suffix != ".json":  # COCO names files relative to its folder
        assert result.file == name


def seen(*visible: float) -> Face:
    """A face of three points with this visibility."""
    return a_face(visible=np.array(visible, np.float32))


def test_the_table_has_a_column_of_visibility_after_each_radius(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    write_faces([FrameResult("a.jpg", [seen(0.5, 1, 0.123), a_face()], (9, 9))], path)
    header, first, second = path.read_text().splitlines()
    assert header.split(",")[9:17] == [
        *("tip_x", "tip_y", "tip_r", "tip_visible"),
        *("left_ear_x", "left_ear_y", "left_ear_r", "left_ear_visible"),
    ]
    assert first.split(",")[12::4] == ["0.5", "1.0", "0.12"]
    assert second.split(",")[12::4] == ["", "", ""]
    (result,) = read_faces(path)
    assert result.faces == [seen(0.5, 1, 0.12), a_face()]
    write_faces([FrameResult("a.jpg", [a_face()], (9, 9))], path)
    assert "visible" not in path.read_text()


def test_the_flags_of_coco_say_which_points_are_hidden(tmp_path: Path) -> None:
    path = tmp_path / "faces.json"
    listed = [seen(0.5, 1, 0.494), seen(0.9, 0.8, 0.7), a_face()]
    write_faces([FrameResult("a.jpg", listed, (9, 9))], path)
    content = json.loads(path.read_text())
    flags = [annotation["keypoints"][2::3] for annotation in content["annotations"]]
    assert flags == [[2, 2, 1], [2, 2, 2], [2, 2, 2]]
    assert [a["num_keypoints"] for a in content["annotations"]] == [3, 3, 3]
    assert read_faces(path)[0].faces == listed
    for annotation in content["annotations"]:  # as another program may write it
        annotation.pop("visible", None)
    path.write_text(json.dumps(content))
    assert read_faces(path)[0].faces == [seen(1, 1, 0), a_face(), a_face()]


@pytest.mark.parametrize("name", ["faces.jsonl", "faces.json"])
@pytest.mark.parametrize("visible", [[1, 1], [1, 1, 1.5], [1, 1, "a"], [1, 1, None], 1, [-1, 0, 0]])
def test_a_visibility_that_does_not_fit_is_refused(
    name: str, visible: object, tmp_path: Path
) -> None:
    path = tmp_path / name
    write_faces([FrameResult("a.jpg", [seen(1, 1, 0.25)], (9, 9))], path)
    path.write_text(path.read_text().replace("[1.0, 1.0, 0.25]", json.dumps(visible)))
    with pytest.raises(DataError, match="expected a"):
        read_faces(path)


@pytest.mark.parametrize("cell", ["", "1.5", "x"])
def test_a_cell_of_visibility_that_does_not_fit_is_refused(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    write_faces([FrameResult("a.jpg", [seen(1, 1, 0.25)], (9, 9))], path)
    path.write_text(path.read_text().replace("0.25", cell))
    with pytest.raises(DataError, match="line 2: expected a row"):
        read_faces(path)


def test_a_dataframe_has_the_visibility_if_it_is_known() -> None:
    pytest.importorskip("pandas")
    table = to_dataframe([seen(0, 0.5, 1), a_face()])
    assert list(table.columns) == table_columns(PLAIN, visible=True)
    assert table["left_ear_visible"].tolist()[0] == 0.5
    assert table["left_ear_visible"].isna().tolist() == [False, True]
    assert "left_ear_visible" not in to_dataframe([a_face()]).columns


HOSTILE = ["=cmd|' /C calc'!A0.jpg", "+1.jpg", "-x.jpg", "@SUM(A1).jpg", "\t=1", "\r=1", "'=1"]


def test_names_that_a_spreadsheet_would_run_are_harmless_and_come_back(tmp_path: Path) -> None:
    names = ("=1+1", "@tip", "\rchin")
    face = replace(a_face(), landmarks=LandmarkSet(names))
    path = tmp_path / "faces.csv"
    write_faces([FrameResult(name, [face], (9, 9)) for name in HOSTILE], path)
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert [row[0] for row in rows] == [f"'{name}" for name in HOSTILE]
    assert header[9::3] == [f"'{name}_x" for name in names]
    assert not any(cell[0] in "=@\t\r" for row in [header, *rows] for cell in row if cell)
    results = read_faces(path)
    assert [result.file for result in results] == HOSTILE
    assert results[0].faces == [face]
    with formulas_kept():
        write_faces([FrameResult("=1+1", [a_face()], (9, 9))], path)
    assert path.read_text().splitlines()[1].startswith("=1+1,")


def test_visibility_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not finite"):
        write_faces([FrameResult("a", [seen(1, np.nan, 1)])], tmp_path / "faces.jsonl")
