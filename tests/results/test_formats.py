"""Faces as files of each format, read back by readers and by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path, PurePath

import cv2
import numpy as np
import pytest

from facepoints._util.files import unique_names
from facepoints.datasets import readers
from facepoints.datasets.readers.pts import parse_pts
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results import records
from facepoints.results.formats import FORMATS, format_of, read_faces
from facepoints.results.records import Record, error_record, record

NOSE = LandmarkSet(("nose",))
PAIR = LandmarkSet(("left_eye", "right_eye"), edges=(("left_eye", "right_eye"),))


def face(landmarks: LandmarkSet, seed: int = 0, track: int | None = None) -> Face:
    rng = np.random.default_rng(seed)
    points = rng.uniform(5, 55, (len(landmarks), 2)).astype(np.float32)
    radius = rng.uniform(0.5, 9, len(landmarks)).astype(np.float32)
    return Face((1.5, 2.5, 30.25, 40.0), 0.1 * seed + 0.5, points, radius, landmarks, track)


def album(landmarks: LandmarkSet) -> list[Record]:
    """An image with two faces, a damaged one, one without a face, one with a face."""
    return [
        record("photos/a.png", (48, 64), [face(landmarks), face(landmarks, 1, track=7)]),
        error_record("photos/b.png", 'photos/b.png is "damaged"'),
        record("photos/c.png", (10, 20), []),
        record("photos/sub/a.png", (48, 64), [face(landmarks, 2)], frame=5),
    ]


def written(format: str, records: list[Record], landmarks: LandmarkSet, out: Path) -> Path:
    FORMATS[format].write(lambda: iter(records), landmarks, out)
    return out


def test_a_record_is_the_face_in_full() -> None:
    one = face(PAIR)
    data = json.loads(records.json_line(record("a.jpg", (480, 640), [one])))
    assert {k: data[k] for k in ("file", "frame", "width", "height")} == {
        "file": "a.jpg",
        "frame": 0,
        "width": 640,
        "height": 480,
    }
    (read,) = data["faces"]
    assert list(read) == ["box", "score", "track", "points", "radius"]
    assert read["box"] == [1.5, 2.5, 30.25, 40.0]
    assert (np.array(read["points"], dtype=np.float32) == one.points).all()  # to the last bit
    assert (np.array(read["radius"], dtype=np.float32) == one.radius).all()
    assert (read["score"], read["track"]) == (0.5, None)
    assert len(json.dumps(read["points"])) < 2 * 2 * 14  # and with no digit too many


def test_lines_of_json(tmp_path: Path) -> None:
    records = album(PAIR)
    out = written("jsonl", records, PAIR, tmp_path / "faces.jsonl")
    assert [json.loads(line) for line in out.read_text().splitlines()] == records


def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path) -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    records = [record(name, (48, 64), [face(PAIR)]), error_record("bü.jpg", "no")]
    for format in ("jsonl", "csv", "coco"):
        out = written(format, records, PAIR, tmp_path / format)
        text = out.read_text(encoding="utf-8")
        assert "caf" in text
        assert "bü.jpg" in text or format == "csv"


def test_a_table_has_a_row_per_face(tmp_path: Path) -> None:
    out = written("csv", album(PAIR), PAIR, tmp_path / "faces.csv")
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = "file,frame,face,track,score,box_x,box_y,box_w,box_h,left_eye_x,left_eye_y,left_eye_r"
    assert out.read_text().startswith(columns + ",right_eye_x,right_eye_y,right_eye_r\n")
    read = [(row["file"], row["frame"], row["face"], row["track"]) for row in rows]
    assert read == [
        ("photos/a.png", "0", "0", ""),
        ("photos/a.png", "0", "1", "7"),
        ("photos/sub/a.png", "5", "0", ""),
    ]
    one = face(PAIR, 1)
    assert np.float32(rows[1]["right_eye_x"]) == one.points[1, 0]
    assert np.float32(rows[1]["right_eye_r"]) == one.radius[1]
    assert float(rows[1]["box_h"]) == 40
    assert float(rows[1]["score"]) == pytest.approx(0.6)


def test_a_table_of_a_video_has_a_column_for_the_time(tmp_path: Path) -> None:
    frames = [record("a.mp4", (48, 64), [face(PAIR)], n, time=n * 0.4) for n in range(2)]
    out = written(
        "csv", [*frames, record("b.png", (48, 64), [face(PAIR)])], PAIR, tmp_path / "a.csv"
    )
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["file", "frame", "time", "face"]
    assert [row["time"] for row in rows] == ["0.0", "0.4", ""]
    assert [result.time for result in read_faces(out)] == [0.0, 0.4, None]
    text = out.read_text().replace("a.mp4,1,0.4", "a.mp4,1,nan")
    out.write_text(text)
    with pytest.raises(DataError, match="line 3"):
        read_faces(out)


def test_coco_holds_faces_and_unreadable_images(tmp_path: Path) -> None:
    records = album(PAIR)
    for entry in records:
        entry["file"] = str(tmp_path / entry["file"])
    (tmp_path / "results").mkdir()
    out = written("coco", records, PAIR, tmp_path / "results" / "faces.json")
    data = json.loads(out.read_text())
    assert [i["file_name"] for i in data["images"]] == [
        "../photos/a.png",
        "../photos/c.png",
        "../photos/sub/a.png",
    ]
    assert [a["image_id"] for a in data["annotations"]] == [1, 1, 3]
    assert [a["id"] for a in data["annotations"]] == [1, 2, 3]
    one, read = face(PAIR, 1), data["annotations"][1]
    x, y = map(float, one.points[0])
    assert read["keypoints"][:3] == pytest.approx([x, y, 2])
    assert (read["num_keypoints"], read["bbox"], read["track"]) == (2, [1.5, 2.5, 30.25, 40], 7)
    assert data["categories"][0]["keypoints"] == ["left_eye", "right_eye"]
    assert data["categories"][0]["skeleton"] == [[1, 2]]
    assert [u["file"] for u in data["facepoints"]["unreadable"]] == [str(tmp_path / "photos/b.png")]


def test_coco_is_labels_to_train_on(tmp_path: Path) -> None:
    """Predicted faces are read like any other data set."""
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), np.full((48, 64), 90, dtype=np.uint8))
    one = face(KAGGLE_15)
    records = [record(str(tmp_path / "photos" / "a.png"), (48, 64), [one, one])]
    out = written("coco", records, KAGGLE_15, tmp_path / "faces.json")
    data = readers.read(out)
    assert len(data) == 2
    np.testing.assert_allclose(data.points[1], one.points)
    assert data.landmarks == KAGGLE_15


@pytest.mark.parametrize("records", [[], [error_record("a", "b")], [record("a", (1, 1), [])]])
def test_files_are_written_even_without_a_face(records: list[Record], tmp_path: Path) -> None:
    for format in ("jsonl", "csv", "coco", "pts"):
        written(format, records, PAIR, tmp_path / format)
    assert json.loads((tmp_path / "coco").read_text())["annotations"] == []
    assert (tmp_path / "csv").read_text().count("\n") == 1
    assert list((tmp_path / "pts").iterdir()) == []


def test_pts_lie_in_the_subfolders_of_their_images(tmp_path: Path) -> None:
    out = written("pts", album(IBUG_68), IBUG_68, tmp_path / "points")
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.pts"))
    assert files == ["a.2.pts", "a.pts", "sub/a.pts"]
    np.testing.assert_allclose(parse_pts(out / "a.2.pts"), face(IBUG_68, 1).points, atol=1e-4)
    assert "n_points: 68" in (out / "a.pts").read_text()
    first = (out / "a.pts").read_text().splitlines()[3].split()
    assert float(first[0]) == pytest.approx(float(face(IBUG_68).points[0, 0]) + 1)  # from 1


def test_pts_are_in_the_order_of_the_format(tmp_path: Path) -> None:
    backwards = IBUG_68.subset(IBUG_68.names[::-1])
    one = face(backwards)
    written("pts", [record("a.jpg", (48, 64), [one])], backwards, tmp_path / "a.pts")
    np.testing.assert_allclose(parse_pts(tmp_path / "a.pts"), one.points[::-1], atol=1e-4)


def test_one_pts_holds_one_face(tmp_path: Path) -> None:
    for listed, found in ((album(PAIR), "3 were found; name a folder"), ([], "none was found")):
        with pytest.raises(SettingsError, match=rf"a\.pts can hold one face, {found}"):
            written("pts", listed, PAIR, tmp_path / "a.pts")
    assert not (tmp_path / "a.pts").exists()


def test_files_are_never_mixed(tmp_path: Path) -> None:
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / "label.pts").touch()
    with pytest.raises(WriteError, match="not empty"):
        written("pts", album(PAIR), PAIR, tmp_path / "points")


@pytest.mark.parametrize("format", ["jsonl", "csv", "coco"])
def test_an_error_leaves_no_partial_file(format: str, tmp_path: Path) -> None:
    def breaks() -> Iterable[Record]:
        yield album(PAIR)[0]
        raise KeyboardInterrupt

    (tmp_path / "out").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        FORMATS[format].write(breaks, PAIR, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "before"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_the_suffix_determines_the_format(tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    for name, chosen in (
        ("faces.jsonl", "jsonl"),
        ("faces.NDJSON", "jsonl"),
        ("faces.csv", "csv"),
        ("faces.json", "coco"),
        ("a.pts", "pts"),
        ("points", "pts"),
        ("v1.2", "pts"),
    ):
        assert format_of(tmp_path / name) == chosen
    with pytest.raises(SettingsError, match=r"no format for .*faces\.yaml") as refused:
        format_of(tmp_path / "faces.yaml")
    for each in FORMATS.values():
        assert all(suffix in str(refused.value) for suffix in each.suffixes)


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["a.jpg", "b.png", "more/a.jpg"], ["a", "b", "more/a"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["a.png", "a.jpg"], ["a.png", "a.jpg"]),  # in whatever order
        (["a.jpg", "more/a.png", "more/a.webp"], ["a", "more/a.png", "more/a.webp"]),
        (["a.jpg", "a.png", "a.png.jpg"], ["a.jpg", "a.png", "a.png.jpg"]),
        (["A.jpg", "a.png"], ["A.jpg", "a.png"]),
        (["A.jpg", "a.jpg", "b.jpg"], ["A.jpg", "a.jpg-2", "b"]),
        (["a.jpg", "a.jpg", "a.jpg-2.png"], ["a.jpg", "a.jpg-3", "a.jpg-2"]),  # on two drives
        (["b", ".b.jpg"], ["b", ".b"]),
    ],
)
def test_every_image_has_its_own_file_name(images: list[str], names: list[str]) -> None:
    given = unique_names([PurePath(p) for p in images], lambda _, name: [f"{name}.pts"])
    assert given == names


def test_second_faces_do_not_take_the_files_of_other_images(tmp_path: Path) -> None:
    """a.2.pts would be the second face of a.jpg, and the first of a.2.jpg."""

    def at(x: float) -> Face:
        point = np.array([[x, 0]], dtype=np.float32)
        return Face((0, 0, 1, 1), 0.9, point, np.ones(1, np.float32), NOSE)

    images = [("a.jpg", 2), ("a.2.jpg", 1), ("c.jpg", 0), ("c.png", 1)]
    records = [
        record(name, (10, 10), [at(100 * number + face) for face in range(count)])
        for number, (name, count) in enumerate(images)
    ]
    FORMATS["pts"].write(lambda: records, NOSE, tmp_path / "points")
    first_points = {p.name: p.read_text().splitlines()[3] for p in (tmp_path / "points").iterdir()}
    assert first_points == {
        "a.jpg.pts": "1 1",
        "a.jpg.2.pts": "2 1",
        "a.2.jpg.pts": "101 1",
        "c.png.pts": "301 1",
    }
