"""Temporary files: those of killed processes are removed, all others stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facepoints._util import temporary
from facepoints._util.files import atomic_folder, write_text
from facepoints._util.temporary import PREFIX, temporary_file, temporary_folder

WRITER = """
import sys, time
from pathlib import Path
from facepoints._util.temporary import temporary_file, temporary_folder
with temporary_file(Path(sys.argv[1]), ".csv") as file, temporary_folder(Path(sys.argv[1])) as made:
    file.write_text("half")
    (made / "a").write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _not_searched_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "_swept", set())


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that has a temporary file and a temporary folder."""
    words = [sys.executable, "-c", WRITER, str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_next_writer_removes_what_a_killed_process_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(tmp_path)
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 2
    write_text(tmp_path / "a.txt", "a")  # it lives
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    monkeypatch.setattr(temporary, "_swept", set())
    write_text(tmp_path / "b.txt", "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_links_pipes_and_files_of_other_names_stay(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    os.mkfifo(tmp_path / f"{PREFIX}pipe")
    (tmp_path / f"{PREFIX}link").symlink_to("kept")
    (tmp_path / ".hidden").write_text("x")
    before = sorted(p.name for p in tmp_path.iterdir())
    with temporary_file(tmp_path), temporary_folder(tmp_path):
        pass  # the pipe is not waited for
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "kept").read_text() == "x"


def test_a_killed_writer_of_a_folder_does_not_block_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = start(out)
    process.kill()
    process.communicate()
    with atomic_folder(out) as folder:
        (folder / "a").write_text("a")
    assert [p.name for p in out.iterdir()] == ["a"]
