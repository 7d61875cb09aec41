"""One process or several that train together: who is who, and sums over all.

`torchrun` tells every process its rank through the environment; without it there is one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from facepoints.errors import FacepointsError, SettingsError

__all__ = ["World", "world"]

T = TypeVar("T")


@dataclass(frozen=True)
class World:
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
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Sum of `value` over all processes, without a gradient."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def first_says(self, value: float) -> float:
        """The value that rank 0 has."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def from_first(self, job: Callable[[], T]) -> T:
        """What `job` returns on rank 0, which alone runs it; the others need not see its files.

        Raises:
            FacepointsError: everywhere, if `job` raises one.
        """
        if self.size == 1:
            return job()
        said: list[Any] = [None, None]
        try:
            if self.first:
                said[0] = job()
        except FacepointsError as error:
            said[1] = str(error)
            raise
        finally:
            distributed.broadcast_object_list(said, 0, device=self.device)
        if said[1] is not None:
            raise FacepointsError(said[1])
        return said[0]

    def spread(self, model: nn.Module) -> nn.Module:
        """The model as it trains here: averaging gradients if there are several processes."""
        return DistributedDataParallel(model) if self.size > 1 else model


@contextmanager
def world(device: str) -> Iterator[World]:
    """Join the processes that torchrun started, or be the only one.

    Args:
        device: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        SettingsError: no such device here, or not enough memory on it.
        FacepointsError: another process ended while this one waited for it.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    joins = size > 1 and not distributed.is_initialized()  # a job may call another
    if joins:
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, size, chosen)
    except torch.OutOfMemoryError as error:
        raise SettingsError(f"{chosen} is out of memory; lower --batch or --size") from error
    except RuntimeError as error:
        if size > 1 and "closed by peer" in str(error):  # gloo's, which has no type of its own
            raise FacepointsError(
                "another of the processes has ended; its own message says why"
            ) from error
        raise
    finally:
        if joins:
            distributed.destroy_process_group()


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
