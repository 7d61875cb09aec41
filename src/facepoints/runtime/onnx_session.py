"""Sessions of onnxruntime: on which device, with how many threads, without a word on the
console."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["SharedSession", "open_session"]

_FEW = 8  # rows from which one processor alone is worth it,
_MANY = 64  # and beyond which more at once, all processors together, only take memory
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def open_session(
    data: bytes, path: Path, device: str = "cpu", threads: int | None = None
) -> InferenceSession:
    """A session for the bytes of an ONNX file.

    Args:
        path: where the bytes come from, for messages.
        device: "cpu", "cuda", "cuda:N", or "auto": CUDA if onnxruntime has it, else the CPU.
        threads: processor threads that one call may use; None: all.

    Raises:
        ModelError: onnxruntime cannot run them.
        SettingsError: a device or a number of threads that this machine cannot give.
    """
    import onnxruntime  # a third of a second that `import facepoints` should not take

    there = onnxruntime.get_available_providers()
    provider, number = _provider(device, has_cuda=_CUDA in there)
    if provider == _CUDA:
        if _CUDA not in there:
            raise SettingsError(_no_cuda("this onnxruntime was built without CUDA"))
        onnxruntime.preload_dlls()  # CUDA as pip installs it
    # Written in C++, without types.
    errors = onnxruntime.capi.onnxruntime_pybind11_state  # pyright: ignore[reportAttributeAccessIssue]
    refused = (
        errors.InvalidProtobuf,
        errors.InvalidGraph,
        errors.InvalidArgument,
        errors.Fail,
        errors.NotImplemented,
        errors.RuntimeException,
    )
    try:
        session = onnxruntime.InferenceSession(
            data,
            _options(threads),
            providers=[provider],
            provider_options=[{} if provider == _CPU else {"device_id": number}],
        )
    except refused as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{path} is not an ONNX file that onnxruntime {onnxruntime.__version__} can run, "
            f"or only a part of one: {reason}"
        ) from error
    if provider not in session.get_providers():
        raise SettingsError(_no_cuda("onnxruntime could not start CUDA on this machine"))
    return session


class SharedSession:
    """A session that large batches go through in parts, one for each processor.

    Threads that compute the same layer together wait for each other at its end. With a few rows
    each of its own they do not, which is a third quicker from some dozen rows on. Of one row,
    or few, all threads compute the layers together.

    Args:
        data, path, device, threads: see `open_session`.

    Raises:
        ModelError, SettingsError: see there.
    """

    def __init__(
        self, data: bytes, path: Path, device: str = "cpu", threads: int | None = None
    ) -> None:
        self._together = open_session(data, path, device, threads)
        on_cpu = _CPU in self._together.get_providers()[:1]
        self._workers = (threads or len(_allowed()) or 1) if on_cpu else 1
        self._source = (data, path) if self._workers > 1 else None

    def run(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of outputs for rows (B, ...) of the one input, called so."""
        share = min(self._workers, len(rows) // _FEW)
        if share < 2 and len(rows) <= _MANY:
            return [np.asarray(part) for part in self._together.run(outputs, {name: rows})]
        most = max(_MANY // max(share, 1), _FEW)
        parts = np.array_split(rows, max(share, -(-len(rows) // most)))
        if share > 1:
            alone, threads = self._apart
            answers = list(threads.map(lambda part: alone.run(outputs, {name: part}), parts))
        else:
            answers = [self._together.run(outputs, {name: part}) for part in parts]
        return [np.concatenate(part) for part in zip(*answers, strict=True)]

    @cached_property
    def _apart(self) -> tuple[InferenceSession, ThreadPoolExecutor]:
        """A session that computes in the thread that calls it, and threads to call it."""
        assert self._source is not None
        alone = open_session(*self._source, threads=1)
        return alone, ThreadPoolExecutor(self._workers, thread_name_prefix="facepoints")


def _provider(device: str, has_cuda: bool) -> tuple[str, int]:
    """The execution provider of a device, and the number of the GPU."""
    if device == "auto":
        return (_CUDA if has_cuda else _CPU), 0
    kind, colon, number = device.partition(":")
    if device == "cpu":
        return _CPU, 0
    if kind == "cuda" and (number.isdecimal() or not colon):
        return _CUDA, int(number or 0)
    raise SettingsError(f"no device '{device}'; choose auto, cpu, cuda or cuda:N")


def _no_cuda(reason: str) -> str:
    return (
        f"no device 'cuda' here: {reason}; put onnxruntime-gpu in the place of onnxruntime "
        f"and see to the driver, or choose cpu"
    )


def _options(threads: int | None) -> Any:
    import onnxruntime

    if threads is not None and threads < 1:
        raise SettingsError(f"threads must be 1 or more, is {threads}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised; nothing else belongs on the console
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or _cores()
    # Between two answers threads must not wait busily: they would take the processors from
    # the other session, of the finder or of the points, and from everything else.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _cores() -> int:
    """Processors that this process may use; 0, onnxruntime's own choice, if that is all.

    Left alone, onnxruntime ties its threads to processors, also to those that a container
    does not have.
    """
    allowed = len(_allowed())
    return 0 if allowed == os.cpu_count() else allowed


def _allowed() -> Sequence[int]:
    """Numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 0)
