"""Opens ONNX Runtime sessions: device, threads, errors, and no output on the console."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepoints._util.processors import processor_count
from facepoints.errors import ModelError, SettingsError
from facepoints.runtime.devices import CPU, no_device, parse_device, providers_of
from facepoints.runtime.onnx_library import import_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["open_session", "reason_of", "refusals"]

_MAX_THREADS = 256  # or the number of processors, if that is larger


def open_session(
    data: bytes, path: Path, device: str = "cpu", threads: int | None = None
) -> InferenceSession:
    """A session for the bytes of an ONNX file.

    Args:
        data: the bytes.
        path: file that the bytes were read from, for error messages.
        device: "cpu", "cuda", "cuda:N", "tensorrt", or "auto": CUDA if onnxruntime has it and the
            file does not compute in 8 bits, else the CPU.
        threads: processor threads that one call may use. None: all.

    Raises:
        ModelError: onnxruntime cannot run the model.
        SettingsError: this machine has no such device, or `threads` is out of range.
    """
    onnxruntime = import_onnxruntime()
    providers, options = providers_of(parse_device(device), data)
    kind = str(device).partition(":")[0]
    if providers[0] != CPU:
        onnxruntime.preload_dlls()  # the CUDA libraries that pip installed
    try:
        session = onnxruntime.InferenceSession(
            data,
            _options(threads),
            providers=list(providers),
            provider_options=options,
            enable_fallback=0,  # it prints, and computes on the CPU without a word
        )
    except refusals() as error:
        raise ModelError(
            f"{path} is not an ONNX file that onnxruntime {onnxruntime.__version__} can run, "
            f"or only a part of one: {reason_of(error)}"
        ) from error
    except RuntimeError as error:
        if providers[0] == CPU:
            raise
        raise SettingsError(no_device(kind, f"onnxruntime reports: {reason_of(error)}")) from error
    if providers[0] not in session.get_providers():
        raise SettingsError(no_device(kind, f"onnxruntime could not start {providers[0]}"))
    return session


def refusals() -> tuple[type[Exception], ...]:
    """The errors that onnxruntime raises for a model, or for rows, that it cannot run."""
    errors = import_onnxruntime().capi.onnxruntime_pybind11_state
    return (
        errors.InvalidProtobuf,
        errors.InvalidGraph,
        errors.InvalidArgument,
        errors.Fail,
        errors.NotImplemented,
        errors.RuntimeException,
        ValueError,  # an output that the file does not have, or a message that is not UTF-8
    )


def reason_of(error: Exception) -> str:
    """The message of onnxruntime in one line."""
    return " ".join(str(error).split())[:200]


def _options(threads: int | None) -> Any:
    count = _thread_count(threads)
    options = import_onnxruntime().SessionOptions()
    options.log_severity_level = 4  # failures are raised; nothing else belongs on the console
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = count or _cores()
    # Threads must not spin between two calls: they would take the processors from the other
    # session (detector or landmark model) and from everything else.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _thread_count(threads: int | None) -> int:
    """A number of threads that a user gave; 0 for None. Raises SettingsError."""
    if threads is None:
        return 0
    largest = max(_MAX_THREADS, os.cpu_count() or 0)
    try:
        count = -1 if isinstance(threads, bool) else operator.index(threads)
    except TypeError:
        count = -1
    if not 1 <= count <= largest:
        raise SettingsError(
            f"threads must be a whole number from 1 to {largest}, or None for all processors; is "
            f"{threads!r:.40}"
        )
    return count


def _cores() -> int:
    """Number of processors that this process may use; 0 (onnxruntime's default) if it may use all.

    By default onnxruntime pins its threads to processors, even to those that a container does
    not have.
    """
    allowed = processor_count()
    return 0 if allowed == os.cpu_count() else allowed
