"""ONNX Runtime sessions that threads and forked processes may use, and that split large batches."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.processors import processor_count
from facepoints.errors import ModelError, SettingsError
from facepoints.runtime.devices import CPU
from facepoints.runtime.onnx_session import open_session, reason_of, refusals
from facepoints.runtime.repeatable import PIECE, has_own_thread, is_repeatable
from facepoints.runtime.thread_choice import ThreadChoice

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["SharedSession"]

_MIN_PART = 8  # rows; fewer are not worth a processor of their own
_MAX_PART = 64  # rows; larger batches only take memory, even on all processors together
_MAX_PART_ON_GPU = 1024  # rows


class SharedSession:
    """A session that several threads may call, and that splits large batches.

    On the CPU a large batch is split into parts, one for each processor. Threads that compute a
    layer of one batch together wait for each other at its end; threads with parts of their own
    do not. A small batch is split only into equal parts. Other small batches are computed by all
    threads together. If one thread alone is faster at the moment, it computes a small batch
    (`ThreadChoice`).

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
        self.threads = threads or processor_count()
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
        except refusals() as error:
            raise ModelError(f"{self._path} could not be run: {reason_of(error)}") from error

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
            return self._run_parts(outputs, name, parts)
        results = [self._shared().run(outputs, {name: part}) for part in parts]
        return [np.concatenate(part) for part in zip(*results, strict=True)]

    def _run_parts(
        self, outputs: Sequence[str], name: str, parts: Sequence[NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Run each part of a batch in one thread. This thread takes a part if all others have a
        processor."""
        results = self._run_in_pool(outputs, name, parts, int(len(parts) <= self._workers))
        return [np.concatenate(values) for values in zip(*results, strict=True)]

    def _run_in_pool(
        self, outputs: Sequence[str], name: str, parts: Sequence[NDArray[Any]], here: int = 0
    ) -> list[Any]:
        """Run the first `here` parts in this thread, and the others in the pool."""
        single, pool = self._single_threaded()
        others: list[Future[Any]] = []
        with suppress(RuntimeError):  # the main thread has ended, so the pool takes no more work
            for part in parts[here:]:
                others.append(pool.submit(single.run, outputs, {name: part}))
        results = [single.run(outputs, {name: part}) for part in parts[:here]]
        results += [other.result() for other in others]
        left = parts[len(results) :]
        return results + [single.run(outputs, {name: part}) for part in left]

    def _run_pieces(
        self, outputs: Sequence[str], name: str, rows: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Run pieces of the same number of rows (`runtime.repeatable`), or a single row."""
        count = len(rows)
        if count > 1:
            rows = np.concatenate([rows, rows[count - (-count % PIECE) :]])
        pieces = np.array_split(rows, -(-len(rows) // PIECE))
        if self._workers < 2:
            results = [self._shared().run(outputs, {name: piece}) for piece in pieces]
        elif has_own_thread():
            single, _ = self._single_threaded()
            results = [single.run(outputs, {name: piece}) for piece in pieces]
        else:
            results = self._run_in_pool(outputs, name, pieces)
        return [np.concatenate(values)[:count] for values in zip(*results, strict=True)]

    def _run_small(self, outputs: Sequence[str], name: str, rows: NDArray[Any]) -> list[Any]:
        """Run a small batch with all threads together or with one."""
        if self._workers < 2:
            return list(self._shared().run(outputs, {name: rows}))
        use_all = self._choice.use_all()
        begin = time.perf_counter()
        if use_all and not len(rows) % self._workers:  # each thread has as many rows
            results = self._run_parts(outputs, name, np.split(rows, self._workers))
        else:
            session = self._shared() if use_all else self._single_threaded()[0]
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
