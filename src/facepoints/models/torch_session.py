"""The networks of a run in PyTorch, called like a session of onnxruntime.

`inference.landmark_model` loads this module by its name when a model is to run on a GPU that
PyTorch has and onnxruntime has not, or whose ONNX file computes in 8 bits, which a GPU cannot.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facepoints._util.processors import processor_count
from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.devices import torch_device
from facepoints.models.graphed_model import GraphedModel
from facepoints.models.run import Run

__all__ = ["TorchSession", "cuda_name"]

_OUTPUTS = {"points": 0, "radius": 1, "score": 2, "visible": 4}
"""Fields of `LandmarkOutput` by the names of a model file's outputs."""


class TorchSession:
    """A run on a device. It may be called from several threads, and pickled: the copy reads the
    run again. It cannot be used after a fork.

    Args:
        folder: of the run.
        device: "auto", "cpu", "cuda" or "cuda:N".
        threads: see `threads` below; None: as many as processors.

    Attributes:
        threads: processor threads that may call it at a time. It does not use them itself.
        on_gpu: whether a GPU computes it.
        checksum: SHA-256 over the run's header and weights, 64 hex digits.
        landmarks: the run's.
        size: (height, width) of the crops.

    Raises:
        RunError: the run is damaged.
        SettingsError: this machine has no such device.
    """

    def __init__(self, folder: Path, device: str, threads: int | None = None) -> None:
        chosen = torch_device(device)
        self._run = Run.load(folder, chosen)
        self.on_gpu = chosen.type == "cuda"
        if self.on_gpu:
            self._run = _graphed(self._run)
        self._lock = Lock()
        self._folder, self._device, self._process = folder.absolute(), device, os.getpid()
        self._threads, self.threads = threads, threads or processor_count()
        self.checksum = _digest(folder)
        self.landmarks: LandmarkSet = self._run.landmarks
        self.size = self._run.size

    def run(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """The named outputs for crops (B, H, W) uint8; see `runtime.onnx_session.SharedSession`.

        Raises:
            SettingsError: this process is a fork of the one that loaded the run, or the GPU's
                memory does not hold a few crops.
        """
        if os.getpid() != self._process and self._device != "cpu":
            raise SettingsError(
                "a model on CUDA cannot be used after a fork; start the processes with "
                "multiprocessing.get_context('spawn'), or load the model in each of them"
            )
        try:
            with self._lock:  # a GPU computes one call at a time in any case
                output = self._run.predict(rows)
        except torch.OutOfMemoryError as error:
            raise SettingsError(
                f"the memory of device '{self._device}' does not hold a few crops; end other "
                f"programs that use this GPU, or choose another device"
            ) from error
        found = [output[_OUTPUTS[each]] for each in outputs]
        return [np.asarray(value) for value in found]

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchSession:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return TorchSession, (self._folder, self._device, self._threads)


def _graphed(run: Run) -> Run:
    """The run, whose networks compute small batches as CUDA graphs."""
    members: list[Any] = [replace(m, model=GraphedModel(m.model)) for m in run.members]  # pyright: ignore[reportArgumentType]
    return replace(run, members=tuple(members))


def cuda_name() -> str:
    """Names of PyTorch and of its GPU, for messages; empty if it sees no GPU."""
    if not torch.cuda.is_available():
        return ""
    return f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}"


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in (folder / "run.json", *sorted((folder / "weights").glob("*.safetensors"))):
        total.update(file.read_bytes())
    return total.hexdigest()
