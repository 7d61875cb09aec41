"""Free ports of this machine. A test gives one to a process, which then listens there."""

from __future__ import annotations

import random
import socket

__all__ = ["free_port"]

_PORTS = range(20_000, 32_000)  # the system gives none of these to connections and to port 0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that the system gives to nobody."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
