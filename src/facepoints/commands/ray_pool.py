"""Workers of a Ray cluster that do one task after another, and that may die at any time.

Ray starts the workers where processors or GPUs are free. A worker that dies, alone or with its
node, is replaced, and its task goes to another worker. Tasks must bear being done twice.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from facepoints import _version
from facepoints.commands.ray_address import LOCAL, check_answers
from facepoints.errors import FacepointsError, MissingExtraError, SettingsError
from facepoints.runtime.onnx_session import SharedSession

__all__ = ["RayPool", "connected", "import_ray"]

_OBJECT_STORE = 80_000_000  # bytes, near Ray's minimum: it holds the models only
_POLL = 0.2  # seconds between two looks at what was asked of this process
_RESOURCES = 2.0  # seconds between two looks at the size of the cluster
_SLOW = 30.0  # seconds without a worker after which that is said
_TRIES = 4  # workers that a task may outlive
_FAILED_STARTS = 4  # workers in a row that may die before they have started

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")


def import_ray() -> Any:
    """The package ray, which is told not to report its use. Raises MissingExtraError."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError("ray", "cluster", "predicting on a Ray cluster") from error


@contextmanager
def connected(address: str, *, cores: int, gpu: bool = False) -> Iterator[Any]:
    """The package ray, connected to a cluster.

    Nothing that Ray prints reaches the console.

    Args:
        address: "local" starts Ray on this machine, and ends it with the context. "auto" is the
            cluster that this machine is part of. HOST:PORT and ray://HOST:PORT name one.
        cores: processors that a local Ray may use.
        gpu: a local Ray may use the GPUs of this machine.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingsError: there is no such cluster, or it runs another version of Ray or Python.
    """
    ray = import_ray()
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    short = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None  # paths of sockets are short
    with tempfile.TemporaryDirectory("", "fp", short, ignore_cleanup_errors=True) as folder:
        if address == LOCAL:
            os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 starves them
            options |= {"num_cpus": cores, "num_gpus": None if gpu else 0}
            options |= {"object_store_memory": _OBJECT_STORE, "_temp_dir": folder}
            options |= {"include_dashboard": False}
        else:
            options["address"] = address
        with redirect_stdout(io.StringIO()):
            try:
                check_answers(address)
                _start(ray, options)
            except Exception as error:
                ray.shutdown()
                raise SettingsError(
                    f"could not {'start' if address == LOCAL else 'connect to'} Ray "
                    f"({address}): {_connection_fault(error)}"
                ) from error
            try:
                yield ray
            finally:
                ray.shutdown()


