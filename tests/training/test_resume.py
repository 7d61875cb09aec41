"""Training that is interrupted, by Ctrl-C, kill -9 or a full disk, and resumed."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from facepoints._util.progress import Stopped
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import FacepointsError, RunError, WriteError
from facepoints.models.run import Run
from facepoints.training import member_trainer
from facepoints.training.settings import TrainSettings, stored_settings
from facepoints.training.train import train
from facepoints.training.train_state import TrainState

TINY = TrainSettings(
    network="lenet5", loss="mse", epochs=3, batch=16, augment="light", validation=0.25, device="cpu"
)
SPECIALISTS = replace(TINY, missing="specialist", batch=8, keep="last")  # 2 steps an epoch, then 6
QUIET = Console(file=io.StringIO())

WholeRun = Callable[[TrainSettings], tuple[Path, dict[str, Any]]]


pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")


def some_faces() -> Samples:
    return synthetic.kaggle_like(64, seed=3, size=48)


@pytest.fixture(scope="module")
def faces() -> Samples:
    return some_faces()


def run(data: Samples, out: Path, settings: TrainSettings = TINY, **more: Any) -> dict[str, Any]:
    return train(data, out, settings, console=QUIET, onnx=False, **more)


@pytest.fixture(scope="module")
def whole_run(
    faces: Samples, one_thread: None, no_charts: None, tmp_path_factory: pytest.TempPathFactory
) -> WholeRun:
    """Trains without an interruption, once for each settings: the folder and the report."""
    done: dict[TrainSettings, tuple[Path, dict[str, Any]]] = {}

    def whole(settings: TrainSettings) -> tuple[Path, dict[str, Any]]:
        if settings not in done:
            out = tmp_path_factory.mktemp("whole") / "run"
            done[settings] = (out, run(faces, out, settings))
        return done[settings]

    return whole


def weights(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((out / "weights").iterdir())}


def everything(out: Path) -> dict[str, tuple[int, bytes]]:
    """Time of writing and contents of every file of a folder."""
    files = (p for p in sorted(out.rglob("*")) if p.is_file())
    return {str(p.relative_to(out)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Call `act` after this many steps of all networks together."""
    taken, update_ema = [0], TrainState.update_ema

    def counted(state: TrainState) -> None:
        update_ema(state)
        taken[0] += 1
        if taken[0] == step:
            act()

    monkeypatch.setattr(TrainState, "update_ema", counted)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def one_line(error: pytest.ExceptionInfo[FacepointsError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


CUTS = {
    "one network, in its second epoch": (replace(TINY, network="naimishnet"), 4),
    "net2 with batch norm": (replace(TINY, network="net2", epochs=2), 4),
    "the second specialist": (SPECIALISTS, 12),
    "the second of an ensemble, no average": (replace(TINY, ensemble=2, ema=0), 13),
}


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
def test_resumed_after_ctrl_c_the_weights_are_the_same_bit_for_bit(
    cut: str,
    faces: Samples,
    whole_run: WholeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, step = CUTS[cut]
    settings = replace(settings, keep="last")  # the best may lie before the cut
    whole, report = whole_run(settings)
    with monkeypatch.context() as patch:
        at_step(patch, step, interrupt)
        with pytest.raises(Stopped, match="`resume`"):
            run(faces, tmp_path / "cut", settings)
    header = json.loads((tmp_path / "cut" / "run.json").read_text())
    assert not header["finished"]
    with pytest.raises(RunError, match="not finished"):
        Run.load(tmp_path / "cut")
    resumed = run(faces, tmp_path / "cut", settings, resume=True)
    assert weights(tmp_path / "cut") == weights(whole)
    assert resumed == report
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()


STEPS = (3, 9)  # of the first network and of the second


def be_killed(folder: str) -> None:
    """Body of a process whose children are killed, each after one of the `STEPS`. A child saves a
    checkpoint after every step before."""
    member_trainer.CHECKPOINT_SECONDS = -1.0
    torch.set_num_threads(1)
    for step in STEPS:
        child = os.fork()  # before PyTorch has computed anything
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            continue
        with pytest.MonkeyPatch.context() as patch:
            at_step(patch, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
            run(some_faces(), Path(folder) / f"cut-{step}", SPECIALISTS)
        os._exit(0)


@pytest.mark.slow
def test_resumed_after_kill_9_the_weights_are_the_same_bit_for_bit(
    faces: Samples,
    whole_run: WholeRun,
    tmp_path: Path,
) -> None:
    whole, report = whole_run(SPECIALISTS)
    code = f"import test_resume; test_resume.be_killed({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True)
    for step in STEPS:
        cut = tmp_path / f"cut-{step}"
        assert (cut / "checkpoint.safetensors").exists()
        assert run(faces, cut, SPECIALISTS, resume=True) == report
        assert weights(cut) == weights(whole)
        names = {p.name for p in cut.rglob("*")}
        assert names == {p.name for p in whole.rglob("*")}


@pytest.mark.slow
def test_a_training_without_checkpoint_starts_again(
    faces: Samples,
    whole_run: WholeRun,
    tmp_path: Path,
) -> None:
    whole, _ = whole_run(TINY)
    shutil.copytree(whole, tmp_path / "cut")
    header = json.loads((tmp_path / "cut" / "run.json").read_text())
    (tmp_path / "cut" / "run.json").write_text(json.dumps({**header, "finished": False}))
    run(faces, tmp_path / "cut", resume=True)
    assert weights(tmp_path / "cut") == weights(whole)
    run(faces, tmp_path / "new", resume=True)  # nothing there to resume
    assert weights(tmp_path / "new") == weights(whole)


def test_resuming_a_finished_run_writes_only_missing_charts(
    faces: Samples,
    whole_run: WholeRun,
    tmp_path: Path,
) -> None:
    whole, report = whole_run(TINY)
    shutil.copytree(whole, tmp_path / "run")
    before = everything(tmp_path / "run")
    assert run(faces, tmp_path / "run", resume=True) == report
    assert everything(tmp_path / "run") == before
    (tmp_path / "run" / "validation" / "evaluation.json").unlink()  # as if killed before it
    (tmp_path / "run" / "curves.png").unlink()
    assert run(faces, tmp_path / "run", resume=True) == report
    assert set(everything(tmp_path / "run")) == set(before)


def test_an_existing_run_is_not_changed(faces: Samples, tmp_path: Path) -> None:
    run(faces, tmp_path / "run", replace(TINY, epochs=1))
    before = everything(tmp_path / "run")
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "holds a run already"),
        ({"resume": True}, "other settings .epochs."),
    ]
    for more, message in refused:
        with pytest.raises(RunError, match=message) as error:
            run(faces, tmp_path / "run", TINY, **more)
        one_line(error)
    with pytest.raises(RunError, match="other data") as error:
        run(faces.take(slice(0, 60)), tmp_path / "run", replace(TINY, epochs=1), resume=True)
    one_line(error)
    assert everything(tmp_path / "run") == before


def test_stored_settings_are_those_of_the_run(faces: Samples, tmp_path: Path) -> None:
    assert stored_settings(tmp_path) is None
    settings = replace(TINY, epochs=1, validation=0, seed=7)
    run(faces, tmp_path / "run", settings)
    assert stored_settings(tmp_path / "run") == replace(settings, init="random")


def test_a_damaged_checkpoint_is_refused(
    faces: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_step(monkeypatch, 2, interrupt)
    with pytest.raises(Stopped):
        run(faces, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged") as error:
        run(faces, tmp_path / "run", resume=True)
    one_line(error)


@pytest.mark.slow
def test_files_of_something_that_is_no_run_are_not_replaced(
    faces: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_step(monkeypatch, 2, interrupt)
    with pytest.raises(Stopped):
        run(faces, tmp_path / "run", replace(TINY, seed=5))
    (tmp_path / "run" / "run.json").unlink()
    (tmp_path / "run" / "curves.png").write_bytes(b"of another run")
    with pytest.raises(RunError, match=r"holds files that a training would replace"):
        run(faces, tmp_path / "run")
    assert (tmp_path / "run" / "curves.png").read_bytes() == b"of another run"


def test_a_full_disk_leaves_the_last_checkpoint_to_go_on_from(
    faces: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(TINY, keep="last")
    out, checkpoints = tmp_path / "cut", []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        checkpoints.append((out / "checkpoint.safetensors").read_bytes())
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    with monkeypatch.context() as patch:
        patch.setattr(member_trainer, "CHECKPOINT_SECONDS", -1.0)
        at_step(patch, 5, fill)
        try:
            with pytest.raises(WriteError, match=r"could not write .*checkpoint") as error:
                run(faces, out, settings)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    one_line(error)
    assert (out / "checkpoint.safetensors").read_bytes() == checkpoints[0]
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []
    run(faces, out, settings, resume=True)
    run(faces, tmp_path / "whole", settings)
    assert weights(out) == weights(tmp_path / "whole")
