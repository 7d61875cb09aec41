"""Addresses of Ray clusters. Importing this module takes no time."""

from __future__ import annotations

import importlib.util
import re
import socket

from facepoints.errors import MissingExtraError, SettingsError

__all__ = ["LOCAL", "check_answers", "check_ray", "is_address"]

LOCAL = "local"
"""The address that starts Ray on this machine alone."""

_ADDRESS = re.compile(
    r"auto|local|(?P<client>ray://)?(?P<host>[\w.-]+|\[[\da-fA-F:]+\]):(?P<port>\d{1,5})"
)
_GPU_DEVICES = ("cuda", "tensorrt")
_WAIT = 10.0  # seconds for an address to answer


def is_address(text: str) -> bool:
    """True if a text is the address of a cluster, or "local" or "auto"."""
    return _ADDRESS.fullmatch(text) is not None


def check_ray(address: str, workers: int | None, device: str) -> bool:
    """Check what was asked of Ray, before any work. Returns whether each worker needs a GPU.

    Raises:
        SettingsError: it is no address, fewer workers than one, or a device that Ray does not
            choose.
        MissingExtraError: Ray is not installed.
    """
    if not is_address(address):
        raise SettingsError(
            f"a Ray cluster is local, auto, HOST:PORT or ray://HOST:PORT; got '{address}'"
        )
    if workers is not None and workers < 1:
        raise SettingsError(f"a Ray cluster needs 1 worker or more, got {workers}")
    if device not in ("cpu", *_GPU_DEVICES):
        raise SettingsError(
            f"with Ray, the device is cpu, {' or '.join(_GPU_DEVICES)}, because Ray gives each "
            f"worker its GPU; got '{device}'"
        )
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", "cluster", "predicting on a Ray cluster")
    if address.startswith("ray://") and importlib.util.find_spec("grpc") is None:
        raise MissingExtraError("grpcio", None, "connecting to a Ray cluster from outside")
    return device in _GPU_DEVICES


def check_answers(address: str) -> None:
    """Raises OSError if nothing listens at an address. Ray would wait for it for minutes."""
    match = _ADDRESS.fullmatch(address)
    if match is not None and match["port"]:
        host = match["host"].strip("[]")
        socket.create_connection((host, int(match["port"])), _WAIT).close()
