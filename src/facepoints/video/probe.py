"""Finds out whether an input is a camera, a stream or a video file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from facepoints.imaging.image_header import kind_of

__all__ = ["MP4_BOXES", "is_camera", "is_stream", "is_video"]

MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
"""Types of the first box of an MP4 or QuickTime file, in its bytes 4 to 7."""

_SIGNATURES = {  # first bytes of other video files
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"FLV\x01": "Flash",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"DKIF": "IVF",
}


def is_camera(name: str) -> bool:
    """True if a name is a number of up to three digits, and no file has that name."""
    return name.isascii() and name.isdigit() and len(name) < 4 and not os.path.exists(name)


def is_stream(name: str) -> bool:
    """True if a name is the address of a stream (scheme://...)."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name) is not None


def is_video(path: str | Path) -> bool:
    """True if a file begins like a video. A sound file in the same container counts too.

    False for a pipe, because reading it here would remove its first bytes.
    """
    if not Path(path).is_file():
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):
        return False
    if kind_of(head):  # AVIF images begin as MP4 does
        return False
    if head[4:8] in MP4_BOXES or any(head.startswith(signature) for signature in _SIGNATURES):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    packets = [head[start : start + 1] for start in (0, 188, 376)]
    return packets == [b"G"] * 3  # MPEG transport stream
