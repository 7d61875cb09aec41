"""ONNX Runtime sessions: device, threads, large batches, and no output on the console."""

from __future__ import annotations

import ctypes
import hashlib
import operator
import os
import sys
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import ModelError, SettingsError
from facepoints.runtime.devices import CPU, no_device, parse_device, providers_of
from facepoints.runtime.onnx_library import import_onnxruntime
from facepoints.runtime.repeatable import PIECE, has_own_thread, is_repeatable
from facepoints.runtime.thread_choice import ThreadChoice

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["SharedSession", "allowed_processors"]

_MIN_PART = 8  # rows; fewer are not worth a processor of their own
_MAX_PART = 64  # rows; larger batches only take memory, even on all processors together
_MAX_PART_ON_GPU = 1024  # rows
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
    except _refusals() as error:
        raise ModelError(
            f"{path} is not an ONNX file that onnxruntime {onnxruntime.__version__} can run, "
            f"or only a part of one: {_reason(error)}"
        ) from error
    except RuntimeError as error:
        if providers[0] == CPU:
            raise
        raise SettingsError(no_device(kind, f"onnxruntime reports: {_reason(error)}")) from error
    if providers[0] not in session.get_providers():
        raise SettingsError(no_device(kind, f"onnxruntime could not start {providers[0]}"))
    return session


