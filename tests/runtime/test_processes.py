"""A loaded model in several processes: fork and spawn, pools, and workers of a data loader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import PATIENCE

from facepoints.errors import SettingsError
from facepoints.inference.landmark_model import LandmarkModel

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

HEAD = """
import multiprocessing, os, sys
import numpy as np
import facepoints
from skimage import data

PHOTO = data.astronaut()[:240, 100:340].copy()

def start(count):
    model = facepoints.load(threads=2)
    model([PHOTO] * count)  # starts the threads of both sessions if there are many photos
    return model

def faces_in(model):  # of one photo, then of each photo of a batch
    return [len(model(PHOTO))] + [len(faces) for faces in model([PHOTO] * 12)]

def nose(model):
    return model(PHOTO)[0]["nose_tip"].tolist()

def numbers(number):
    return faces_in(MODEL) == [1] * 13 and nose(MODEL)
"""


def run(tmp_path: Path, code: str) -> str:
    """What a script prints. A script that hangs fails the test."""
    script = tmp_path / "script.py"
    script.write_text(HEAD + code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONWARNINGS": "error,ignore::DeprecationWarning"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@needs_fork
@pytest.mark.parametrize("photos", [1, 12])
def test_a_forked_child_uses_the_model_and_ends(tmp_path: Path, photos: int) -> None:
    code = f"""
model = start({photos})
for use in (False, True):  # the first child only ends
    child = os.fork()
    if not child:
        right = faces_in(model) == [1] * 13 if use else True
        sys.exit(7 if right else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(faces_in(model) == [1] * 13)
"""
    assert run(tmp_path, code).split() == ["7", "7", "True"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_finds_what_one_process_finds(tmp_path: Path, method: str) -> None:
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    code = f"""
def keep(model):
    global MODEL
    MODEL = model

if __name__ == "__main__":
    model = start(12)
    context = multiprocessing.get_context({method!r})
    with context.Pool(2, keep, (model,)) as pool:
        found = pool.map(numbers, range(4))
    print(found == [nose(model)] * 4)
"""
    assert run(tmp_path, code) == "True"


@needs_fork
def test_workers_of_a_data_loader_use_a_model_of_the_parent(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    code = """
import torch

class Photos(torch.utils.data.Dataset):
    def __init__(self, model):
        self.model = model

    def __len__(self):
        return 4

    def __getitem__(self, index):
        (face,) = self.model([PHOTO] * 12)[index]
        return face.points

if __name__ == "__main__":
    model = start(12)
    loader = torch.utils.data.DataLoader(
        Photos(model), batch_size=2, num_workers=2, multiprocessing_context="fork"
    )
    batches = [batch.numpy() for batch in loader]
    expected = model([PHOTO] * 12)[0][0].points
    print([batch.shape for batch in batches], np.allclose(batches, expected, atol=0.01))
"""
    assert run(tmp_path, code) == "[(2, 70, 2), (2, 70, 2)] True"


@pytest.mark.parametrize("threads", [0, -1, 10**6, 10**30, 2.5, "2", True, float("nan")])
def test_a_number_of_threads_that_cannot_be_is_refused(threads: object) -> None:
    with pytest.raises(SettingsError, match="threads must be a whole number from 1 to"):
        LandmarkModel.load(threads=threads)  # type: ignore[arg-type]


@pytest.mark.parametrize("device", [None, 3, b"cpu", "", "gpu", "cuda:", "cuda:-1", "cuda:9999"])
def test_a_device_that_does_not_exist_is_refused(device: object) -> None:
    with pytest.raises(SettingsError, match="no device"):
        LandmarkModel.load(device=device)  # type: ignore[arg-type]
