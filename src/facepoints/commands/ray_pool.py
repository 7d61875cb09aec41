"""Workers of a Ray cluster that do one task after another, and that may die at any time.

Ray starts the workers where processors or GPUs are free. A worker that dies, alone or with its
node, is replaced, and its task goes to another worker. Tasks must bear being done twice.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from facepoints import _version
from facepoints.commands.ray_connection import first_sentence, head_answers
from facepoints.commands.ray_worker import pickled, worker_class
from facepoints.errors import FacepointsError, SettingsError

__all__ = ["RayPool", "gpu_share"]

_POLL = 0.2  # seconds between two looks at what was asked of this process
_RESOURCES = 2.0  # seconds between two looks at the size of the cluster
_SILENT = 4  # looks in a row at which the head does not answer
_SLOW = 30.0  # seconds without a worker after which that is said
_TRIES = 4  # workers that a task may outlive
_FAILED_STARTS = 4  # workers in a row that may die before they have started

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")


def gpu_share(workers: int | None, gpus: float) -> float:
    """The share of a GPU that each worker gets: 1, or 1/2, 1/3 ... if there are more workers than
    GPUs. Ray counts in steps of 0.0001.

    Args:
        workers: their number; None: one for each GPU.
        gpus: GPUs of the cluster, 0 if it has none yet.
    """
    sharing = math.ceil((workers or 1) / gpus) if gpus else 1
    return math.floor(10_000 / max(sharing, 1)) / 10_000


@dataclass(eq=False)
class _Worker:
    """A worker: its Ray actor, and where it runs."""

    actor: Any
    place: str = ""


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
        ray: the package, connected (`ray_connection.connected`).
        task: picklable; called on the workers with an item. Its ONNX models are sent along.
            If it has a method `check()`, every worker calls that first; a text that it returns
            says why this node cannot do the task.
        workers: number of workers. None: as many as the cluster has processors, or GPUs, also
            when nodes come or go.
        gpu: each worker gets a GPU besides its processor, or a share of one (`gpu_share`).
        stopped: asked several times per second; True ends the work.
        say: called with a line of text when a worker was lost, or none starts.
        name: what an item is called in errors.
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
        name: Callable[[Item], str] = str,
    ) -> None:
        self._ray, self._wanted, self._gpu = ray, workers, gpu
        self._stopped, self._say, self._name = stopped, say, name
        self._task = ray.put(pickled(task))
        share = gpu_share(workers, ray.cluster_resources().get("GPU", 0)) if gpu else 0
        self._class = ray.remote(num_cpus=1, num_gpus=share, max_restarts=0)(worker_class())
        self._calls: dict[Any, _Call[Item]] = {}
        self._idle: list[_Worker] = []
        self._losses: Counter[Item] = Counter()
        self._failed_starts = self._silent = 0
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

    def _check_head(self) -> None:
        """Raises SettingsError if the head of the cluster has not answered for a while."""
        self._silent = 0 if head_answers(self._ray) else self._silent + 1
        while 0 < self._silent < _SILENT:
            time.sleep(_RESOURCES)
            self._silent = 0 if head_answers(self._ray) else self._silent + 1
        if self._silent:
            raise SettingsError(
                "the head of the Ray cluster does not answer any more; start it again, and run the "
                "same command"
            )

    def _resize(self, open_items: int) -> None:
        """Start workers, up to the number wanted. Drop those that wait for a place in vain."""
        if time.monotonic() - self._looked >= _RESOURCES:
            self._looked = time.monotonic()
            self._check_head()
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
        """Return what a call gave; None for the start of a worker and for a lost one."""
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
        self._check_head()
        self._kill(call.worker)
        short = "running low on memory" in str(error)
        reason = "memory was short" if short else first_sentence(error)
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
                f"{self._name(call.item)} was given to {_TRIES} workers, and all died; the last "
                f"one: {reason}"
            )
        todo.appendleft(call.item)

    def _kill(self, worker: _Worker) -> None:
        with suppress(Exception):  # it is dead already
            self._ray.kill(worker.actor)

    def _end(self) -> None:
        """End all workers, unless nobody can be told."""
        if self._silent:
            return
        for worker in [*self._idle, *(call.worker for call in self._calls.values())]:
            self._kill(worker)
        self._idle.clear()
        self._calls.clear()
