"""Sessions of onnxruntime: on which device, with how many threads, without a word on the
console."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from facepoints.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["Device", "open_session"]

Device = Literal["cpu", "cuda"]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_session(
    data: bytes, path: Path, device: str = "cpu", threads: int | None = None
) -> InferenceSession:
    """A session for the bytes of an ONNX file.

    Args:
        path: where the bytes come from, for messages.
        device: "cpu", or "cuda" where onnxruntime has it.
        threads: processor threads that one call may use; None: all.

    Raises:
        ModelError: onnxruntime cannot run them.
        SettingsError: a device or a number of threads that this machine cannot give.
    """
    import onnxruntime  # a third of a second that `import facepoints` should not take

    if device not in _PROVIDERS:
        raise SettingsError(f"no device '{device}'; choose one of: {', '.join(_PROVIDERS)}")
    provider = _PROVIDERS[device]
    if device == "cuda":
        if provider in onnxruntime.get_available_providers():
            onnxruntime.preload_dlls()  # CUDA as pip installs it
        else:
            raise SettingsError(_no_cuda("this onnxruntime was built without CUDA"))
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
        session = onnxruntime.InferenceSession(data, _options(threads), providers=[provider])
    except refused as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{path} is not an ONNX file that onnxruntime {onnxruntime.__version__} can run, "
            f"or only a part of one: {reason}"
        ) from error
    if provider not in session.get_providers():
        raise SettingsError(_no_cuda("onnxruntime could not start CUDA on this machine"))
    return session


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
    if not hasattr(os, "sched_getaffinity"):
        return 0
    allowed = len(os.sched_getaffinity(0))
    return 0 if allowed == os.cpu_count() else allowed