def _start(ray: Any, options: dict[str, Any]) -> None:
    """Call `ray.init` without its words on the console and its handlers of signals."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with redirect_stderr(io.StringIO()):
            ray.init(**options, configure_logging=False)
    except SystemExit as stopped:  # Ray's own handler of SIGTERM
        raise KeyboardInterrupt from stopped
    finally:
        with suppress(ValueError):  # not in the main thread, where Ray sets none either
            for number, handler in handlers.items():
                signal.signal(number, handler)


@dataclass(eq=False)
class _Worker:
    """A worker: its Ray actor, where it runs, and since when it has been waited for."""

    actor: Any
    place: str = ""
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class _Call(Generic[Item]):
    """A call in progress: of a task, or the start of a worker if `item` is None."""

    worker: _Worker
    item: Item | None


class RayPool(Generic[Item, Result]):
    """Calls a function for many items on the workers of a Ray cluster.

    Each worker has one item at a time, so that nothing waits in memory, and what a dying worker
    leaves behind is one item.

    Args:
        ray: the package, connected (`connected`).
        task: picklable; called on the workers with an item. Its ONNX models are sent along.
            If it has a method `check()`, every worker calls that first; a text that it returns
            says why this node cannot do the task.
        workers: number of workers. None: as many as the cluster has processors, or GPUs, also
            when nodes come or go.
        gpu: each worker gets a GPU besides its processor.
        stopped: asked several times per second; True ends the work.
        say: called with a line of text when a worker was lost, or none starts.
    """

    def __init__(
        self,
        ray: Any,
        task: Callable[[Item], Result],
        *,
        workers: int | None = None,
        gpu: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._ray, self._wanted, self._gpu = ray, workers, gpu
        self._stopped, self._say = stopped, say
        self._task = ray.put(_pickled(task))
        self._class = ray.remote(num_cpus=1, num_gpus=int(gpu), max_restarts=0)(_worker_class())
        self._calls: dict[Any, _Call[Item]] = {}
        self._idle: list[_Worker] = []
        self._losses: Counter[Item] = Counter()
        self._failed_starts = 0
        self._started = False
        self._size, self._looked = 0, -_RESOURCES

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Result | FacepointsError]]:
        """Yield each item with its result, or with the error that the task raised, in the order
        in which they are done. Ends early, and ends the workers, when `stopped` says so.

        Raises:
            SettingsError: no worker can do the task, an item has ended several workers, or the
                cluster is gone.
        """
        todo = deque(items)
        begun, told = time.monotonic(), False
        try:
            while (todo or self._busy()) and not self._stopped():
                self._resize(len(todo) + self._busy())
                while todo and self._idle:
                    self._give(self._idle.pop(), todo.popleft())
                for ref in self._finished():
                    call = self._calls.pop(ref)
                    outcome = self._outcome(ref, call, todo)
                    if outcome is not None:
                        yield outcome
                if not self._started and not told and time.monotonic() - begun > _SLOW:
                    told = True
                    self._say(f"no worker has started in {_SLOW:.0f} s: each needs {self._need()}")
        finally:
            self._end()

    def _busy(self) -> int:
        """Number of items that workers are doing."""
        return sum(call.item is not None for call in self._calls.values())

    def _need(self) -> str:
        return "a processor and a GPU" if self._gpu else "a processor"

    def _resize(self, open_items: int) -> None:
        """Start workers, up to the number wanted. Drop those that wait for a place in vain."""
        if time.monotonic() - self._looked >= _RESOURCES:
            self._looked = time.monotonic()
            have = self._ray.cluster_resources()
            free = have.get("GPU" if self._gpu else "CPU", 0)
            self._size = self._wanted or max(int(free), 1)
        spare = len(self._idle) + len(self._calls) - min(self._size, open_items)
        for _ in range(-spare):
            worker = _Worker(self._class.remote())
            hello = worker.actor.start.remote(_version.__version__, os.getcwd(), self._task)
            self._calls[hello] = _Call(worker, None)
        waiting = [ref for ref, call in self._calls.items() if call.item is None]
        for ref in waiting[: max(spare, 0)]:
            self._kill(self._calls.pop(ref).worker)

    def _give(self, worker: _Worker, item: Item) -> None:
        self._calls[worker.actor.do.remote(item)] = _Call(worker, item)

    def _finished(self) -> list[Any]:
        """Calls that have ended, after waiting a little for the first one."""
        refs = list(self._calls)
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=_POLL)
        if ready:
            ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        return ready

    def _outcome(
        self, ref: Any, call: _Call[Item], todo: deque[Item]
    ) -> tuple[Item, Result | FacepointsError] | None:
        """What a call gave; None for the start of a worker and for a lost one."""
        errors = self._ray.exceptions
        try:
            result = self._ray.get(ref)
        except errors.RayTaskError:  # an error that the task should not raise: a bug
            raise
        except errors.RayError as error:
            self._lost(call, error, todo)
            return None
        if call.item is None:
            self._welcome(call.worker, *result)
            return None
        self._idle.append(call.worker)
        return call.item, result

    def _welcome(self, worker: _Worker, place: str, refused: str) -> None:
        """Take a worker that has started. Raises SettingsError if it cannot do the task."""
        if refused:
            raise SettingsError(f"the Ray worker on {place} cannot do the work: {refused}")
        self._started, self._failed_starts = True, 0
        worker.place = place
        self._idle.append(worker)

    def _lost(self, call: _Call[Item], error: Exception, todo: deque[Item]) -> None:
        """Put the item of a dead worker back, unless it has ended too many workers."""
        self._kill(call.worker)
        short = "running low on memory" in str(error)
        reason = "memory was short" if short else _first_sentence(error)
        if call.item is None:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise SettingsError(f"the Ray workers die when they start: {reason}")
            return
        self._losses[call.item] += 1
        where = call.worker.place + (", where memory was short" if short else "")
        self._say(f"lost the worker on {where}; another one does its work")
        if self._losses[call.item] >= _TRIES:
            raise SettingsError(
                f"{call.item} was given to {_TRIES} workers, and all died; the last one: {reason}"
            )
        todo.appendleft(call.item)

    def _kill(self, worker: _Worker) -> None:
        with suppress(Exception):  # it is dead already
            self._ray.kill(worker.actor)

    def _end(self) -> None:
        """End all workers."""
        for worker in [*self._idle, *(call.worker for call in self._calls.values())]:
            self._kill(worker)
        self._idle.clear()
        self._calls.clear()


def _worker_class() -> type:
    """The class of the workers. Ray sends a class that is made in a function by its code, so a
    node without facepoints can say that it has none."""

    class Worker:
        """Does the task for one item after another."""

        def start(self, version: str, folder: str, task: bytes) -> tuple[str, str]:
            """Get ready. Returns the node, and why it cannot do the task; empty if it can."""
            import pickle
            import socket

            import ray

            place = f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"
            try:
                from facepoints import __version__
                from facepoints.commands.ray_pool import prepare_worker
            except ImportError as error:
                return place, f"facepoints {version} cannot be imported there ({error})"
            if __version__ != version:
                return place, (
                    f"it has facepoints {__version__}, and this command is of {version}; install "
                    f"one version everywhere"
                )
            try:
                refused = prepare_worker(folder)
                self.task = pickle.loads(task)
                check = getattr(self.task, "check", None)
                return place, refused or (check() if check is not None else "")
            except Exception as error:
                return place, f"{type(error).__name__}: {error}"

        def do(self, item: Any) -> Any:
            """The result of the task, or the error that ends it."""
            from facepoints.errors import FacepointsError

            try:
                return self.task(item)
            except FacepointsError as error:
                return error

    return Worker


def prepare_worker(folder: str) -> str:
    """Prepare a process that has one processor: relative paths mean what they mean in `folder`, and
    libraries do not start threads. Returns why that fails; empty if it does not."""
    import cv2

    cv2.setNumThreads(1)
    try:
        os.chdir(folder)
    except OSError as error:
        return f"it has no folder {folder} ({error.strerror}), where this command was started"
    return ""


class _ModelPickler(pickle.Pickler):
    """Pickles ONNX models with their bytes, for machines without their files, and with one thread,
    because each worker has one processor."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, SharedSession):
            return obj.with_bytes(threads=1)
        return NotImplemented


def _pickled(task: object) -> bytes:
    stream = io.BytesIO()
    _ModelPickler(stream).dump(task)
    return stream.getvalue()


def _connection_fault(error: BaseException) -> str:
    """Why there is no connection to a cluster."""
    one: BaseException | None = error
    while one is not None:
        if "InvalidAuthToken" in str(one) or "AuthenticationError" in str(one):
            return (
                "the cluster asks for its token; copy ~/.ray/auth_token from its first machine "
                "and set RAY_AUTH_MODE=token"
            )
        one = one.__cause__ or one.__context__
    return _first_sentence(error)


def _first_sentence(error: BaseException) -> str:
    """The first line of an error of Ray, which are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.split(". ")[0].rstrip(".")[:300]
