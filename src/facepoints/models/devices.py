"""The device that PyTorch computes on, by its name on the command line."""

from __future__ import annotations

import torch

from facepoints.errors import SettingsError

__all__ = ["to_device", "torch_device"]


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the CPU on a device. A copy to a GPU goes through page-locked memory, so that
    this process need not wait until the GPU has done all work before it."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def torch_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device of a name.

    Args:
        name: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:1".
        local_rank: number of this process on its machine: the number of its GPU, if the name has
            none. None: a single process.

    Raises:
        SettingsError: this machine has no such device.
    """
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
