"""The gate that every request passes: token, origins, headers, counting, errors as answers."""

from __future__ import annotations

import hmac
import re
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepoints.errors import SettingsError
from facepoints.web.api_errors import ApiError, error_response
from facepoints.web.headers import API_HEADERS
from facepoints.web.metrics import Metrics

__all__ = ["Access", "Gate"]

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")
_GUARDED = ("/v1/", "/metrics")
_GONE = 499  # status in the metrics of requests whose client went away
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@dataclass(frozen=True)
class Access:
    """Who may use the service.

    Attributes:
        token: that requests to /v1 and /metrics must bring; empty: none.
        origins: of other sites whose pages may call the service from a browser; "*": any.

    Raises:
        SettingsError: a token with other than printable ASCII characters, or not an origin.
    """

    token: str = ""
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise SettingsError("a token has printable ASCII characters without spaces")
        for origin in self.origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise SettingsError(
                    f"an origin is a scheme and a host, such as https://example.org or "
                    f"http://localhost:3000, or *; got {origin!r:.80}"
                )


class Gate:
    """An ASGI application around another one.

    Args:
        app: the application.
        access: who may use it.
        metrics: counts the requests.
        labels: name of each address in the metrics; all others are "other".
    """

    def __init__(
        self, app: ASGIApp, access: Access, metrics: Metrics, labels: dict[str, str]
    ) -> None:
        self._token, self._metrics, self._labels = access.token.encode(), metrics, labels
        self._app: ASGIApp = _Errors(app, self._check)
        if access.origins:
            self._app = CORSMiddleware(
                self._app,
                allow_origins=access.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=[
                    "Retry-After",
                    "Facepoints-Images",
                    "Facepoints-Unreadable",
                    "Facepoints-Faces",
                ],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), _GONE

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in API_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            route = self._labels.get(scope["path"], "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(route, method, status, time.perf_counter() - begin)

    def _check(self, scope: Scope) -> None:
        """Raises ApiError if the address needs a token and the request has none or another."""
        if not self._token or not scope["path"].startswith(_GUARDED):
            return
        given = Headers(scope=scope).get("authorization", "")
        scheme, _, token = given.partition(" ")
        same = hmac.compare_digest(token.strip().encode("latin-1", "replace"), self._token)
        if scheme.lower() != "bearer" or not same:
            raise ApiError(
                "unauthorized",
                "the token is missing or wrong",
                "the header 'Authorization: Bearer TOKEN'",
                {"WWW-Authenticate": "Bearer"},
            )


class _Errors:
    """Turns errors of an application into answers. A fault is one line on standard error,
    with its place and without values."""

    def __init__(self, app: ASGIApp, check: Callable[[Scope], None]) -> None:
        self._app, self._check = app, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        scope["app"] = self  # the router then raises what it cannot route
        try:
            self._check(scope)
            await self._app(scope, receive, send_on)
        except ClientDisconnect:
            return
        except HTTPException as error:
            await error_response(_unrouted(scope, error))(scope, receive, send_on)
        except ApiError as error:
            await error_response(error)(scope, receive, send_on)
        except Exception as error:
            print(f"fault: {_place(error)}", file=sys.stderr, flush=True)
            if started:  # the connection is closed
                raise
            fault = ApiError("internal", "a fault of the service", "nothing else; report this")
            await error_response(fault)(scope, receive, send_on)


def _unrouted(scope: Scope, error: HTTPException) -> ApiError:
    if error.status_code != 405:
        wanted = "an address of this service"
        return ApiError("not_found", "there is nothing at this address", wanted)
    allowed = (error.headers or {}).get("Allow", "")
    message = f"{scope['method'][:20]} is not a method of this address"
    return ApiError("method_not_allowed", message, allowed, {"Allow": allowed})


def _place(error: Exception) -> str:
    """Say where an error comes from: its type, file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    last = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{last}"
