"""What an input is: a camera, a stream or a video file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from facepoints.imaging.image_header import kind_of

__all__ = ["is_camera", "is_stream", "is_video"]


_MARKS = {  # what video files begin with, besides those of `_BOXES`
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"FLV\x01": "Flash",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"DKIF": "IVF",
}


_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # of MP4 and QuickTime


def is_camera(name: str) -> bool:
    """Whether a name is the number of a camera, and of no file."""
    return name.isascii() and name.isdigit() and len(name) < 4 and not os.path.exists(name)


def is_stream(name: str) -> bool:
    """Whether a name is the address of a stream."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name) is not None


def is_video(path: str | Path) -> bool:
    """Whether a file is a video (or sound in the same containers), by its content. A pipe is
    none: what is read of it is gone."""
    if not Path(path).is_file():
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):
        return False
    if kind_of(head):  # AVIF pictures begin as MP4 does
        return False
    if head[4:8] in _BOXES or any(head.startswith(mark) for mark in _MARKS):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    packets = [head[start : start + 1] for start in (0, 188, 376)]
    return packets == [b"G"] * 3  # MPEG transport stream
