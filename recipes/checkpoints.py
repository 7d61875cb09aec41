"""Checkpoints of the recipes that train one network with averaged weights."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn, optim

from facepoints.training.train_state import read_checkpoint, write_checkpoint

__all__ = ["restore", "save"]


def save(
    path: Path, net: nn.Module, average: nn.Module, optimizer: optim.Optimizer, step: int
) -> None:
    """Write both networks, the optimizer's state and the number of steps. Raises WriteError."""
    tensors = {f"net.{n}": t for n, t in net.state_dict().items()}
    tensors |= {f"average.{n}": t for n, t in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{n}": t for n, t in values.items()}
    # `read_checkpoint` asks for the member and the history that `facepoints train` writes
    write_checkpoint(path, tensors, {"member": 0, "history": [], "step": step})


def restore(path: Path, net: nn.Module, average: nn.Module, optimizer: optim.Optimizer) -> int:
    """Load what `save` wrote; return the number of steps. Raises RunError for a damaged file."""
    tensors, numbers = read_checkpoint(path)
    parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    net.load_state_dict(parts["net"])
    average.load_state_dict(parts["average"])
    state = optimizer.state_dict()
    for name, tensor in parts["optimizer"].items():
        index, key = name.split(".", 1)
        state["state"].setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(state)
    return int(numbers["step"])
