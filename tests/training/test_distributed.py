"""Two processes that train together take the same steps as one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ports import free_port
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor
from waiting import PATIENCE

from facepoints._util.progress import StopRequest, TrainingProgress
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_kaggle
from facepoints.drawing import charts
from facepoints.errors import FacepointsError, SettingsError, WriteError
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.run import Run
from facepoints.training.compare import compare
from facepoints.training.distributed import DistributedContext, distributed_context
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

STEPS = TrainSettings(
    network="lenet5",
    epochs=1,
    batch=7,
    augment="none",
    validation=0,
    ema=0,
    device="cpu",
    precision="float32",  # the processes round other sums
)
QUIET = Console(file=io.StringIO())


def uneven() -> Samples:
    """Seven faces, one with 15 labels and six with one: 21, which no two processes halve."""
    faces = synthetic.render(7, seed=0, size=32).as_landmarks(KAGGLE_15)
    labelled = np.zeros_like(faces.labelled)
    labelled[0], labelled[np.arange(1, 7), np.arange(1, 7)] = True, True
    return faces.with_points(faces.points, labelled)


def one_step(loss: str, ctx: DistributedContext, out: Path) -> dict[str, Tensor]:
    """Gradients and weights after a step of all seven faces."""
    faces = uneven()
    settings = replace(STEPS, loss=loss)
    trainer = MemberTrainer(0, faces, faces.take([]), settings, ctx)
    with TrainingProgress(QUIET, False) as progress, StopRequest() as stop:
        trainer.run(out, [], progress, stop)
    assert trainer.state.step == 1
    tensors: dict[str, Tensor] = {}
    for name, weight in trainer.state.model.named_parameters():
        assert weight.grad is not None
        tensors[f"{loss}.gradient.{name}"] = weight.grad.contiguous()
        tensors[f"{loss}.weight.{name}"] = weight.detach().contiguous()
    return tensors


def be_one_of_two(out: Path) -> None:
    """Body of each of the two processes."""
    torch.set_num_threads(1)
    charts._save = lambda figure, path: path.write_bytes(b"no chart")
    with distributed_context("cpu") as ctx:
        tensors = one_step("mse", ctx, out) | one_step("rmse", ctx, out)
        save_file(tensors, out / f"{ctx.rank}.safetensors")
        faces = synthetic.kaggle_like(32, seed=0, size=32)
        settings = replace(STEPS, batch=8, validation=0.3)
        report = compare(
            faces, out / "compare", ["lenet5"], ["drop", "mask"], settings, console=QUIET
        )
        message = ""
        try:
            train(faces, out / "compare" / "mask-lenet5", settings, onnx=False, console=QUIET)
        except FacepointsError as error:
            message = str(error)
        (out / f"{ctx.rank}.json").write_text(json.dumps([report, message]))
        fail_alone(out)
    end = time.monotonic() + PATIENCE  # a thread that has been joined may be listed a moment longer
    while (threads := communicating()) and time.monotonic() < end:
        time.sleep(0.01)
    (out / f"threads-{ctx.rank}.json").write_text(json.dumps(threads))
    be_killed(out)


def communicating() -> list[str]:
    """Names of the threads of this process that talk to others."""
    names = []
    for file in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has just ended
            names.append(file.read_text().strip())
    return [name for name in names if "gloo" in name or "store" in name]


def be_killed(out: Path) -> None:
    """One of the two is killed while the other waits for it."""
    rank = int(os.environ["RANK"])
    os.environ["MASTER_PORT"] = os.environ["MASTER_PORT_AGAIN"]
    try:
        with distributed_context("cpu") as ctx:
            ctx.total(torch.ones(1))
            if ctx.is_rank0:
                os.kill(os.getpid(), signal.SIGKILL)
            ctx.total(torch.ones(1))
    except FacepointsError as error:
        (out / f"survived-{rank}.txt").write_text(str(error))


def fail_alone(out: Path) -> None:
    """One of the two cannot go on while the other waits for it."""
    rank = int(os.environ["RANK"])
    try:
        with distributed_context("cpu") as ctx:
            ctx.total(torch.ones(1))
            if ctx.is_rank0:
                raise WriteError("the disk is full")
            ctx.total(torch.ones(1))
    except FacepointsError as error:
        (out / f"failed-{rank}.txt").write_text(str(error))


def be_two(out: Path) -> None:
    """Body of the process whose forks are the two: what takes long is imported once."""
    import torch._dynamo  # noqa: F401 (every optimizer does)

    children = []
    for rank in range(2):
        child = os.fork()  # before PyTorch has computed anything
        if not child:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            be_one_of_two(out)
            return  # and the interpreter ends
        children.append(child)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    (out / "ended.json").write_text(json.dumps(ended))


def two_processes(out: Path) -> list[int]:
    """Exit statuses of the two."""
    more = {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    more |= {"PYTHONPATH": str(Path(__file__).parents[1])}  # of the modules of tests
    more |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    more |= {"MASTER_PORT_AGAIN": str(free_port())}
    code = f"import pathlib, test_distributed as t; t.be_two(pathlib.Path({str(out)!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **more},
        cwd=Path(__file__).parent,
        start_new_session=True,
    )
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return json.loads((out / "ended.json").read_text())


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that two processes wrote."""
    out = tmp_path_factory.mktemp("two")
    assert two_processes(out) == [-signal.SIGKILL, 0]
    return out


