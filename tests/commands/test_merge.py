"""facepoints merge, and predict to a folder of parts, from the command line."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from facepoints.cli.main import main
from facepoints.commands.merge import merge, number_ranges
from facepoints.commands.row_names import RowNames, row_key
from facepoints.errors import DataError
from facepoints.results.formats import read_faces

parquet = pytest.importorskip("pyarrow.parquet")
NAMES = [f"{number}.png" for number in range(5)]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos of Eileen Collins of different sizes, and a broken one."""
    folder = tmp_path_factory.mktemp("album") / "photos"
    folder.mkdir()
    face = np.ascontiguousarray(astronaut()[:240, 100:360, ::-1])
    for number, name in enumerate(NAMES):
        size = (150 + 8 * number, 140 + 4 * number)
        cv2.imwrite(str(folder / name), cv2.resize(face, size, interpolation=cv2.INTER_AREA))
    (folder / NAMES[2]).write_text("broken")
    return folder


def run(*words: str | Path) -> None:
    main([str(word) for word in words])


def fails(capsys: pytest.CaptureFixture[str], *words: str | Path, status: int = 2) -> list[str]:
    """The lines of standard error of a command that fails."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == status
    lines = capsys.readouterr().err.splitlines()
    assert "Traceback" not in "".join(lines)
    return lines


@pytest.fixture(scope="module")
def parts(album: Path) -> Path:
    """A folder of parts that two shards filled, with two images each."""
    out = album.parent / "parts"
    for shard in ("2/2", "1/2"):
        words = ["predict", album, "--out", f"{out}/", "--part-size", "2", "--shard", shard]
        run(*words, "--threads", str(shard[0]))
    return out


@pytest.fixture
def own(parts: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be damaged."""
    shutil.copytree(parts, tmp_path / "own")
    return tmp_path / "own"


