"""Runs the web service on a free port in a thread, and talks HTTP to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp
from waiting import PATIENCE

from facepoints.api import FaceModel
from facepoints.web.page_files import PageFile, page_files
from facepoints.web.server import Server, listen, make_config
from facepoints.web.service import ServiceSettings, make_app

__all__ = ["Answer", "Client", "running", "running_app"]


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """A client of one connection per request."""

    def __init__(self, port: int, server: Server) -> None:
        self.port, self._server = port, server

    @property
    def connections(self) -> int:
        """Open connections of the server."""
        return len(self._server.server_state.connections)

    def fresh(self) -> Client:
        """Another client, for another thread."""
        return Client(self.port, self._server)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET."""
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: bytes) -> Answer:
        """POST bytes."""
        return self.request("POST", path, body, {"Content-Type": "application/octet-stream"})

    def form(
        self,
        path: str,
        files: Sequence[tuple[str, str, bytes]],
        fields: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST a form with files (field, file name, bytes) and fields."""
        boundary = uuid.uuid4().hex
        parts = []
        for name, text in (fields or {}).items():
            parts.append(_part(boundary, f'name="{name}"', text.encode()))
        for name, file, content in files:
            parts.append(_part(boundary, f'name="{name}"; filename="{file}"', content))
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        kind = f"multipart/form-data; boundary={boundary}"
        return self.request("POST", path, body, {"Content-Type": kind})

    def chunked(self, path: str, chunks: Sequence[bytes]) -> Answer:
        """POST in chunks, without a length."""
        return self.request("POST", path, iter(chunks), {"Content-Type": "image/png"})

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and read its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """A number of `/metrics`."""
        lines = self.get("/metrics").body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    def open(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def _part(boundary: str, disposition: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


@contextmanager
def running(
    model: FaceModel, settings: ServiceSettings, files: dict[str, PageFile] | None = None
) -> Iterator[Client]:
    """Run the service in a thread; ends it at the end."""
    app = make_app(model, page_files() if files is None else files, settings)
    with running_app(app) as client:
        yield client


@contextmanager
def running_app(app: ASGIApp) -> Iterator[Client]:
    """Run an application in a thread; ends it at the end."""
    ready = threading.Event()
    listener = listen("127.0.0.1", 0)
    server = Server(make_config(app), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Client(port, server)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()
