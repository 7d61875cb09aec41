"""`facepoints` as a worker that saves a checkpoint after every step. Its charts are empty.

    torchrun ... two_machines_worker.py SECONDS train ...
    python two_machines_worker.py SECONDS NAMESPACE,FOLDER NAMESPACE,FOLDER train ...

The first is a worker of torchrun. The second starts a worker on each of two machines, as torchrun
does, but both are forks of one process, which saves time. A worker waits for SECONDS before every
step, and writes its process number to `pid`. A fork writes what it says to `said`.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

import torch._dynamo  # noqa: F401 (every optimizer imports it; here before the fork)

from facepoints.cli.main import main
from facepoints.drawing import charts
from facepoints.training import batches, member_trainer

NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def work(pause: float, words: list[str]) -> None:
    """Be a worker."""
    Path("pid").write_text(str(os.getpid()))
    draw = batches.Batches.draw

    def slowly(*arguments, **named):
        time.sleep(pause)
        return draw(*arguments, **named)

    member_trainer.CHECKPOINT_SECONDS = -1.0
    batches.Batches.draw = slowly
    charts._save = lambda figure, path: path.write_bytes(b"no chart")
    sys.argv[1:] = words
    main()


def enter(namespace: str, folder: str) -> None:
    """Go to another machine, and say everything there."""
    os.chdir(folder)
    handle = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(handle, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), f"could not enter {namespace}")
    said = os.open("said", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)


def work_on_both(pause: float, machines: list[str], words: list[str]) -> int:
    """Fork a worker on each machine, and wait for them. Returns the number that failed."""
    children = []
    for rank, machine in enumerate(machines):
        child = os.fork()  # before PyTorch has computed anything
        if not child:
            enter(*machine.split(","))
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": str(len(machines))}
            work(pause, words)
            return 0
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    _, seconds, *rest = sys.argv
    if "RANK" in os.environ:
        work(float(seconds), rest)
    else:
        sys.exit(work_on_both(float(seconds), rest[:2], rest[2:]))
