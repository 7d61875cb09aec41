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
from facepoints.runtime.shared_session import SharedSession

__all__ = ["NetworkSession", "RunSession", "describe_devices", "open_network"]

_TORCH = "facepoints.models.torch_session"
"""Loaded by its name: prediction does not depend on PyTorch, nor on the package `models`."""


class NetworkSession(Protocol):
    """The network of a `LandmarkModel`, which calls it, also from several threads.

    Attributes:
        threads: processor threads that may be used.
        on_gpu: whether a GPU computes it.
    """

    threads: int
    on_gpu: bool

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
        reason = _why_no_torch()
        if not reason:
            return importlib.import_module(_TORCH).TorchSession(run, device, threads)
        if kind == "cuda":
            raise SettingsError(
                f"no device 'cuda' here: {reason}; check the driver and PyTorch with 'facepoints "
                f"info', or choose cpu"
            )
    return SharedSession(data, path, device, threads)


def _onnxruntime_has_gpu(data: bytes) -> bool:
    available = import_onnxruntime().get_available_providers()
    return CUDA in available and not is_quantized(data)


def _why_no_torch() -> str:
    """Say why PyTorch cannot compute on a GPU; empty if it can."""
    if find_spec("torch") is None or find_spec("safetensors") is None:
        return "PyTorch is not installed (facepoints[train])"
    try:
        return "" if importlib.import_module(_TORCH).cuda_name() else "PyTorch sees no GPU"
    except (ImportError, RuntimeError, OSError) as error:
        return f"PyTorch reports: {' '.join(str(error).split())[:200]}"


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
        reason = _why_no_torch()
        name = reason or importlib.import_module(_TORCH).cuda_name()
        lines.append(f"device cuda: {f'not available: {reason}' if reason else f'{name}, float32'}")
    return lines
