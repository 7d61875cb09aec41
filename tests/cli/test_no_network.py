"""facepoints opens no network socket: predicting, training and reading video need no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
main(sys.argv[1:])
"""
"""Runs the command line. Python tells every use of a socket, also those of libraries."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, a clip, and label files."""
    folder = tmp_path_factory.mktemp("inputs")
    photo = data.astronaut()[16:240, 116:340, ::-1]
    cv2.imwrite(str(folder / "a.png"), photo)
    kind = cv2.VideoWriter.fourcc(*"mp4v")
    clip = cv2.VideoWriter(str(folder / "clip.mp4"), kind, 10, photo.shape[1::-1])
    for _ in range(5):
        clip.write(np.ascontiguousarray(photo))
    clip.release()
    run_blocked(folder, "synthetic --out . --count 24 --test 3")
    return folder


def run_blocked(folder: Path, words: str, *before: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*before, sys.executable, "-c", BLOCKED, *words.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done


TRAIN = "train training.csv --out run --network lenet5 --epochs 1 --batch 8 --validation 0.3"

COMMANDS = {
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
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_opens_no_socket(name: str, inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "work")
    run_blocked(tmp_path / "work", COMMANDS[name])


def _namespaces() -> bool:
    """True if this system lets a process leave the network (Linux, with permission)."""
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-n", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not _namespaces(), reason="this system cannot take the network away")
@pytest.mark.parametrize("name", ["predict", "video"])
def test_a_command_works_where_there_is_no_network(name: str, inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "work")
    run_blocked(tmp_path / "work", COMMANDS[name], "unshare", "-n")
