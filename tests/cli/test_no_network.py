"""facepoints opens no network socket: predicting, training and reading video need no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

BLOCKED = """
import sys

def refuse(event, arguments):
    if event.startswith("socket.") and event not in ("socket.gethostname",):
        raise RuntimeError(f"a network socket: {event} {arguments!r:.80}")

sys.addaudithook(refuse)
from facepoints.cli.main import main
for command in sys.argv[1:]:
    print(command, flush=True)
    main(command.split())
"""
"""Runs command lines. Python tells every use of a socket, also those of libraries."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo and a clip."""
    folder = tmp_path_factory.mktemp("inputs")
    photo = data.astronaut()[16:240, 116:340, ::-1]
    cv2.imwrite(str(folder / "a.png"), photo)
    kind = cv2.VideoWriter.fourcc(*"mp4v")
    clip = cv2.VideoWriter(str(folder / "clip.mp4"), kind, 10, photo.shape[1::-1])
    for _ in range(5):
        clip.write(np.ascontiguousarray(photo))
    clip.release()
    return folder


def run_blocked(folder: Path, names: Iterable[str], *before: str) -> None:
    done = subprocess.run(
        [*before, sys.executable, "-c", BLOCKED, *(COMMANDS[name] for name in names)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


TRAIN = "train training.csv --out run --network lenet5 --epochs 1 --batch 8 --validation 0.3"

COMMANDS = {
    "synthetic": "synthetic --out . --count 24 --test 3",
    "predict": "predict a.png --out faces.csv --draw drawn",
    "video": "predict clip.mp4 --out clip.csv --draw drawn.mp4",
    "measure": "measure clip.mp4 --out measures.csv",
    "blur": "blur clip.mp4 --out hidden.mp4",
    "train": f"{TRAIN} --device cpu --no-onnx",
}


def test_the_block_works(inputs: Path) -> None:
    code = BLOCKED.partition("from facepoints")[0] + "import socket\nsocket.socket()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "a network socket: socket.__new__" in done.stderr


@pytest.mark.slow
def test_commands_open_no_socket(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "work")
    run_blocked(tmp_path / "work", COMMANDS)
    made = {"faces.csv", "drawn", "clip.csv", "drawn.mp4", "measures.csv", "hidden.mp4", "run"}
    assert made <= {path.name for path in (tmp_path / "work").iterdir()}


def _namespaces() -> bool:
    """True if this system lets a process leave the network (Linux, with permission)."""
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-n", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not _namespaces(), reason="this system cannot take the network away")
def test_commands_work_where_there_is_no_network(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "work")
    run_blocked(tmp_path / "work", ("predict", "video"), "unshare", "-n")
    assert (tmp_path / "work" / "drawn.mp4").is_file()