def test_shards_and_merge_give_what_one_process_gives(
    album: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("merge", parts)
    expected = "5 images: 4 faces, 1 unreadable, 3 parts; nothing is missing or double"
    assert expected in capsys.readouterr().err
    for name in ("all.jsonl", "all.csv", "all.parquet"):
        run("merge", parts, "--out", tmp_path / name)
    run("predict", album, "--out", tmp_path / "plain.jsonl")
    plain, joined = (read_faces(tmp_path / f"{name}.jsonl") for name in ("plain", "all"))
    assert [(r.file, r.error, r.size) for r in joined] == [(r.file, r.error, r.size) for r in plain]
    for one, other in zip(joined, plain, strict=True):
        for face, wanted in zip(one.faces, other.faces, strict=True):
            np.testing.assert_allclose(face.points, wanted.points, atol=0.01)
    assert [r.faces for r in read_faces(parts)] == [r.faces for r in joined]
    assert [r.faces for r in read_faces(tmp_path / "all.parquet")] == [r.faces for r in joined]
    with (tmp_path / "all.csv").open(newline="") as file:
        assert [Path(row["file"]).name for row in csv.DictReader(file)] == [*NAMES[:2], *NAMES[3:]]
    run("predict", album, "--out", tmp_path / "plain.csv")
    heads = [(tmp_path / f"{name}.csv").read_text().splitlines()[0] for name in ("all", "plain")]
    assert heads[0] == heads[1]
    assert "_visible" in heads[0]
    metadata = parquet.read_schema(tmp_path / "all.parquet").metadata
    assert json.loads(metadata[b"facepoints.model"])["file"] == "points.onnx"
    assert b"facepoints.part" not in metadata


def test_the_number_of_threads_changes_no_byte(album: Path, parts: Path, tmp_path: Path) -> None:
    run("predict", album, "--out", f"{tmp_path}/out/", "--part-size", "2", "--threads", "3")
    for path in parts.glob("*.parquet"):
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_other_programs_read_the_folder_of_parts(parts: Path) -> None:
    pattern = str(parts / "*.parquet")
    files = [r.file for r in read_faces(parts)]
    pandas = pytest.importorskip("pandas")
    tables = [pandas.read_parquet(path) for path in sorted(parts.glob("*.parquet"))]
    assert list(pandas.concat(tables)["file"]) == files
    polars = pytest.importorskip("polars")
    assert polars.read_parquet(pattern)["file"].to_list() == files
    duckdb = pytest.importorskip("duckdb")
    query = f"select file, len(faces) from read_parquet('{pattern}') order by file"
    assert duckdb.sql(query).fetchall() == [(r.file, len(r.faces)) for r in read_faces(parts)]


def test_parts_are_measured_like_their_photos(album: Path, parts: Path, tmp_path: Path) -> None:
    run("measure", parts, "--out", tmp_path / "parts.csv")
    run("measure", album, "--out", tmp_path / "photos.csv")
    rows = [(tmp_path / f"{name}.csv").open(newline="") for name in ("parts", "photos")]
    with rows[0], rows[1]:
        one, other = (list(csv.DictReader(file)) for file in rows)
    assert [row["file"] for row in one] == [row["file"] for row in other]
    np.testing.assert_allclose(
        [float(row["yaw"]) for row in one], [float(row["yaw"]) for row in other], atol=0.1
    )


@pytest.mark.parametrize("source", ["list.txt", "photos.tar"])
def test_lists_and_archives_go_to_a_file_and_to_standard_output(
    album: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    given = tmp_path / source
    if source == "list.txt":
        given.write_text("\n".join(str(album / name) for name in NAMES))
    else:
        with tarfile.open(given, "w") as archive:
            for name in NAMES:
                archive.add(album / name, name)
    run("predict", given, "--out", tmp_path / "faces.jsonl", "--part-size", "2")
    written = (tmp_path / "faces.jsonl").read_text()
    said = capsys.readouterr().err
    assert "5 images: 4 faces, 1 unreadable" in said
    assert [line.split(": ")[0] for line in said.splitlines()][:1] == ["unreadable"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["faces.jsonl", source])
    results = read_faces(tmp_path / "faces.jsonl")
    assert [Path(r.file).name for r in results] == NAMES
    for one, other in zip(results, read_faces(parts), strict=True):
        for face, wanted in zip(one.faces, other.faces, strict=True):
            np.testing.assert_allclose(face.points, wanted.points, atol=0.01)
    run("predict", given)
    printed = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert printed == [json.loads(line)["file"] for line in written.splitlines()]


def test_an_archive_that_is_cut_off_among_good_ones_is_said_loudly(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as archive:
            archive.add(album / NAMES[0], NAMES[0])
            archive.add(album / NAMES[1], NAMES[1])
    whole = (tmp_path / "0.tar").read_bytes()
    second = whole.index(NAMES[1].encode())
    (tmp_path / "0.tar").write_bytes(whole[: second + 1000])
    out = tmp_path / "out"
    words = ["predict", str(tmp_path / "*.tar"), "--out", f"{out}/", "--detector", "full-image"]
    *_, damaged, summary, error = fails(capsys, *words)
    assert damaged.startswith(f"damaged: the archive {tmp_path / '0.tar'} is cut off or damaged")
    assert summary.startswith("2 of 2 parts done; 4 images: 3 faces, 1 unreadable; ")
    assert error.startswith("error: 1 archive or table could not be read to the end, and images")
    assert error.endswith("begin again with --overwrite, or go on without")
    run("merge", out, "--out", tmp_path / "all.jsonl")
    said = capsys.readouterr().err
    assert "warning: 1 archive or table could not be read to the end" in said
    assert len(read_faces(tmp_path / "all.jsonl")) == 4
    run("merge", out)
    assert "; no part is missing or double" in capsys.readouterr().err


def test_one_file_goes_to_a_store(
    album: Path, parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fsspec")
    from facepoints.sources import stores

    lines, table = "memory://one/faces.jsonl", "memory://one/faces.csv"
    run("predict", album, "--out", lines, "--part-size", "3", "--detector", "full-image")
    run("merge", parts, "--out", table)
    assert f"{lines} is there" in fails(capsys, "predict", album, "--out", lines)[-1]
    assert f"{table} is there" in fails(capsys, "merge", parts, "--out", table)[-1]
    run("merge", parts, "--out", table, "--overwrite")
    names = [entry.name for entry in stores.list_folder("memory://one/")]
    assert names == ["faces.csv", "faces.jsonl"]
    assert len(stores.read_bytes("memory://one/faces.jsonl").splitlines()) == 5


def test_what_is_missing_is_named_with_its_commands(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "part-00000.parquet").unlink()
    (own / "part-00001.parquet").unlink()
    *lines, error = fails(capsys, "merge", own, "--out", tmp_path / "all.csv")
    assert error.startswith(f"error: {own} is not whole: 2 of 3 parts are missing (0-1); run the 2")
    (first, second) = (line for line in lines if line.startswith("part "))
    assert first.startswith("part 0: facepoints predict")
    assert first.endswith("--part-size 2 --shard 1/2")
    assert second.endswith("--part-size 2 --shard 2/2")
    assert "--threads" not in first
    assert not (tmp_path / "all.csv").exists()
    with pytest.raises(DataError, match=r"lacks 2 parts of 3; facepoints merge"):
        read_faces(own)


def damage(own: Path, how: str) -> None:
    first, second = own / "part-00000.parquet", own / "part-00001.parquet"
    if how == "cut":
        second.write_bytes(second.read_bytes()[:-200])
    elif how == "changed":
        data = bytearray(second.read_bytes())
        third = len(data) // 3
        # More than one: a page's statistics have no checksum, and nothing is read from them.
        data[third : third + 64] = bytes(byte ^ 1 for byte in data[third : third + 64])
        second.write_bytes(data)
    elif how == "copied":
        shutil.copy(first, second)
    elif how == "other run":
        manifest = own / "manifest.json"
        text = json.loads(manifest.read_text()) | {"part_size": 3}
        manifest.write_text(json.dumps(text))
    elif how == "foreign":
        (own / "part-00009.parquet").write_bytes(b"")
        (own / "notes.txt").write_bytes(b"")
    elif how == "rows":
        table = parquet.read_table(second)
        parquet.write_table(table.slice(0, 1), second)
    elif how == "empty":
        second.write_bytes(b"")
    elif how == "columns":
        parquet.write_table(parquet.read_table(second).drop_columns(["width"]), second)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", "part-00001.parquet (.*part-00001.parquet should be a Parquet file and is not"),
        ("changed", "part-00001.parquet (.*part-00001.parquet should be a Parquet file and is not"),
        ("copied", "part-00001.parquet is part 0 under another name"),
        ("other run", "part-00000.parquet is of another run; part-00001.parquet is of another"),
        ("foreign", "2 files of another run or program (notes.txt, part-00009.parquet)"),
        ("rows", "part-00001.parquet has 1 row, expected 2"),
        ("empty", "part-00001.parquet (.*part-00001.parquet should be a Parquet file and is not"),
        ("columns", "part-00001.parquet has other columns"),
    ],
)
def test_a_damaged_folder_is_one_line(
    own: Path, capsys: pytest.CaptureFixture[str], how: str, message: str
) -> None:
    import re

    damage(own, how)
    error = fails(capsys, "merge", own)[-1]
    pattern = re.escape(message).replace(r"\.\*", ".*")
    assert re.search(f"is not whole: {pattern}", error), error
    assert ("remove the damaged parts, then run" in error) == (how != "foreign")


def test_a_picture_with_two_rows_is_named(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [album / NAMES[0], album / NAMES[1], album / NAMES[0]]
    (tmp_path / "list.txt").write_text("\n".join(map(str, names)))
    out = tmp_path / "out"
    words = ["predict", tmp_path / "list.txt", "--out", out, "--part-size", "2"]
    run(*words, "--format", "jsonl", "--detector", "full-image")
    capsys.readouterr()
    run("merge", out)  # the list is to blame
    double = f"({album / NAMES[0]} in parts 0 and 1)"
    assert f"1 row names what an earlier row names, as the source does {double}" in (
        capsys.readouterr().err
    )
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest | {"kinds": ["files"]}))
    assert fails(capsys, "merge", out)[-1].endswith(f"1 row double {double}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "{album}", "--shard", "1/2"], "--shard fills a folder of parts; name one"),
        (["predict", "{album}", "--shard", "1/2", "--out", "a.csv"], "name one with --out, such"),
        (["predict", "{album}", "--shard", "5/2", "--out", "o/"], "a shard is K/N with K from 1"),
        (["predict", "{album}", "--part-size", "0", "--out", "o/"], "got a part size of 0"),
        (["predict", "{album}", "--out", "o/", "--format", "csv"], "parts are parquet or jsonl"),
        (["predict", "{album}", "--out", "o/", "--draw", "d"], "drawings are of image files"),
        (["predict", "{album}", "--out", "o/", "--ray-workers", "2"], "--ray-workers are those of"),
        (["predict", "{album}/none.txt", "--out", "o/"], "none.txt"),
        (["merge", "{album}"], "has no manifest.json; expected a folder that facepoints predict"),
        (["merge", "nowhere"], "nowhere has no manifest.json"),
        (["merge", "{parts}", "--out", "{parts}/all.csv"], "would be a file among the parts"),
        (
            ["merge", "{parts}", "--out", "{parts}", "--overwrite"],
            "would be a file among the parts",
        ),
        (["predict", "{album}", "--out", "{album}/0.png/"], "it is not a folder; name a folder"),
    ],
)
def test_wrong_use_is_one_line(
    album: Path,
    parts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails(capsys, *(word.format(album=album, parts=parts) for word in words))[-1]
    assert list(tmp_path.iterdir()) == []


def test_formats_that_need_images_are_refused(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception, match="needs the images, which parts do not hold"):
        merge(str(parts), tmp_path / "all.csv", format="openface")


@given(rows=st.lists(st.tuples(st.integers(0, 9), st.text(max_size=2)), max_size=60))
@settings(max_examples=12)
def test_double_names_are_counted_in_any_part(rows: list[tuple[int, str]]) -> None:
    with RowNames.open() as names:
        for part, name in rows:
            names.add(part, [name])
        doubles = names.doubles()
    counts = Counter(name for _, name in rows)
    assert doubles.count == sum(count - 1 for count in counts.values())
    for name, count in counts.items():
        if (parts := doubles.parts.get(row_key(name))) is not None:
            assert count > 1
            assert set(parts) <= {part for part, other in rows if other == name}
    assert len(doubles.parts) == min(5, sum(count > 1 for count in counts.values()))


@given(numbers=st.sets(st.integers(0, 60)))
def test_ranges_name_every_number(numbers: set[int]) -> None:
    text = number_ranges(sorted(numbers), 100)
    named = set()
    for one in filter(None, text.split(", ")):
        first, _, last = one.partition("-")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == numbers
