"""Parquet files: everything comes back, and other programs read them without a description."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from facepoints import load
from facepoints.cli.main import main
from facepoints.errors import DataError, MissingExtraError
from facepoints.imaging.image_writer import write_image
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import read_faces, write_faces
from facepoints.results.records import FrameResult

pa = pytest.importorskip("pyarrow")
OWN = LandmarkSet(("left ear", "nose"), mirrorable=False)


def face(landmarks: LandmarkSet, seed: int, track: int | None = None, **more: object) -> Face:
    random = np.random.default_rng(seed)
    points = random.uniform(-5, 4000, (len(landmarks), 2)).astype(np.float32)
    radius = random.uniform(0.01, 90, len(landmarks)).astype(np.float32)
    box = (0.1 + seed, 2.5, 30.3, 1e-3)
    return Face(box, 0.1 * seed + 0.3, points, radius, landmarks, track, **more)  # type: ignore[arg-type]


def album(landmarks: LandmarkSet) -> list[FrameResult]:
    visible = np.linspace(0, 1, len(landmarks)).round(2).astype(np.float32)
    eyes = EyeClosure(0.1234, None, "", "hidden")
    return [
        FrameResult("a.png", [face(landmarks, 0), face(landmarks, 1, visible=visible)], (48, 64)),
        FrameResult("b.png", error='b.png is "damaged"'),
        FrameResult("fol der/c=1,ü.png", [], (10, 20)),
        FrameResult("d.mp4", [face(landmarks, 2, 7, eye_closure=eyes)], (48, 64), 0, 0.0, "x"),
        FrameResult("d.mp4", [face(landmarks, 3, 7)], (48, 64), 1, 1 / 30, "x"),
    ]


@pytest.mark.parametrize("landmarks", [IBUG_68, KAGGLE_15, OWN], ids=lambda each: str(len(each)))
def test_everything_comes_back_as_from_json_lines(landmarks: LandmarkSet, tmp_path: Path) -> None:
    results = album(landmarks)
    table, lines = tmp_path / "faces.parquet", tmp_path / "faces.jsonl"
    write_faces(results, table)
    write_faces(results, lines)
    read, wanted = read_faces(table), read_faces(lines)
    for one in [*read, *wanted]:
        object.__setattr__(one, "video", one.video.rpartition("#")[2])  # names the file
    assert [one.video for one in read[1:]] == [one.video for one in wanted[1:]]
    for one, other in zip(read[1:], wanted[1:], strict=True):
        assert one == other
    assert read[0].faces == wanted[0].faces


def test_other_programs_read_typed_columns(tmp_path: Path) -> None:
    path = tmp_path / "faces.parquet"
    write_faces(album(KAGGLE_15), path)
    results = read_faces(path)

    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(path)
    assert list(table["file"]) == [one.file for one in results]
    assert table["faces"][0][1]["points"][2].tolist() == results[0].faces[1].points[2].tolist()

    polars = pytest.importorskip("polars")
    frame = polars.read_parquet(path)
    struct = frame.schema["faces"].inner
    types = {field.name: field.dtype for field in struct.fields}
    assert types["points"] == polars.Array(polars.Float32, (15, 2))
    assert types["radius"] == polars.Array(polars.Float32, 15)
    faces = frame.explode("faces").drop_nulls("faces").unnest("faces")
    assert faces["track"].to_list() == [None, None, 7, 7]
    np.testing.assert_array_equal(faces["points"].to_numpy()[3], results[4].faces[0].points)

    duckdb = pytest.importorskip("duckdb")
    query = f"select file, unnest(faces).score from read_parquet('{path}') order by 2 desc limit 1"
    ((name, score),) = duckdb.sql(query).fetchall()
    assert name == "d.mp4"
    assert score == pytest.approx(0.6)


def test_the_metadata_names_points_and_version(tmp_path: Path) -> None:
    from pyarrow import parquet

    import facepoints

    write_faces(album(OWN), tmp_path / "faces.parquet")
    metadata = parquet.read_schema(tmp_path / "faces.parquet").metadata
    assert json.loads(metadata[b"facepoints.landmarks"]) == ["left ear", "nose"]
    assert metadata[b"facepoints.version"].decode() == facepoints.__version__


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    write_faces([], tmp_path / "none.parquet")
    assert read_faces(tmp_path / "none.parquet") == []


def test_the_command_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "faces.parquet"
    write_image(tmp_path / "face.png", astronaut())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    main(["predict", str(tmp_path / "face.png"), str(tmp_path / "broken.png"), "--out", str(out)])
    good, broken = read_faces(out)
    assert len(good.faces) == 1
    assert good.size == (512, 512)
    assert "broken.png" in broken.error


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"{}\n" * 20])
def test_other_files_are_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "faces.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"faces\.parquet should be a Parquet file") as caught:
        read_faces(path)
    assert "\n" not in str(caught.value)


def test_a_table_of_another_program_is_refused(tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "other.parquet"
    parquet.write_table(pa.table({"file": ["a.png"]}), path)
    with pytest.raises(DataError, match="not one of facepoints"):
        read_faces(path)
    schema = pa.schema([("file", pa.string())], {b"facepoints.landmarks": b'"kaggle-15"'})
    parquet.write_table(pa.table({"file": ["a.png"]}, schema=schema), path)
    with pytest.raises(DataError, match="row 1: expected a record"):
        read_faces(path)


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'facepoints\[parquet\]'"):
        write_faces(album(OWN), tmp_path / "faces.parquet")
    assert not (tmp_path / "faces.parquet").exists()


def test_the_metadata_names_the_model_and_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    write_image(photo, np.ascontiguousarray(astronaut()[:240, 100:360]))
    for name in ("one.parquet", "two.parquet"):
        main(["predict", str(photo), "--out", str(tmp_path / name)])
    parquet = pytest.importorskip("pyarrow.parquet")
    metadata = parquet.read_schema(tmp_path / "one.parquet").metadata
    model = json.loads(metadata[b"facepoints.model"])
    assert model["file"] == "points.onnx"
    assert len(model["checksum"]) == 64
    assert model["checksum"] == getattr(load().model, "checksum", "")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    write_faces(album(IBUG_68), tmp_path / "python.parquet")  # it does not know the model
    assert b"facepoints.model" not in parquet.read_schema(tmp_path / "python.parquet").metadata


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "faces.parquet"
    write_faces(album(IBUG_68), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(DataError, match="should be a Parquet file and is not"):
        read_faces(path)


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    name = "\udcff a.png"  # as Python reads the byte 0xff in a file name
    write_faces(
        [FrameResult(name, [], (4, 4)), FrameResult("b", error=name)], tmp_path / "a.parquet"
    )
    first, second = read_faces(tmp_path / "a.parquet")
    assert first.file == "\\udcff a.png"
    assert second.error == "\\udcff a.png"
