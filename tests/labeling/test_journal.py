"""The journal: a killed process, torn lines, a full disk, several processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facepoints.errors import DataError, WriteError
from facepoints.labeling.journal import Journal


def write(path: Path, *numbers: int) -> None:
    journal = Journal(path)
    with journal.locked():
        journal.read_new()
        journal.append([{"event": "test", "number": number} for number in numbers])
    journal.close()


def numbers(path: Path) -> tuple[list[int], list[str]]:
    journal = Journal(path)
    found = [event["number"] for event in journal.read_new() if event["event"] == "test"]
    journal.close()
    return found, journal.notes


def test_events_are_read_in_order_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.journal.jsonl"
    before = time.time()
    write(path, 1, 2)
    write(path, 3)
    assert numbers(path) == ([1, 2, 3], [])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(before - 1 <= line["time"] <= time.time() + 1 for line in lines)


def test_a_torn_last_line_is_passed_over_with_a_note_and_the_next_move_is_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    write(path, 1, 2)
    whole = path.read_bytes()
    for cut in (1, 2, 3, 20, len(whole.splitlines()[-1])):
        path.write_bytes(whole[:-cut])  # with the end of the line, or parts of it, missing
        write(path, 3)
        found, notes = numbers(path)
        complete = cut == 1  # only the end of the line is missing: the change is whole
        assert found == ([1, 2, 3] if complete else [1, 3])
        assert len(notes) == (0 if complete else 1)
        if notes:
            assert "line 3 is torn or damaged" in notes[0]


def test_damage_in_the_middle_loses_only_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, 1, 2, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\x00\xff{{{\n"
    path.write_bytes(b"".join(lines))
    found, notes = numbers(path)
    assert found == [1, 3]
    assert "line 3" in notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello\n", "is not a journal of facepoints label"),
        (b'{"images": []}\n', "is not a journal of facepoints label"),
        (b'{"event":"begin","what":"facepoints labels","format":99}\n', "newer version"),
    ],
)
def test_another_file_is_refused_and_stays(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        Journal(path)
    assert path.read_bytes() == content


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    write(path, 1)
    before = path.read_bytes()
    real = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) > 20:
            return real(handle, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(path)
    with monkeypatch.context() as patch, journal.locked():
        patch.setattr(os, "write", half)
        journal.read_new()
        with pytest.raises(WriteError, match="No space left on device; nothing was changed"):
            journal.append([{"event": "test", "number": 2}])
    assert path.read_bytes() == before
    with journal.locked():
        journal.append([{"event": "test", "number": 3}])
    journal.close()
    assert numbers(path) == ([1, 3], [])


WRITER = """
import sys
from pathlib import Path
from facepoints.labeling.journal import Journal
journal = Journal(Path(sys.argv[1]))
first = int(sys.argv[2])
number = first
while True:
    with journal.locked():
        journal.read_new()
        journal.append([{"event": "test", "number": number, "more": "x" * 3000}])
    print(number, flush=True)
    number += 1
"""


def test_a_kill_at_any_moment_loses_no_move_that_was_answered(tmp_path: Path) -> None:
    """Two processes write to one journal and are killed with SIGKILL."""
    path = tmp_path / "a.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE, text=True
        )
        for first in (0, 1_000_000)
    ]
    answered: list[int] = []
    for writer in writers:
        assert writer.stdout is not None
        answered += [int(writer.stdout.readline()) for _ in range(5)]
    time.sleep(0.2)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        assert writer.stdout is not None
        answered += [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait()
        writer.stdout.close()
    found, notes = numbers(path)
    assert set(answered) <= set(found)
    assert len(found) <= len(answered) + 2  # and the two in flight
    for first in (0, 1_000_000):
        own = [number for number in found if first <= number < first + 1_000_000]
        assert own == list(range(first, first + len(own)))
    assert len(notes) <= 2  # a kill may cut a write between two pages of memory
