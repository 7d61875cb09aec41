"""The errors of the service: one JSON shape for all of them.

    {"error": {"status": 413, "code": "too_large", "message": "...", "expected": "..."}}

`code` is one of `CODES` and does not change between versions. `message` says what came and
`expected` what would have been accepted, both for people.
"""

from __future__ import annotations

import json

from starlette.responses import Response

__all__ = ["CODES", "ApiError", "error_response"]

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request is not HTTP or multipart as it should be."),
    "bad_parameter": (400, "A parameter is unknown, repeated or has a wrong value."),
    "unauthorized": (401, "The token is missing or wrong."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "The address does not take this method."),
    "timeout": (408, "The request did not arrive in time."),
    "too_large": (413, "The request has too many bytes or files, or its answer would."),
    "unsupported_type": (415, "The body is neither an image nor multipart/form-data."),
    "unreadable_image": (422, "No image of the request could be read."),
    "no_face": (422, "The image shows no face, and the answer needs one."),
    "busy": (429, "Too many requests wait already. Try again after `Retry-After` seconds."),
    "internal": (500, "A fault of the service."),
    "unavailable": (503, "The service starts, ends, or did not get to the request in time."),
}
"""Status and meaning of every code."""


class ApiError(Exception):
    """An error that is the answer to a request.

    Args:
        code: a key of `CODES`.
        message: what came, in words.
        expected: what would have been accepted.
        headers: further headers of the answer.
    """

    def __init__(
        self, code: str, message: str, expected: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.status = code, CODES[code][0]
        self.message, self.expected = message, expected
        self.headers = headers or {}


def error_response(error: ApiError) -> Response:
    """The answer that an error is."""
    shape = {
        "status": error.status,
        "code": error.code,
        "message": error.message,
        "expected": error.expected,
    }
    return Response(
        json.dumps({"error": shape}), error.status, error.headers, media_type="application/json"
    )
