"""Training over two machines: two network namespaces of this one, joined by a virtual cable."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE, wait_until

from facepoints.datasets import synthetic
from facepoints.datasets.writers import write_kaggle
from facepoints.models.run import Run
from facepoints.training import distributed

WORKER = Path(__file__).with_name("two_machines_worker.py")
EPOCHS = 3
TRAIN = (
    f"train training.csv --out run --network lenet5 --epochs {EPOCHS} --batch 16 --validation 0.2 "
    "--augment light --no-onnx --device cpu"
)


@dataclass(frozen=True)
class Machine:
    """A namespace with its address, and a folder of its own."""

    namespace: str
    address: str
    folder: Path

    def torchrun(self, rank: int, master: str, pause: float) -> subprocess.Popen[str]:
        """Start torchrun with one worker."""
        torchrun = f"-m torch.distributed.run --nnodes 2 --node-rank {rank} --nproc-per-node 1"
        address = f"--master-addr {master} --master-port 29517"
        words = f"{torchrun} {address} {WORKER} {pause} {TRAIN}".split()
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, sys.executable, *words],
            cwd=self.folder,
            env=environment(),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("SOCKET_IFNAME")}
    return inherited | {"OMP_NUM_THREADS": "1"}


def resume(machines: tuple[Machine, Machine]) -> subprocess.Popen[str]:
    """Start a worker on each machine, without torchrun."""
    places = [f"{machine.namespace},{machine.folder}" for machine in machines]
    return subprocess.Popen(
        [sys.executable, str(WORKER), "0", *places, *TRAIN.split(), "--resume"],
        env=environment() | {"MASTER_ADDR": machines[0].address, "MASTER_PORT": "29518"},
        start_new_session=True,
        text=True,
    )


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, timeout=PATIENCE)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    if shutil.which("ip") is None:
        pytest.skip("no command 'ip' here")
    number = os.getpid()
    made = []
    try:
        for side, last in (("a", 1), ("b", 2)):
            folder = tmp_path / side
            folder.mkdir()
            made.append(Machine(f"fp{side}{number}", f"10.213.77.{last}", folder))
            try:
                ip(f"netns add {made[-1].namespace}")
            except subprocess.CalledProcessError as error:
                made.pop()
                pytest.skip(f"network namespaces are not allowed here: {error.stderr!r:.80}")
        first, second = made
        try:
            ends = f"netns {first.namespace} type veth peer name cable netns {second.namespace}"
            ip(f"link add cable {ends}")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"virtual cables are not allowed here: {error.stderr!r:.80}")
        for machine in made:
            ip(f"-n {machine.namespace} address add {machine.address}/24 dev cable")
            ip(f"-n {machine.namespace} link set cable up")
            ip(f"-n {machine.namespace} link set lo up")
        yield first, second
    finally:
        for machine in made:
            ip(f"netns delete {machine.namespace}")


@pytest.mark.slow
def test_two_machines_train_together_and_one_may_die(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    faces = synthetic.kaggle_like(60, seed=0, size=32)
    for machine in machines:
        write_kaggle(faces, machine.folder / "training.csv")
    started = [m.torchrun(rank, first.address, 0.3) for rank, m in enumerate(machines)]
    try:
        wait_until((first.folder / "run" / "checkpoint.safetensors").exists, started[0])
        os.kill(int((second.folder / "pid").read_text()), signal.SIGKILL)
        said = started[0].communicate(timeout=PATIENCE)[0]  # not gloo's half an hour
        assert "another of the processes has ended" in said
        assert started[0].returncode != 0
        started[1].communicate(timeout=PATIENCE)
        assert started[1].returncode != 0
        header = json.loads((first.folder / "run" / "run.json").read_text())
        assert not header["finished"]
        started.append(resume(machines))
        failed = started[-1].wait(PATIENCE)
        said, other = ((machine.folder / "said").read_text() for machine in machines)
        assert failed == 0, said + other
    finally:
        for process in started:  # with its workers
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert "a new one begins" not in said
    assert not (second.folder / "run").exists()  # the first machine writes the files
    lines = (first.folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, EPOCHS + 1))
    assert np.isfinite(Run.load(first.folder / "run").predict(faces.images).points).all()


def test_the_interface_to_another_machine_is_found_by_its_address() -> None:
    assert distributed._interface_to("127.0.0.1") == ""
    assert distributed._interface_to("256.0.0.1") == ""
    assert distributed._interface_to("") == ""
