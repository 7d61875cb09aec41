"""An S3 server on loopback (moto's), with faults that real ones have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KEY", "SECRET", "S3Server", "s3_server"]

KEY, SECRET = "testing", "testing-secret"
"""The credentials that the server accepts."""

_ANSWER = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"
)


@dataclass
class S3Server:
    """A running server.

    Attributes:
        url: its address.
        throttled: requests that it still answers with "slow down".
        requests: number of requests so far.
    """

    url: str = ""
    throttled: int = 0
    requests: int = 0
    _app: Callable[..., Any] = field(default=lambda *_: [], repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def environment(self, key: str = KEY) -> dict[str, str]:
        """Environment variables that lead s3fs to this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        with self._lock:
            self.requests += 1
            throttled = self.throttled > 0
            self.throttled -= throttled
        if throttled:
            slower = "Please reduce your request rate."
            return _refuse(environ, start, "503 Slow Down", "SlowDown", slower)
        if f"Credential={KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            unknown = "The AWS Access Key Id you provided does not exist in our records."
            return _refuse(environ, start, "403 Forbidden", "InvalidAccessKeyId", unknown)
        return self._app(environ, start)


def _refuse(
    environ: dict[str, Any], start: Callable[..., Any], status: str, code: str, message: str
) -> list[bytes]:
    """Answer a request with an error, as S3 does: without a body if only the head was asked for."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else _ANSWER.format(code, message).encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server in this process, on a free port of the loopback address."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    server = S3Server(_app=DomainDispatcherApplication(create_backend_app))
    running = make_server("127.0.0.1", 0, server, threaded=True, request_handler=Quiet)
    server.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        running.server_close()
        thread.join()
