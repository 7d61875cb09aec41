"""Reads the images of a request into memory, within limits. Nothing is written to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from facepoints.web.api_errors import ApiError
from facepoints.web.limits import ServiceLimits

__all__ = ["MemoryBudget", "Received", "Upload", "receive_uploads"]

_FORM = "multipart/form-data"
_HEAD_BYTES = 8192  # of the headers of one part of a form
_MAX_FIELDS = 32  # parts of a form without a file
_FIELD_BYTES = 1024
_NAME_CHARACTERS = 255
_EXPECTED = (
    f"the bytes of one image, or {_FORM} with a file per image; neither paths nor addresses are "
    f"accepted"
)


@dataclass(frozen=True)
class Upload:
    """An image file as it was sent.

    Attributes:
        name: what the client calls it. It is a label only, and never opened.
        data: its bytes.
    """

    name: str
    data: bytes | bytearray


@dataclass
class Received:
    """The contents of a request: images, and fields of its form (name, text)."""

    uploads: list[Upload] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)


class MemoryBudget:
    """Bytes that all requests together may hold.

    Args:
        size: the most bytes.
    """

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0

    def take(self, count: int) -> None:
        """Raises ApiError if too many bytes would be held."""
        if self.used + count > self.size:
            raise ApiError(
                "busy",
                "the requests that wait fill the memory set aside for them",
                "fewer or smaller requests at once",
                {"Retry-After": "5"},
            )
        self.used += count

    def give_back(self, count: int) -> None:
        """Release bytes that were taken."""
        self.used -= count


class Reservation:
    """The bytes of one request in a `MemoryBudget`; released at the end of the context."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self.taken = budget, 0

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *exc: object) -> None:
        self._budget.give_back(self.taken)
        self.taken = 0

    def take(self, count: int) -> None:
        """Take more bytes. Raises ApiError if there are none left."""
        self._budget.take(count)
        self.taken += count


async def receive_uploads(
    request: Request, limits: ServiceLimits, reservation: Reservation
) -> Received:
    """Read the body of a request.

    Raises:
        ApiError: too many bytes or files, not an image or form, or too slow.
        ClientDisconnect: the client went away.
    """
    _check_length(request, limits)
    kind, options = parse_options_header(request.headers.get("content-type") or "")
    media = kind.decode("latin-1").lower()
    if media.startswith("text/") or media == "application/json":
        raise ApiError("unsupported_type", f"the body is of type {media[:40]}", _EXPECTED)
    try:
        async with asyncio.timeout(limits.timeout):
            chunks = _limited(request, limits, reservation)
            if media == _FORM:
                return await _read_form(chunks, options.get(b"boundary", b""), limits)
            body = bytearray()
            async for chunk in chunks:
                body += chunk
    except TimeoutError:
        raise ApiError(
            "timeout",
            f"the body did not arrive within {limits.timeout:g} seconds",
            "the whole body in that time",
            {"Connection": "close"},
        ) from None
    if not body:
        raise ApiError("unreadable_image", "the body is empty (0 bytes)", _EXPECTED)
    return Received([Upload("image", body)])


def _check_length(request: Request, limits: ServiceLimits) -> None:
    """Refuse a body that announces too many bytes, before any of them is read."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > limits.max_bytes:
        raise _too_large(limits)


def _too_large(limits: ServiceLimits) -> ApiError:
    return ApiError(
        "too_large",
        f"the request has more than {limits.max_mb:g} MB",
        f"at most {limits.max_mb:g} MB in one request",
    )


async def _limited(
    request: Request, limits: ServiceLimits, reservation: Reservation
) -> AsyncIterator[bytes]:
    """The chunks of a body. Raises ApiError if it has too many bytes."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.max_bytes:
            raise _too_large(limits)
        reservation.take(len(chunk))
        if chunk:
            yield chunk


async def _read_form(
    chunks: AsyncIterator[bytes], boundary: bytes, limits: ServiceLimits
) -> Received:
    if not 1 <= len(boundary) <= 200:
        raise _bad_form("its type names no boundary")
    reader = _FormReader(limits)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise _bad_form("it is damaged") from None
    if not reader.ended:
        raise _bad_form("it is cut off")
    if not reader.received.uploads:
        raise ApiError("unreadable_image", "the form holds no file", _EXPECTED)
    return reader.received


def _bad_form(reason: str) -> ApiError:
    return ApiError("bad_request", f"the form could not be read: {reason}", _EXPECTED)


class _FormReader:
    """Collects the parts of a form in memory, as the parser finds them."""

    def __init__(self, limits: ServiceLimits) -> None:
        self.received = Received()
        self.ended = False
        self._max_files = limits.max_files
        self._header, self._value = bytearray(), bytearray()
        self._head_size = 0
        self._disposition = b""
        self._name, self._file = "", None
        self._data = bytearray()

    def callbacks(self) -> Any:
        """The methods that the parser calls."""
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value")
        names += ("header_end", "headers_finished", "end")
        return {f"on_{name}": getattr(self, f"on_{name}") for name in names}

    def on_part_begin(self) -> None:
        self._disposition, self._head_size, self._data = b"", 0, bytearray()
        self._header, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end])

    def _grow(self, text: bytearray, more: bytes) -> None:
        self._head_size += len(more)
        if self._head_size > _HEAD_BYTES:
            raise _bad_form("the headers of a part are too long")
        text += more

    def on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise _bad_form("a part has no name")
        self._name = _text(options[b"name"])
        self._file = _text(options[b"filename"]) if b"filename" in options else None
        if self._file is not None and len(self.received.uploads) >= self._max_files:
            raise ApiError(
                "too_large",
                f"the form holds more than {self._max_files} files",
                f"at most {self._max_files} files in one request",
            )
        if self._file is None and len(self.received.fields) >= _MAX_FIELDS:
            raise _bad_form("it has too many fields")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]
        if self._file is None and len(self._data) > _FIELD_BYTES:
            raise ApiError(
                "bad_request",
                f"the field {self._name[:40]!r} of the form is long and is not a file",
                "an image is sent as a file, with a file name (curl -F file=@photo.jpg)",
            )

    def on_part_end(self) -> None:
        if self._file is None:
            self.received.fields.append((self._name, _text(bytes(self._data))))
        else:
            number = len(self.received.uploads) + 1
            name = self._file[:_NAME_CHARACTERS] or f"image {number}"
            self.received.uploads.append(Upload(name, self._data))
        self._data = bytearray()

    def on_end(self) -> None:
        self.ended = True


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
