"""What runs on the workers of a Ray cluster, and how a task gets there."""

from __future__ import annotations

import io
import os
import pickle
from contextlib import suppress
from typing import Any

from facepoints.runtime.shared_session import SharedSession

__all__ = ["pickled", "prepare_worker", "worker_class"]


def worker_class() -> type:
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
                from facepoints.commands.ray_worker import prepare_worker
            except ImportError as error:
                return place, f"facepoints {version} cannot be imported there ({error})"
            if __version__ != version:
                return place, (
                    f"it has facepoints {__version__}, and this command is of {version}; install "
                    f"one version everywhere"
                )
            try:
                prepare_worker(folder)
                self.task = pickle.loads(task)
                check = getattr(self.task, "check", None)
                return place, "" if check is None else check()
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


def prepare_worker(folder: str) -> None:
    """Prepare a process that has one processor: OpenCV starts no threads, and relative paths mean
    what they mean in `folder`, if this node has it."""
    import cv2

    cv2.setNumThreads(1)
    with suppress(OSError):
        os.chdir(folder)


class _ModelPickler(pickle.Pickler):
    """Pickles ONNX models with their bytes, for machines without their files, and with one thread,
    because each worker has one processor."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, SharedSession):
            return obj.with_bytes(threads=1)
        return NotImplemented


def pickled(task: object) -> bytes:
    """A task as bytes, with its ONNX models."""
    stream = io.BytesIO()
    _ModelPickler(stream).dump(task)
    return stream.getvalue()
