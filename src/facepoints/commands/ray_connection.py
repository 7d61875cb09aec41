"""Connects to a Ray cluster, or starts Ray on this machine."""

from __future__ import annotations

import importlib
import io
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from facepoints.commands.ray_address import LOCAL, check_answers
from facepoints.errors import MissingExtraError, SettingsError

__all__ = ["connected", "first_sentence", "head_answers"]

_OBJECT_STORE = 80_000_000  # bytes, near Ray's minimum: it holds the models only


def _import_ray() -> Any:
    """The package ray, with its reports of use switched off. Raises MissingExtraError."""
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
    ray = _import_ray()
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
                check_answers(_noted(address))
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


def _noted(address: str) -> str:
    """An address, or the one that Ray has noted for "auto". The note of a cluster that was killed
    stays, and Ray would wait for that for minutes."""
    if address != "auto":
        return address
    if given := os.environ.get("RAY_ADDRESS"):
        return given
    note = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    with suppress(OSError, UnicodeError):
        return note.read_text().strip()
    return address


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


def head_answers(ray: Any) -> bool:
    """True if the head of the cluster can be reached. Without it, many calls of Ray wait for a
    minute and then end the process without a word."""
    try:
        check_answers(ray.get_runtime_context().gcs_address)
    except OSError:
        return False
    except Exception:  # connected from outside, as a client
        return True
    return True


def _connection_fault(error: BaseException) -> str:
    """Say why there is no connection to a cluster."""
    one: BaseException | None = error
    while one is not None:
        if "InvalidAuthToken" in str(one) or "AuthenticationError" in str(one):
            return (
                "the cluster asks for its token; copy ~/.ray/auth_token from its first machine "
                "and set RAY_AUTH_MODE=token"
            )
        one = one.__cause__ or one.__context__
    return first_sentence(error)


def first_sentence(error: BaseException) -> str:
    """The first sentence of an error of Ray, on one line. Such errors are long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")[:300]
