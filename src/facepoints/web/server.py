"""Runs the service on a port: an HTTP server with time limits, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import time
from collections.abc import Callable, Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from facepoints.errors import SettingsError

__all__ = ["Server", "TimedProtocol", "listen", "make_config", "serve_app", "url_of"]

_HEAD_SECONDS = 15.0  # for the head of a request, and between two requests
_KEEP_SECONDS = 10  # a connection without a request
_WRITE_SECONDS = 15.0  # in which a client must read a part of its answer
_CONNECTIONS = 512
_END_SECONDS = 20  # for requests at hand when the service ends


class TimedProtocol(H11Protocol):
    """HTTP/1.1 whose connections cannot be held open for nothing.

    A client that does not finish the head of its request in time, or does not read its answer, is
    cut off. When there are too many connections, the one that has waited longest without a request
    is. (The body of a request has its own limit: `uploads.receive_uploads`.)
    """

    _idle: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _since = 0.0

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._since = time.monotonic()
        self._watch()
        others = [c for c in self.connections if isinstance(c, TimedProtocol) and c is not self]
        if len(others) >= _CONNECTIONS:
            idle = [other for other in others if not other._busy]
            oldest = min(idle, key=lambda other: other._since, default=self)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._idle)
        _cancel(self._stuck)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = time.monotonic()
        self._watch()

    def _watch(self) -> None:
        """Limit the time without a request."""
        if self._busy:
            _cancel(self._idle)
            self._idle = None
        elif self._idle is None:
            self._idle = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._check_progress(self.transport.get_write_buffer_size() + 1)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._stuck)

    def _check_progress(self, before: int) -> None:
        """Cut off a client that has read nothing since the last time."""
        left = self.transport.get_write_buffer_size()
        if left >= before:
            self.transport.abort()
            return
        self._stuck = self.loop.call_later(_WRITE_SECONDS, self._check_progress, left)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class Server(uvicorn.Server):
    """A server that says when it is ready, and ends without raising its signal again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Let Ctrl-C and SIGTERM end the server in order; a second Ctrl-C at once."""
        before: dict[int, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):  # not the main thread
                before[number] = signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: name or address of this machine.
        port: 0: any that is free.

    Raises:
        SettingsError: the port is taken or may not be used, or the host is not of this machine.
    """
    if not 0 <= port <= 65535:
        raise SettingsError(f"port must be from 0 to 65535, is {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"host {host!r:.80} is not known; expected a name or an address of this machine, such "
            f"as 127.0.0.1"
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        if hasattr(signal, "SIGHUP"):  # on Windows, the option would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise SettingsError(_why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is already in use; name another one (0: any that is free)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used without administrator's rights; name one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host {host} is not an address of this machine; expected one, such as 127.0.0.1"
    return f"could not listen on port {port} of {host}: {error.strerror or error}"


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket, for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(str(host), str(host))
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve_app(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Requests at hand are answered before the end.

    Args:
        app: the application.
        listener: socket that listens; it is closed.
        ready: called when requests are accepted.
    """
    Server(make_config(app), ready).run(sockets=[listener])


def make_config(app: ASGIApp) -> uvicorn.Config:
    """The settings of the HTTP server for an application."""
    return uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
    )
