"""Reads the requests of the label page, and trusts none of it."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from facepoints.errors import SettingsError
from facepoints.labeling.project import checked_annotator
from facepoints.web.api_errors import ApiError

__all__ = ["annotator_of", "body_of", "check_origin", "integer", "text"]

_MOST_BYTES = 1_000_000
_SECONDS = 15.0
_BIGGEST = 2**53


def check_origin(request: Request, own_host: str, secret: bool) -> None:
    """Refuse requests that a page of another site makes a browser send.

    A request with a token needs none of this: another page does not know the token. Without one,
    the host must be an address or this machine's name, because a foreign name may be made to point
    here (DNS rebinding), and a page's origin must be this server.

    Args:
        own_host: name that the server was told to listen on.
        secret: whether a token is needed.

    Raises:
        ApiError: it comes from elsewhere.
    """
    if secret:
        return
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if name not in ("localhost", own_host.lower()) and not _is_address(name):
        raise ApiError("unauthorized", f"the host is {name[:60]!r}", "localhost or an address")
    origin = request.headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        raise ApiError("unauthorized", "a page of another site sent this", "the label page")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request.

    Raises:
        ApiError: it is of another type, too large, too slow, or no JSON object.
        ClientDisconnect: the client went away.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":  # a form of another site cannot send this type
        raise ApiError("unsupported_type", f"the body is of type {kind[:40]!r}", "application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    expected = f"at most {_MOST_BYTES} bytes"
                    raise ApiError("too_large", "the body is too large", expected)
    except TimeoutError:
        expected = f"a body within {_SECONDS:g} seconds"
        raise ApiError("timeout", "the body did not arrive in time", expected) from None
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ApiError("bad_request", "the body is no JSON object", "a JSON object in UTF-8")
    return data


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def annotator_of(given: Any, default: str) -> str:
    """The annotator of a request. Raises ApiError for a name that cannot be one."""
    if given is None:
        return default
    try:
        return checked_annotator(given)
    except SettingsError as error:
        raise ApiError("bad_parameter", str(error), "the name of a person") from None


def integer(data: dict[str, Any], name: str, default: int | None = None) -> int:
    """A whole number, 0 or more, of a body. Raises ApiError."""
    value = data.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _BIGGEST:
        raise ApiError("bad_parameter", f"{name} is {value!r:.40}", f"{name}: a whole number")
    return value


def text(data: dict[str, Any], name: str, default: str = "") -> str:
    """A text of a body. Raises ApiError."""
    value = data.get(name, default)
    if not isinstance(value, str):
        raise ApiError("bad_parameter", f"{name} is {value!r:.40}", f"{name}: a text")
    return value