def _refusals() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a model that it cannot run."""
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


def _reason(error: Exception) -> str:
    """The message of onnxruntime in one line."""
    return " ".join(str(error).split())[:200]


class SharedSession:
    """A session that several threads may call, and that splits large batches.

    On the CPU a large batch is split into parts, one for each processor. Threads that compute a
    layer of one batch together wait for each other at its end; threads with parts of their own
    do not, which is a third faster from some dozen rows on. Small batches are computed by all
    threads together or by one, whichever is faster at the moment (`ThreadChoice`).

    A session can be pickled: it is opened again from its file, or from the bytes if the file is
    gone. Copies share the session, which has no state. After a fork, the child opens the session
    again when it first uses it, because threads do not survive a fork.

    Args:
        data, path, device, threads: see `open_session`.

    Attributes:
        threads: processor threads that may be used.
        on_gpu: whether a GPU computes it.

    Raises:
        ModelError, SettingsError: see `open_session`.
    """

    def __init__(
        self, data: bytes, path: Path, device: str = "cpu", threads: int | None = None
    ) -> None:
        self._together: InferenceSession | None = open_session(data, path, device, threads)
        self._parts: tuple[InferenceSession, ThreadPoolExecutor] | None = None
        self.on_gpu = CPU not in self._together.get_providers()[:1]
        self.threads = threads or len(allowed_processors()) or 1
        self._workers = 1 if self.on_gpu else self.threads
        self._data, self._path = data, Path(os.path.abspath(path))
        self._device, self._threads = device, threads
        self._choice = ThreadChoice()
        self._opening = Lock()
        _OPEN.add(self)

    def run(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of the named outputs for rows (B, ...) of the model's one input, `name`.

        Raises:
            ModelError: the model has no such output, takes other rows, or fails.
            SettingsError: the model runs on CUDA and this process is a fork of the one that
                loaded it.
        """
        try:
            return self._run(outputs, name, rows)
        except _refusals() as error:
            raise ModelError(f"{self._path} could not be run: {_reason(error)}") from error

    def _run(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[NDArray[Any]]:
        if not self.on_gpu and is_repeatable() and (len(rows) > 1 or has_own_thread()):
            return self._run_pieces(outputs, name, rows)
        share = min(self._workers, len(rows) // _MIN_PART)
        most = _MAX_PART_ON_GPU if self.on_gpu else _MAX_PART
        if share < 2 and len(rows) <= most:
            return [np.asarray(part) for part in self._run_small(outputs, name, rows)]
        largest = max(most // max(share, 1), _MIN_PART)
        parts = np.array_split(rows, max(share, -(-len(rows) // largest)))
        if share > 1:
            single, pool = self._single_threaded()
            results = list(pool.map(lambda part: single.run(outputs, {name: part}), parts))
        else:
            results = [self._shared().run(outputs, {name: part}) for part in parts]
        return [np.concatenate(part) for part in zip(*results, strict=True)]

    def _run_pieces(
        self, outputs: Sequence[str], name: str, rows: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Run pieces that do not depend on the number of threads (`runtime.repeatable`)."""
        pieces = np.array_split(rows, -(-len(rows) // PIECE))  # none has one row, unless it is all
        if self._workers < 2:
            results = [self._shared().run(outputs, {name: piece}) for piece in pieces]
        elif has_own_thread():
            single, _ = self._single_threaded()
            results = [single.run(outputs, {name: piece}) for piece in pieces]
        else:
            single, pool = self._single_threaded()
            results = list(pool.map(lambda piece: single.run(outputs, {name: piece}), pieces))
        return [np.concatenate(values) for values in zip(*results, strict=True)]

    def _run_small(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[Any]:
        """Run a small batch with all threads together or with one."""
        if self._workers < 2:
            return list(self._shared().run(outputs, {name: rows}))
        use_all = self._choice.use_all()
        session = self._shared() if use_all else self._single_threaded()[0]
        begin = time.perf_counter()
        results = list(session.run(outputs, {name: rows}))
        self._choice.record(use_all, time.perf_counter() - begin, rows.size)
        return results

    def _shared(self) -> InferenceSession:
        """The session that computes with all threads together."""
        session = self._together
        if session is None:
            if self.on_gpu:
                raise SettingsError(
                    "a model on CUDA cannot be used after a fork; start the processes with "
                    "multiprocessing.get_context('spawn'), or load the model in each of them"
                )
            session = open_session(self._data, self._path, self._device, self._threads)
            self._together = session
        return session

    def _single_threaded(self) -> tuple[InferenceSession, ThreadPoolExecutor]:
        """A session that computes in the calling thread, and a pool of threads to call it from."""
        with self._opening:
            if self._parts is None:
                session = open_session(self._data, self._path, threads=1)
                pool = ThreadPoolExecutor(self._workers, thread_name_prefix="facepoints")
                self._parts = session, pool
            return self._parts

    def forget(self) -> None:
        """Forget the sessions in a forked child. Their threads exist in the parent only.

        onnxruntime would wait for these threads forever when it destroys a session, at the latest
        at the end of the process. So their memory is never freed.
        """
        for session in (self._together, *(self._parts or ())[:1]):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
        self._together = self._parts = None
        self._opening = Lock()  # another thread of the parent may have held it

    def with_bytes(self, threads: int | None) -> tuple[type[SharedSession], tuple[Any, ...]]:
        """The parts of a pickle that another machine can open, where the file may not exist.

        Args:
            threads: processor threads of the session there. None: all.
        """
        return SharedSession, (self._data, self._path, self._device, threads)

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedSession:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        checksum = _sha256(self._data)
        try:
            in_file = _sha256(self._path.read_bytes()) == checksum
        except OSError:
            in_file = False
        data = None if in_file else self._data
        return _reopen, (data, checksum, self._path, self._device, self._threads)


_OPEN: weakref.WeakSet[SharedSession] = weakref.WeakSet()
"""All sessions of this process."""


def _after_fork() -> None:
    """In the child: forget the parent's sessions, and leave onnxruntime's exit handler out.

    That handler waits forever for threads of the parent, so `sys.exit` in the child would hang.
    glibc runs exit handlers in the reverse order of their registration and passes on the exit
    status: with `_exit` as the newest handler, the process ends after Python's own clean-up.
    Processes of multiprocessing end in this way anyway.
    """
    for session in list(_OPEN):
        session.forget()
    if "onnxruntime" in sys.modules and sys.platform == "linux":
        with suppress(AttributeError, OSError):  # not glibc
            libc = ctypes.CDLL(None)
            libc.on_exit(libc._exit, None)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_after_fork)


def _reopen(
    data: bytes | None, checksum: str, path: Path, device: str, threads: int | None
) -> SharedSession:
    """Open a session again from its pickled parts. Raises ModelError if its file is gone or has
    changed since."""
    if data is None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"could not read {path}: {error.strerror or error}") from error
        if _sha256(data) != checksum:
            raise ModelError(f"{path} has changed since its model was pickled; load it again")
    return SharedSession(data, path, device, threads)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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
    allowed = len(allowed_processors())
    return 0 if allowed == os.cpu_count() else allowed


def allowed_processors() -> Sequence[int]:
    """Numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 0)
