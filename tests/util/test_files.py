"""Files whole or not at all: links, devices, folders, inputs that must survive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facepoints._util.files import (
    atomic_folder,
    check_output,
    check_separate,
    read_json,
    write_json,
    write_text,
)
from facepoints.errors import DataError, WriteError


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write_text(link, "x")
    assert link.is_symlink()
    assert target.read_text() == "x"


def test_a_path_that_is_not_a_regular_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(WriteError, match="not a regular file"):
        write_text(pipe, "x")
    assert pipe.is_fifo()
    with pytest.raises(WriteError, match="it is a folder"):
        write_text(tmp_path, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize(
    "text",
    [b'{"a": [', b"[" * 100_000, b"1" * 5000, b"\xff\xff"],
    ids=["cut", "deep", "long", "bytes"],
)
def test_a_file_that_is_not_json_is_one_error(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(DataError, match="should hold JSON"):
        read_json(path)


def test_json_with_a_byte_order_mark_and_with_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path) == [1]
    name = os.fsdecode(b"a\xff.jpg")
    write_json(path, [name, "é"])
    assert read_json(path) == [name, "é"]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "sub" / "out"

    def stopped() -> None:
        with atomic_folder(out) as folder:
            (folder / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not out.exists()
    with atomic_folder(out) as folder:
        (folder / "a").write_text("a")
        assert not (out / "a").exists()
    assert [p.name for p in out.iterdir()] == ["a"]


def test_a_folder_with_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(WriteError, match="not empty"), atomic_folder(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    data, link = tmp_path / "data", tmp_path / "link"
    data.write_text("x")
    link.symlink_to(data)
    check_output(tmp_path / "new", [data])
    with pytest.raises(WriteError, match="would destroy it"):
        check_output(link, [tmp_path / "other", data])


def test_a_read_only_file_is_never_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "answers.csv"
    kept.write_text("x")
    kept.chmod(0o444)
    with pytest.raises(WriteError, match="read-only"):
        check_output(kept, [])
    with pytest.raises(WriteError, match="read-only"):
        write_text(kept, "y")
    assert kept.read_text() == "x"
    assert [p.name for p in tmp_path.iterdir()] == ["answers.csv"]


def test_a_folder_in_the_output_is_refused(tmp_path: Path) -> None:
    check_separate(tmp_path / "points", tmp_path / "drawn")
    check_separate(tmp_path / "all" / "points", tmp_path / "all")
    for folder in ("points", "points/drawn", "drawn/../points"):
        with pytest.raises(WriteError, match="would get mixed"):
            check_separate(tmp_path / "points", tmp_path / folder)


def test_permissions_are_those_of_the_umask_or_of_the_file_that_is_replaced(
    tmp_path: Path,
) -> None:
    before = os.umask(0o077)
    try:
        write_text(tmp_path / "private", "x")
        os.umask(0o002)
        write_text(tmp_path / "shared", "x")
        write_text(tmp_path / "private", "y")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"private": 0o600, "shared": 0o664}
