"""Parts give the bytes of their pictures, and one error for each that is broken."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from source_files import error_of, jpeg, pictures, tar_bytes

from facepoints.errors import DataError, MissingExtraError
from facepoints.sources import StoreError, list_parts, parquet_rows, read_ahead, read_part, tars

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

SHARD = {
    f"{n:03}{suffix}": jpeg(n) if suffix == ".jpg" else b"{}"
    for n in range(3)
    for suffix in (".jpg", ".json")
}


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_of_a_shard_of_webdataset_the_pictures_are_read(tmp_path: Path) -> None:
    more = {
        "cat/1.PNG": jpeg(9),
        "cat/1.cls": b"3",
        "._1.jpg": b"x",
        "photo": jpeg(8),
        "text": b"x",
    }
    path = write(tmp_path / "s.tar", tar_bytes(SHARD | more))
    found = pictures(path)
    inner = ["000.jpg", "001.jpg", "002.jpg", "cat/1.PNG", "photo"]
    assert [picture.name for picture in found] == [f"{path}/{name}" for name in inner]
    assert [picture.data for picture in found] == [jpeg(n) for n in (0, 1, 2, 9, 8)]


@pytest.mark.parametrize(
    ("suffix", "mode"), [("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("txz", "w:xz")]
)
def test_compressed_shards(tmp_path: Path, suffix: str, mode: str) -> None:
    path = write(tmp_path / f"s.{suffix}", tar_bytes(SHARD, mode))
    assert [picture.data for picture in pictures(path)] == [jpeg(n) for n in range(3)]


def test_shards_compressed_with_zstd(tmp_path: Path) -> None:
    path = write(tmp_path / "s.tar.zst", pa.compress(tar_bytes(SHARD), "zstd", asbytes=True))
    assert [picture.data for picture in pictures(path)] == [jpeg(n) for n in range(3)]


def test_of_a_shard_that_is_cut_off_the_beginning_is_used(tmp_path: Path) -> None:
    whole = tar_bytes(SHARD)
    end = whole.rindex(b"{}") // 512 * 512 + 512  # of the last member
    wanted = [jpeg(n) for n in range(3)]
    counts = []
    for cut in (*range(0, end, 300), end - 1, end):
        path = write(tmp_path / "s.tar", whole[:cut])
        found = pictures(path)
        data = [picture.data for picture in found[:-1]]
        assert data == wanted[: len(data)]
        assert found[-1].data is None
        assert found[-1].name == str(path)
        assert f"the archive {path} is cut off or damaged" in found[-1].error
        counts.append(len(data))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 3
    zipped = gzip.compress(tar_bytes([(f"{n}.jpg", jpeg(n) * 50) for n in range(9)]), 0)
    path = write(tmp_path / "s.tgz", zipped[: len(zipped) // 2])
    assert 0 < len(pictures(path)) - 1 < 9
    assert "cut off or damaged after" in error_of(path)


def test_a_second_archive_after_the_end_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "s.tar", tar_bytes(SHARD) * 2)
    *read, broken = pictures(path)
    assert [picture.data for picture in read] == [jpeg(n) for n in range(3)]
    assert "damaged after 3 images: more follows its end, such as another archive" in broken.error
    for name, zip in (("s.tgz", gzip.compress), ("s.tbz2", bz2.compress), ("s.txz", lzma.compress)):
        zipped = write(tmp_path / name, zip(tar_bytes(SHARD)))
        assert [picture.data for picture in pictures(zipped)] == [jpeg(n) for n in range(3)]
        write(zipped, zip(tar_bytes(SHARD)) * 2)
        assert "more follows its end" in pictures(zipped)[-1].error


def test_shards_without_pictures_and_files_that_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "s.tar", tar_bytes({"a.json": b"{}", "b.txt": b"x"}))
    assert error_of(path) == f"no image in the archive {path}, only 2 other files"
    path = write(tmp_path / "e.tar", tar_bytes({}))
    assert error_of(path) == f"no image in the archive {path}"
    assert "cut off or damaged at its beginning" in error_of(write(tmp_path / "n.tar", jpeg() * 9))
    assert "cut off or damaged at its beginning" in error_of(write(tmp_path / "0.tar", b""))


def test_strange_members_are_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MAX_BYTES", 2000)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in (
            ("../../up.jpg", jpeg(1)),
            ("/abs.jpg", jpeg(2)),
            ("same.jpg", jpeg(3)),
            ("same.jpg", jpeg(4)),
            ("empty.jpg", b""),
            ("large.jpg", bytes(2001)),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path = write(tmp_path / "s.tar", file.getvalue())
    found = pictures(path)
    inner = ["../../up.jpg", "/abs.jpg", "same.jpg", "same.jpg#2", "empty.jpg", "large.jpg"]
    assert [picture.name for picture in found] == [f"{path}/{name}" for name in inner]
    assert [picture.data for picture in found[:4]] == [jpeg(n) for n in (1, 2, 3, 4)]
    assert [picture.error for picture in found[4:]] == [
        f"{path}/empty.jpg is empty (0 bytes)",
        f"{path}/large.jpg has 2001 bytes; at most 2000 are read",
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_a_list_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", jpeg())
    write(tmp_path / "text.jpg", b"hello")
    (tmp_path / "folder.jpg").mkdir()
    MemoryFileSystem().pipe_file("/b/z.jpg", jpeg(7))
    lines = [
        "a.jpg",
        "no.jpg",
        "text.jpg",
        "folder.jpg",
        str(tmp_path / "a.jpg"),
        "memory://b/z.jpg",
    ]
    lines += ["memory://b/no.jpg", "shard.tar", "memory://b/no.parquet"]
    lines += ["foo://b/a.jpg"]
    path = write(tmp_path / "list.txt", "\n".join(lines).encode() + b"\n\xff.jpg")
    found = pictures(path)
    assert [picture.data for picture in found if picture.data] == [jpeg(), jpeg(), jpeg(7)]
    errors = [picture.error for picture in found if picture.data is None]
    wanted = [f"no image at {tmp_path}/no.jpg", "text.jpg is not an image of a known kind"]
    wanted += ["folder.jpg is a folder, expected an image", "no file at memory://b/no.jpg"]
    wanted += [f"no file at {tmp_path}/shard.tar", "no file at memory://b/no.parquet"]
    wanted += ["no file system is known for foo://", "no image at"]
    assert len(errors) == len(wanted)
    assert all(part in error for part, error in zip(wanted, errors, strict=True))
    assert all("\n" not in error for error in errors)


def test_rows_of_bytes_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    write(tmp_path / "x.jpg", jpeg(5))
    rows = [
        {"bytes": jpeg(1), "path": "same.jpg"},
        {"bytes": None, "path": "x.jpg"},
        {"bytes": b"", "path": "e.jpg"},
        {"bytes": None, "path": None},
        None,
    ]
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"image": rows, "label": range(5)}), path)
    found = pictures(path)
    assert [p.name for p in found] == [
        *(f"{path}#0", str(tmp_path / "x.jpg")),
        *(f"{path}#{n}" for n in (2, 3, 4)),
    ]
    assert [p.data for p in found] == [jpeg(1), jpeg(5), None, None, None]
    assert [p.error for p in found[2:]] == [
        f"{path}#2 is empty (0 bytes)",
        f"{path}#3 has no image and no path (null)",
        f"{path}#4 has no image and no path (null)",
    ]


def test_a_parquet_file_that_is_half_written_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "1.parquet"
    rows = [jpeg(n) * 3 for n in range(40)]
    parquet.write_table(pa.table({"image": rows}), path, row_group_size=20, compression="none")
    whole = path.read_bytes()
    half = write(tmp_path / "2.parquet", whole[: len(whole) // 2])
    text = "2.parquet should be a Parquet file and is not, or is cut off:"
    with pytest.raises(DataError, match=text):
        list_parts([str(half)])
    found = pictures(tmp_path)
    assert [picture.data for picture in found] == [*rows, None]
    assert text in found[-1].error
    half.unlink()
    damaged = bytearray(whole)
    at = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    damaged[at : at + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    parts = list_parts([str(path)], part_size=20).parts
    assert [picture.data for picture in read_part(parts[0])] == rows[:20]
    broken = list(read_part(parts[1]))
    assert [picture.name for picture in broken] == [f"{path}#{row}" for row in range(20, 40)]
    assert all("1.parquet should be a Parquet file and is not" in one.error for one in broken)


def test_of_a_table_of_paths_that_is_damaged_the_rows_before_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "paths.parquet"
    write(tmp_path / "a.jpg", jpeg(1))
    table = pa.table({"path": ["a.jpg"] * 40})
    parquet.write_table(table, path, row_group_size=20, compression="none", use_dictionary=False)
    damaged = bytearray(path.read_bytes())
    at = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    damaged[at : at + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    monkeypatch.setattr(parquet_rows, "_ROWS", 20)
    found = pictures(path)
    assert [picture.data for picture in found] == [jpeg(1)] * 20 + [None] * 20
    assert [picture.name for picture in found[20:]] == [f"{path}#{row}" for row in range(20, 40)]


def test_a_column_that_is_missing_in_one_of_several_files_is_one_error(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"image": [jpeg(1)], "label": ["a"]}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"label": ["b"]}), tmp_path / "2.parquet")
    parquet.write_table(
        pa.table({"image": [{"bytes": jpeg(3), "path": ""}]}), tmp_path / "3.parquet"
    )
    found = pictures(tmp_path)
    assert [picture.data for picture in found] == [jpeg(1), None, jpeg(3)]
    assert "2.parquet has no column 'image' of paths or images; it has: label" in found[1].error


def test_a_picture_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars, "MAX_BYTES", 2000)
    MemoryFileSystem().pipe_file("/b/large.jpg", bytes(5000))
    large = write(tmp_path / "large.jpg", bytes(5000))
    path = write(tmp_path / "list.txt", f"{large}\nmemory://b/large.jpg\n".encode())
    assert [picture.error for picture in pictures(path)] == [
        f"{large} has 5000 bytes; at most 2000 are read",
        "memory://b/large.jpg has more than 2000 bytes, which are not read",
    ]


def test_a_reader_that_stops_early_leaves_no_thread(tmp_path: Path) -> None:
    for n in range(50):
        write(tmp_path / f"{n}.jpg", jpeg())
    shard = write(tmp_path / "s.tar", tar_bytes([(f"{n}.jpg", jpeg()) for n in range(50)]))
    before = set(threading.enumerate())  # models of other tests keep theirs
    for given in (tmp_path, shard):
        iterator = read_part(list_parts([str(given)]).parts[0])
        assert next(iterator).data == jpeg()
        iterator.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'adlfs'.* pip install adlfs"):
        list_parts(["abfs://b/a.tar"])


@pytest.mark.parametrize("kind", ["tar", "parquet", "list"])
def test_large_pictures_do_not_pile_up(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "MOST_BYTES", 3000)
    data = [b"\xff\xd8\xff" + bytes([n]) * 997 for n in range(30)]
    if kind == "tar":
        path = write(tmp_path / "a.tar", tar_bytes([(f"{n}.jpg", d) for n, d in enumerate(data)]))
    elif kind == "parquet":
        path = tmp_path / "a.parquet"
        parquet.write_table(pa.table({"image": data}), path)
    else:
        for n, each in enumerate(data):
            write(tmp_path / f"{n}.jpg", each)
        path = write(tmp_path / "a.txt", b"".join(b"%d.jpg\n" % n for n in range(30)))
    held = [0]
    spend = read_ahead._Budget.spend

    def watched(budget: Any, given: Any) -> Any:
        for picture in spend(budget, given):
            held.append(budget._held)
            yield picture

    monkeypatch.setattr(read_ahead._Budget, "spend", watched)
    found = []
    for picture in read_part(list_parts([str(path)]).parts[0]):
        found.append(picture.data)
        time.sleep(0.001)
    assert found == data
    assert max(held) <= 3000


@pytest.mark.parametrize("kind", ["list", "parquet"])
def test_a_source_that_changes_after_it_was_listed_is_no_part_of_errors(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / ("a.txt" if kind == "list" else "a.parquet")

    def fill(rows: int) -> None:
        if kind == "list":
            path.write_bytes(b"a.jpg\n" * rows)
        else:
            parquet.write_table(pa.table({"path": ["a.jpg"] * rows}), path)

    fill(5)
    (part,) = list_parts([str(path)]).parts
    fill(3)
    text = f"{path} has changed since it was listed; run the command again"
    with pytest.raises(StoreError, match=text):
        list(read_part(part))
    path.unlink()
    with pytest.raises(StoreError, match=text):
        list(read_part(part))
