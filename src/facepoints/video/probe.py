"""Finds out whether an input is a camera, a stream or a video file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from facepoints.errors import DataError
from facepoints.imaging.image_header import foreign_kind, kind_of
from facepoints.imaging.image_io import check_regular

__all__ = ["MP4_BOXES", "check_video_file", "is_camera", "is_stream", "is_video"]

MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""Types of the first box of an MP4 or QuickTime file, in its bytes 4 to 7."""

_SIGNATURES = {  # first bytes of other video files
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"FLV\x01": "Flash",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"DKIF": "IVF",
    b"YUV4MPEG2 ": "YUV4MPEG",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01": "MXF",
    b".RMF": "RealMedia",
    b"\x1f\x07\x00": "DV, 525 lines",
    b"\x9f\x07\x00": "DV, 625 lines",
    b"\0\0\0\1\x67": "H.264 without a container",
    b"\0\0\0\1\x27": "H.264 without a container",
    b"\0\0\0\1\x09": "H.264 without a container",
    b"\0\0\0\1\x40\1": "HEVC without a container",
    b"\0\0\0\1\x46\1": "HEVC without a container",
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
            head = file.read(640)
    except (OSError, ValueError):
        return False
    if kind_of(head) or foreign_kind(head):  # AVIF, HEIC and raw photos begin as MP4 does
        return False
    if head[4:8] in MP4_BOXES or any(head.startswith(signature) for signature in _SIGNATURES):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return any(  # MPEG transport stream; cameras put a time of 4 bytes before each packet
        all(head[at : at + 1] == b"G" for at in (first, first + step, first + 2 * step))
        for first, step in ((0, 188), (4, 192))
    )


def check_video_file(name: str) -> None:
    """Check that a name is that of a file which can be read.

    Raises:
        DataError: it is not.
    """
    try:
        check_regular(name)
        if os.path.isdir(name):
            raise DataError(f"{name} is a folder; a video file was expected")
        with open(name, "rb") as file:
            if not file.read(1):
                raise DataError(f"{name} is empty (0 bytes)")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no video at {name}") from error
    except PermissionError as error:
        raise DataError(f"could not read {name}: no permission") from error
    except OSError as error:
        raise DataError(f"could not read {name}: {error.strerror or error}") from error
    except ValueError as error:  # no file can have this name
        raise DataError(f"could not read {name!r}: {error}") from error
