"""One process or several that train together: who is who, and sums over all.

`torchrun` tells every process its rank through the environment; without it there is one.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from facepoints.errors import FacepointsError, SettingsError

__all__ = ["DistributedContext", "distributed_context"]

T = TypeVar("T")


@dataclass(frozen=True)
class DistributedContext:
    """This process among those that train together.

    Attributes:
        rank: number of this process; 0 writes the files.
        size: how many there are.
        device: where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_rank0(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Sum of `value` over all processes, without a gradient."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def broadcast(self, value: float) -> float:
        """The value that rank 0 has."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def run_on_rank0(self, job: Callable[[], T]) -> T:
        """What `job` returns on rank 0, which alone runs it; the others need not see its files.

        Raises:
            FacepointsError: everywhere, if `job` raises one.
        """
        if self.size == 1:
            return job()
        said: list[Any] = [None, None]
        try:
            if self.is_rank0:
                said[0] = job()
        except FacepointsError as error:
            said[1] = str(error)
            raise
        finally:
            distributed.broadcast_object_list(said, 0, device=self.device)
        if said[1] is not None:
            raise FacepointsError(said[1])
        return said[0]

    def wrap_ddp(self, model: nn.Module) -> nn.Module:
        """The model as it trains here: averaging gradients if there are several processes."""
        return DistributedDataParallel(model) if self.size > 1 else model


@contextmanager
def distributed_context(device: str) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started, or be the only one.

    Worlds may lie inside one another, as a job may call another; all are the outermost one.

    Args:
        device: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        SettingsError: no such device here, or not enough memory on it; no partners to join.
        FacepointsError: another process ended while this one waited for it.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    joins = size > 1 and not distributed.is_initialized()
    if joins:
        _join(chosen, size)
    try:
        here = DistributedContext(rank, size, chosen)
        yield here
        if joins and not _DOUBT.is_set():
            # Nobody hangs up while another still listens.
            float(here.total(torch.zeros((), device=chosen)))
    except BaseException as error:
        _DOUBT.set()
        if isinstance(error, torch.OutOfMemoryError):
            raise SettingsError(f"{chosen} is out of memory; lower --batch or --size") from error
        if size > 1 and _lost_partner(error):
            raise FacepointsError(
                "another of the processes has ended; its own message says why"
            ) from error
        raise
    finally:
        if joins:
            _leave()


_DOUBT = Event()
"""Set once an error went through a world: the partners may now wait for different things,
so that a last barrier could wait forever."""


def _join(device: torch.device, size: int) -> None:
    # Loaded before there is a group: its functions take the group there is at that time as
    # default argument and would keep it, and its threads, alive beyond the end of the
    # interpreter, where a thread that still has something to do aborts the process.
    # DistributedDataParallel loads it otherwise, once there is a group (PyTorch 2.4 to 2.13).
    import torch.distributed.nn

    _DOUBT.clear()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(
            f"WORLD_SIZE asks for {size} processes that train together, and this one could not "
            f"join the others ({said}); start all of them with torchrun"
        ) from error


def _leave() -> None:
    """End the group's threads now, while the interpreter can still wait for them."""
    gc.collect()  # models in reference cycles hold the group
    try:
        distributed.destroy_process_group()
    except RuntimeError:
        if not _DOUBT.is_set():  # else the error that is on its way says more
            raise


_GLOO = re.compile(r"gloo/\S+\.(cc|h):\d+\]|(closed|reset) by peer|broken pipe", re.IGNORECASE)
"""How gloo says that a connection broke: its errors have no type of their own but begin with
their place in its source, as in [/path/third_party/gloo/gloo/transport/tcp/pair.cc:537]."""


def _lost_partner(error: BaseException) -> bool:
    """Whether this is what a process meets whose partner has gone."""
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and _GLOO.search(str(error)) is not None


def _device(name: str, local_rank: int | None) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(f"no device '{name}'; choose auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SettingsError(f"device '{name}' was asked for, but PyTorch sees no CUDA device")
        if device.index is None and local_rank is not None:
            device = torch.device("cuda", local_rank)
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise SettingsError(
                f"device '{device}' was asked for, PyTorch sees {torch.cuda.device_count()}"
            )
    elif device.type != "cpu":
        raise SettingsError(f"no device '{name}'; choose auto, cpu, cuda or cuda:N")
    return device
