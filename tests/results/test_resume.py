"""The unfinished file: never touches what is not its own, and does not believe damage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepoints.errors import WriteError
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import Record, record
from facepoints.results.resume import ResumableRecords, part_path

NAMES = LandmarkSet(("tip", "chin"))
SETTINGS: dict[str, Any] = {"model": "a", "points": list(NAMES.names)}


def a_record(file: str) -> Record:
    points = np.array([[1, 2], [3, 4]], np.float32)
    face = Face((0.0, 0.0, 4.0, 4.0), 0.5, points, np.ones(2, np.float32), NAMES)
    return record(file, (9, 9), [face])


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
        os.utime(folder / name, (1, 1))
    return [str(folder / name) for name in "abc"]


@pytest.fixture
def out(tmp_path: Path, files: list[str]) -> Path:
    """An output whose unfinished file has two records of three."""
    out = tmp_path / "faces.jsonl"
    with ResumableRecords(out, files, SETTINGS) as kept:
        kept.add(a_record(files[0]))
        kept.add(a_record(files[1]))
    for name in files:  # the files got their names before the records
        assert Path(name).exists()
    later = os.stat(part_path(out)).st_mtime + 5
    os.utime(part_path(out), (later, later))
    return out


def done(out: Path, files: list[str], **options: Any) -> int:
    settings = options.pop("settings", SETTINGS)
    with ResumableRecords(out, files, settings, **options) as kept:
        return kept.done


def test_the_same_run_is_resumed_and_added_images_are_no_other_run(
    out: Path, files: list[str]
) -> None:
    assert done(out, files) == 2
    os.utime(part_path(out), (2**31, 2**31))
    assert done(out, [*files, "later.jpg"]) == 2


@pytest.mark.parametrize("kind", ["text", "picture", "link", "dangling", "pipe", "folder"])
def test_what_is_not_an_unfinished_file_stays(kind: str, files: list[str], tmp_path: Path) -> None:
    part = tmp_path / "faces.csv.part"
    target = tmp_path / "target"
    target.write_text("mine\n")
    if kind in ("text", "picture"):
        part.write_bytes(b"mine\n" if kind == "text" else b"\x89PNG\r\n\x1a\n")
    elif kind in ("link", "dangling"):
        part.symlink_to(target if kind == "link" else tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(part)
    else:
        part.mkdir()
    before = os.lstat(part)
    for overwrite in (False, True):
        with pytest.raises(WriteError, match=r"faces\.csv\.part is .*move it away"):
            ResumableRecords(tmp_path / "faces.csv", files, SETTINGS, overwrite=overwrite)
    after = os.lstat(part)
    assert (after.st_ino, after.st_size, after.st_mode) == (
        before.st_ino,
        before.st_size,
        before.st_mode,
    )
    assert target.read_text() == "mine\n"
    assert not (tmp_path / "nowhere").exists()


def test_another_run_is_refused_and_unchanged(out: Path, files: list[str]) -> None:
    content = part_path(out).read_bytes()
    with pytest.raises(WriteError, match=r"other settings \(model\)"):
        done(out, files, settings={**SETTINGS, "model": "b"})
    with pytest.raises(WriteError, match="other inputs"):
        done(out, files[1:])
    with pytest.raises(WriteError, match="other inputs"):
        done(out, files[:1], given=["another folder"])
    assert part_path(out).read_bytes() == content
    assert done(out, files[1:], overwrite=True) == 0


def test_a_second_process_is_refused(out: Path, files: list[str]) -> None:
    busy = pytest.raises(WriteError, match="another facepoints is writing")
    with ResumableRecords(out, files, SETTINGS), busy:
        ResumableRecords(out, files, SETTINGS, overwrite=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.update(faces="x"),
        lambda r: r["faces"][0].update(points=[[1, 2]]),
        lambda r: r["faces"][0].update(score=1e308),
        lambda r: r["faces"][0].update(track=1.7),
        lambda r: r.update(width=-1.5),
        lambda r: r.update(landmarks=["tip", "ear"]),
        lambda r: r.pop("frame"),
    ],
)
def test_records_from_a_damaged_one_on_are_made_again(
    damage: Any, out: Path, files: list[str]
) -> None:
    part = part_path(out)
    head, first, second = part.read_text().splitlines()
    broken = json.loads(second)
    damage(broken)
    part.write_text("\n".join([head, first, json.dumps(broken)]) + "\n")
    os.utime(part, (2**31, 2**31))
    assert done(out, files) == 1


@pytest.mark.parametrize("line", [b'{"file": "', b"[" * 100_000 + b"\n", b"\xff\xfe\n", b"1\n"])
def test_a_line_that_is_no_record_is_damage(line: bytes, out: Path, files: list[str]) -> None:
    with part_path(out).open("ab") as file:
        file.write(line)
    os.utime(part_path(out), (2**31, 2**31))
    assert done(out, files) == 2


def test_a_long_name_gets_a_shorter_unfinished_file(tmp_path: Path, files: list[str]) -> None:
    out = tmp_path / f"{'é' * 124}.jsonl"  # 254 bytes
    out.write_text("the name is possible")
    with ResumableRecords(out, files, SETTINGS) as kept:
        assert kept.path.exists()
        assert kept.path.name.endswith(".part")
        kept.remove()
    assert part_path(Path("/")).parent == Path("/")
