"""Archives, tables and lists of small pictures, for tests of sources."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from facepoints.sources import list_parts, read_part
from facepoints.sources.parts import Picture

__all__ = ["error_of", "jpeg", "names", "pictures", "tar_bytes"]


def jpeg(shade: int = 0) -> bytes:
    """A small picture."""
    return cv2.imencode(".jpg", np.full((8, 8, 3), shade, np.uint8))[1].tobytes()


def tar_bytes(members: Mapping[str, bytes] | Sequence[tuple[str, bytes]], mode: str = "w") -> bytes:
    """An archive with these members, compressed by mode "w:gz"."""
    file = io.BytesIO()
    items = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in items:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def pictures(*inputs: str | Path, **options: object) -> list[Picture]:
    """All pictures of inputs, part by part."""
    parts = list_parts([str(each) for each in inputs], **options).parts  # type: ignore[arg-type]
    return [picture for part in parts for picture in read_part(part)]


def names(*inputs: str | Path, **options: object) -> list[str]:
    return [picture.name for picture in pictures(*inputs, **options)]


def error_of(*inputs: str | Path, **options: object) -> str:
    """The error of the only picture that has one; all others have data."""
    (error,) = [each.error for each in pictures(*inputs, **options) if each.data is None]
    return error