@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_a_step_of_two_processes_equals_the_step_of_one(
    loss: str, together: Path, tmp_path: Path
) -> None:
    alone = one_step(loss, DistributedContext(0, 1, torch.device("cpu")), tmp_path)
    shared = load_file(together / "0.safetensors")
    for name, tensor in alone.items():
        scale = float(tensor.abs().max())
        torch.testing.assert_close(shared[name], tensor, rtol=1e-3, atol=1e-4 * scale, msg=name)


def test_both_processes_end_with_the_same_weights(together: Path) -> None:
    first, second = (load_file(together / f"{rank}.safetensors") for rank in range(2))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def test_both_processes_get_the_comparison_and_its_errors(together: Path) -> None:
    first, second = (json.loads((together / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    report, message = first
    assert [cell["missing"] for cell in report["cells"]] == ["drop", "mask"]
    assert all(cell["rmse"] > 0 for cell in report["cells"])
    assert "holds a run already" in message


def test_when_one_process_fails_the_other_ends_with_a_clear_line(together: Path) -> None:
    messages = [(together / f"failed-{rank}.txt").read_text() for rank in range(2)]
    assert messages[0] == "the disk is full"
    assert "another of the processes has ended" in messages[1]


def test_no_thread_of_the_group_outlives_its_context(together: Path) -> None:
    """A thread that does can abort the process when the interpreter ends."""
    for rank in range(2):
        assert json.loads((together / f"threads-{rank}.json").read_text()) == []


def test_when_one_process_is_killed_the_other_ends_with_a_clear_line(together: Path) -> None:
    assert "another of the processes has ended" in (together / "survived-1.txt").read_text()
    assert not (together / "survived-0.txt").exists()


def test_a_process_without_others_to_join_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(SettingsError, match="start all of them with torchrun"),
        distributed_context("cpu"),
    ):
        raise AssertionError("there is nothing to join")


@pytest.mark.slow
def test_torchrun_writes_a_usable_run(tmp_path: Path) -> None:
    faces = synthetic.kaggle_like(48, seed=0, size=48)
    write_kaggle(faces, tmp_path / "training.csv")
    words = f"{tmp_path}/training.csv --out {tmp_path}/run --network lenet5 --epochs 2 --batch 8"
    done = subprocess.run(
        f"{sys.executable} -m torch.distributed.run --nproc-per-node 2 --master-port {free_port()} "
        f"-m facepoints train {words} --device cpu --no-onnx".split(),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the run is in") == 1, "only rank 0 prints"
    history = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2]
    points = Run.load(tmp_path / "run").predict(faces.images).points
    assert points.shape == (48, 19, 2)
    assert np.isfinite(points).all()
