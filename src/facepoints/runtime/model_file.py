"""The file format of every shipped model: ONNX with JSON metadata and a checksum."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from facepoints._version import __version__
from facepoints.errors import ModelError

__all__ = ["FORMAT", "PROPERTY", "checksum", "read_model_file"]


FORMAT = 1
"""Version of the metadata and of the graph's inputs and outputs. A reader refuses a newer."""


PROPERTY = "facepoints"


_BEGIN = b'{"format": '  # of the JSON, so that it is found without a parser of ONNX


_DIGITS = re.compile(rb'("checksum": ")([0-9a-f]{64})"')


def checksum(data: bytes) -> str:
    """SHA-256 of a model file as if the digits of its checksum were zeros, 64 hex digits."""
    return hashlib.sha256(_DIGITS.sub(rb"\g<1>" + b"0" * 64 + b'"', data)).hexdigest()


def read_model_file(path: Path) -> tuple[dict[str, Any] | None, bytes]:
    """Metadata (None: it has none of ours) and bytes of a model file.

    Raises:
        ModelError: missing, damaged or of a newer version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"could not read {path}: {error.strerror or error}") from error
    return _header(data, path), data


def _header(data: bytes, path: Path) -> dict[str, Any] | None:
    """The metadata of a file whose checksum is right; None if it has none of ours.

    Raises:
        ModelError: the checksum differs, or a newer version wrote the file.
    """
    begin = data.rfind(_BEGIN)
    if begin < 0:
        return None
    try:
        text = data[begin:].decode("utf-8", errors="replace")
        header, _ = json.JSONDecoder().raw_decode(text)
        stored, version = header["checksum"], header["format"]
    except (ValueError, LookupError, TypeError, RecursionError):
        stored, version, header = "", FORMAT, {}
    if stored != checksum(data):
        raise ModelError(
            f"{path} is damaged: its checksum differs from its content; get or export it anew"
        )
    if not isinstance(version, int) or version > FORMAT:
        raise ModelError(
            f"{path} was made by facepoints {header.get('facepoints', '?')} (model format "
            f"{version}); this is {__version__} and reads up to format {FORMAT}: upgrade it"
        )
    return header
