"""Pictures as a browser can show them: upright, 8 bits, PNG or JPEG."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.imaging.image_header import read_header
from facepoints.imaging.image_writer import encode_image
from facepoints.labeling.session import Session
from facepoints.labeling.state import Picture
from facepoints.web.api_errors import ApiError
from facepoints.web.headers import SHARED_HEADERS

__all__ = ["picture_response"]

_LOSSLESS = 4_000_000  # pixels up to which a picture is sent as PNG, if not as it is
_SIZES = (16, 4096)
_AS_THEY_ARE = {"JPEG": "image/jpeg", "PNG": "image/png"}
_MOST_BYTES = 30_000_000  # of a file that is sent as it is


def picture_response(request: Request, session: Session, picture: Picture) -> Response:
    """A picture, or a small version of it.

    A JPEG or PNG file that browsers show as it is read here is sent unchanged.

    Raises:
        ApiError: the size is no number in its range.
        DataError: the picture cannot be read.
    """
    size = _size_of(request)
    etag = f'"{_stamp(picture.path)}-{size or "full"}"'
    headers = {**SHARED_HEADERS, "ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if size is None and (same := _as_it_is(picture)) is not None:
        return Response(same[0], headers=headers, media_type=same[1])
    image = session.image(picture)
    small = image if size is None else _shrunk(image, size)
    suffix = ".png" if size is None and small.size <= 3 * _LOSSLESS else ".jpg"
    media = "image/png" if suffix == ".png" else "image/jpeg"
    return Response(encode_image(small, suffix), headers=headers, media_type=media)


def _size_of(request: Request) -> int | None:
    given = request.query_params.get("size")
    if given is None:
        return None
    low, high = _SIZES
    if not given.isascii() or not given.isdecimal() or not low <= int(given[:9]) <= high:
        raise ApiError("bad_parameter", f"size is {given!r:.40}", f"size: {low} to {high} pixels")
    return int(given)


def _stamp(path: str) -> str:
    """Changes with the file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    named = f"{status.st_mtime_ns}-{status.st_size}-{path}"
    return hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _as_it_is(picture: Picture) -> tuple[bytes, str] | None:
    """The bytes of a file that every browser shows with the same pixels, and their type."""
    try:
        if os.path.getsize(picture.path) > _MOST_BYTES:
            return None
        data = Path(picture.path).read_bytes()
    except OSError as error:
        raise DataError(f"could not read {picture.path}: {error.strerror or error}") from error
    header = read_header(data)
    if header is None or header.kind != "JPEG" or not _is_plain_jpeg(data):
        return None
    if picture.size != (header.width, header.height):
        return None
    return data, _AS_THEY_ARE[header.kind]


def _is_plain_jpeg(data: bytes) -> bool:
    """True if a JPEG has 1 or 3 channels, and no EXIF (a turn) or color profile."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            return data[at + 9 : at + 10] in (b"\x01", b"\x03")
        if marker == 0xE1 or (marker == 0xE2 and data[at + 4 : at + 15] == b"ICC_PROFILE"):
            return False
        at += 2 + length
    return False


def _shrunk(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    factor = min(1.0, size / max(height, width))
    return affine.resize(image, max(1, round(width * factor)), max(1, round(height * factor)))
