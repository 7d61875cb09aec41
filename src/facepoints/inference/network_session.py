"""Opens the network of a model file where it is to run: onnxruntime, or PyTorch on a GPU."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.runtime.devices import CUDA, is_quantized, parse_device
from facepoints.runtime.onnx_library import import_onnxruntime
from facepoints.runtime.onnx_session import SharedSession

__all__ = ["NetworkSession", "RunSession", "describe_devices", "open_network"]

_TORCH = "facepoints.models.torch_session"
"""Loaded by its name: prediction does not depend on PyTorch, nor on the package `models`."""


class NetworkSession(Protocol):
    """What `LandmarkModel` calls."""

    def run(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of the named outputs for rows (B, ...) of the input `name`."""
        ...


class RunSession(NetworkSession, Protocol):
    """A session that computes a run's own weights; `models.torch_session.TorchSession`."""

    checksum: str
    landmarks: LandmarkSet
    size: tuple[int, int]


def open_network(
    data: bytes, path: Path, run: Path | None, device: str, threads: int | None
) -> SharedSession | RunSession:
    """A session for a landmark network.

    On a GPU, onnxruntime runs the file if it has CUDA and the file does not compute in 8 bits.
    Otherwise PyTorch runs the float weights of `run`.

    Args:
        data: bytes of the ONNX file.
        path: of the file, for messages.
        run: run folder with the same network; None: there is none.
        device: "cpu", "cuda", "cuda:N", "tensorrt", or "auto": a GPU if one of both can use it,
            else the CPU.
        threads: processor threads that one call may use on the CPU. None: all.

    Raises:
        ModelError: onnxruntime cannot run the file.
        RunError: the run is damaged.
        SettingsError: this machine has no such device, or `threads` is out of range.
    """
    kind = parse_device(device).kind
    if run is not None and kind in ("auto", "cuda") and not _onnxruntime_has_gpu(data):
        session = _torch_session(run, device)
        if session is not None:
            return session
    return SharedSession(data, path, device, threads)


def _onnxruntime_has_gpu(data: bytes) -> bool:
    available = import_onnxruntime().get_available_providers()
    return CUDA in available and not is_quantized(data)


def _torch_session(run: Path, device: str) -> RunSession | None:
    """A session of PyTorch on a GPU; None if PyTorch is missing or sees none."""
    if find_spec("torch") is None or find_spec("safetensors") is None:
        return None
    torch_session = importlib.import_module(_TORCH)
    if not torch_session.cuda_name():
        return None
    return torch_session.TorchSession(run, device)


def describe_devices(file: Path, run: Path | None) -> list[str]:
    """A line per device: what computes a landmark network there, or why nothing does.

    Args:
        file: ONNX file of the network.
        run: run folder with the same network; None: there is none.
    """
    version = import_onnxruntime().__version__
    try:
        data = file.read_bytes()
    except OSError as error:
        return [f"devices: could not read {file}: {error.strerror or error}"]
    bits = "8 bits" if is_quantized(data) else "float32"
    lines = [f"device cpu: onnxruntime {version}, {bits}"]
    if _onnxruntime_has_gpu(data):
        lines.append(f"device cuda: onnxruntime {version}, {bits}")
    elif run is not None:
        lines.append(f"device cuda: {_torch_line()}")
    return lines


def _torch_line() -> str:
    if find_spec("torch") is None or find_spec("safetensors") is None:
        return "not available: PyTorch is not installed (facepoints[train])"
    try:
        name = importlib.import_module(_TORCH).cuda_name()
    except (SettingsError, RuntimeError, OSError) as error:
        return f"not available: PyTorch reports: {' '.join(str(error).split())[:200]}"
    return f"{name}, float32" if name else "not available: PyTorch sees no GPU"
