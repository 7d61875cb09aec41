"""The format of model files: ONNX with JSON metadata, a checksum and a format version.

The metadata is the ONNX property ``facepoints``:

    {"format": 1, "facepoints": "0.1.0", ..., "checksum": "64 hex digits"}

The checksum is the SHA-256 of the file with these 64 digits replaced by zeros. It is compared
before onnxruntime loads the file, so that a damaged file gets a clear message. The keys between
"facepoints" and "checksum" depend on the model: `inference.model_metadata` documents those of
landmark models. Face detectors have ``"kind": "face-detector"`` and, as a record, "validation".
"""

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
"""Version of the metadata and of the graph's inputs and outputs. A reader refuses a newer one."""

PROPERTY = "facepoints"
"""Name of the ONNX property that holds the metadata."""

_BEGIN = b'{"format": '  # start of the JSON; finds it without an ONNX parser
_DIGITS = re.compile(rb'("checksum": ")([0-9a-f]{64})"')


def checksum(data: bytes) -> str:
    """SHA-256, 64 hex digits, of a model file with the digits of its checksum set to zero."""
    return hashlib.sha256(_DIGITS.sub(rb"\g<1>" + b"0" * 64 + b'"', data)).hexdigest()


def read_model_file(path: Path) -> tuple[dict[str, Any] | None, bytes]:
    """Metadata and bytes of a model file. The metadata is None if the file has none.

    Raises:
        ModelError: the file is missing, damaged or of a newer format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"could not read {path}: {error.strerror or error}") from error
    return _metadata(data, path), data


def _metadata(data: bytes, path: Path) -> dict[str, Any] | None:
    begin = data.rfind(_BEGIN)
    if begin < 0:
        return None
    try:
        text = data[begin:].decode("utf-8", errors="replace")
        metadata, _ = json.JSONDecoder().raw_decode(text)
        stored, version = metadata["checksum"], metadata["format"]
    except (ValueError, LookupError, TypeError, RecursionError):
        stored, version, metadata = "", FORMAT, {}
    if stored != checksum(data):
        raise ModelError(
            f"{path} is damaged: its checksum differs from its content; download or export it again"
        )
    if not isinstance(version, int) or version > FORMAT:
        raise ModelError(
            f"{path} was made by facepoints {metadata.get('facepoints', '?')} (model format "
            f"{version}); this is {__version__} and reads up to format {FORMAT}: upgrade it"
        )
    return metadata
