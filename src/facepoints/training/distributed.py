"""Training in one process or in several: ranks, and sums over all of them.

torchrun gives every process its rank through the environment; without it there is one process.
"""

from __future__ import annotations

import gc
import os
import re
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from facepoints.errors import FacepointsError, SettingsError
from facepoints.models.devices import torch_device

__all__ = ["DistributedContext", "distributed_context"]

T = TypeVar("T")


@dataclass(frozen=True)
class DistributedContext:
    """This process among those that train together.

    Attributes:
        rank: index of this process; rank 0 writes the files.
        size: number of processes.
        device: device of this process.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_rank0(self) -> bool:
        """True if this process writes the files."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Sum of `value` over all processes, without a gradient."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def broadcast(self, value: float) -> float:
        """The value of rank 0."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def run_on_rank0(self, job: Callable[[], T]) -> T:
        """Run `job` on rank 0 only and return its result on every rank. The other processes need
        no access to its files.

        Raises:
            FacepointsError: on every rank, if `job` raises one.
        """
        if self.size == 1:
            return job()
        message: list[Any] = [None, None]  # result, error
        try:
            if self.is_rank0:
                message[0] = job()
        except FacepointsError as error:
            message[1] = str(error)
            raise
        finally:
            distributed.broadcast_object_list(message, 0, device=self.device)
        if message[1] is not None:
            raise FacepointsError(message[1])
        return message[0]

    def wrap_ddp(self, model: nn.Module) -> nn.Module:
        """The model, wrapped to average gradients over the processes if there are several."""
        return DistributedDataParallel(model) if self.size > 1 else model


@contextmanager
def distributed_context(device: str) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started, or be the only one.

    Contexts may be nested; an inner one uses the group of the outermost one.

    Args:
        device: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        SettingsError: no such device, not enough memory on it, or no processes to join.
        FacepointsError: another process ended while this one waited for it.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = torch_device(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if chosen.index is not None and chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    joins = size > 1 and not distributed.is_initialized()
    if joins:
        _join(chosen, size)
    try:
        ctx = DistributedContext(rank, size, chosen)
        yield ctx
        if joins and not _FAILED.is_set():
            # Barrier: nobody leaves while another process still needs an answer.
            float(ctx.total(torch.zeros((), device=chosen)))
    except BaseException as error:
        _FAILED.set()
        if isinstance(error, torch.OutOfMemoryError):
            raise SettingsError(
                f"{chosen} is out of memory; lower `batch` or `input_size`"
            ) from error
        if size > 1 and _is_lost_connection(error):
            raise FacepointsError(
                "another of the processes has ended; its own message says why"
            ) from error
        raise
    finally:
        if joins:
            _leave()


_FAILED = Event()
"""Set once an error passed through a context. The processes may then wait for different things,
so a last barrier could wait forever."""


def _join(device: torch.device, size: int) -> None:
    # Must be imported before there is a group. Its functions take the current group as default
    # argument and would keep it and its threads alive until the interpreter ends, where a running
    # thread aborts the process. DistributedDataParallel imports it too, but later (PyTorch 2.4
    # to 2.13).
    import torch.distributed.nn  # noqa: F401

    _FAILED.clear()
    name = _interface_to(os.environ.get("MASTER_ADDR", ""))
    if name:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", name)
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(
            f"WORLD_SIZE asks for {size} processes that train together, and this one could not "
            f"join the others ({reason}); start all of them with torchrun"
        ) from error


def _interface_to(address: str) -> str:
    """The network interface of this machine that reaches the machine of rank 0; empty if that is
    this one alone, or unknown.

    gloo listens on the address of the machine's own name otherwise, which is often 127.0.1.1, and
    the other machines wait for it without end.
    """
    if not sys.platform.startswith("linux"):
        return ""
    import fcntl

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # UDP: nothing is sent
            own = probe.getsockname()[0]
            for _, name in socket.if_nameindex():
                request = struct.pack("256s", name.encode()[:15])
                with suppress(OSError):  # an interface without an address
                    reply = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
                    if socket.inet_ntoa(reply[20:24]) == own and not own.startswith("127."):
                        return name
    except OSError:  # no such address, or IPv6
        return ""
    return ""


_SIOCGIFADDR = 0x8915
"""Request of Linux for the IPv4 address of an interface, of netdevice(7)."""


def _leave() -> None:
    """End the group's threads now, while the interpreter can still wait for them."""
    gc.collect()  # models in reference cycles hold the group
    try:
        distributed.destroy_process_group()
    except RuntimeError:
        if not _FAILED.is_set():  # else the first error is the helpful one
            raise


_GLOO = re.compile(r"gloo/\S+\.(cc|h):\d+\]|(closed|reset) by peer|broken pipe", re.IGNORECASE)
"""Message of a broken gloo connection. These errors have no type of their own; they begin with
a place in gloo's source, such as [/path/third_party/gloo/gloo/transport/tcp/pair.cc:537]."""


def _is_lost_connection(error: BaseException) -> bool:
    """True if this error means that another process has ended."""
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and _GLOO.search(str(error)) is not None
