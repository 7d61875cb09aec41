"""Kinds of inputs by their names."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from facepoints.imaging.input_paths import IMAGE_SUFFIXES

__all__ = [
    "VIDEO_SUFFIXES",
    "FileKind",
    "file_kind",
    "has_braces",
    "has_video_suffix",
    "is_stream",
    "is_url",
    "is_web",
    "needs_parts",
    "url_path",
]

FileKind = Literal["picture", "tar", "parquet", "list", "video", ""]

_KINDS: dict[FileKind, tuple[str, ...]] = {
    "tar": (
        *(".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"),
        *(".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
    ),
    "parquet": (".parquet",),
    "list": (".txt", ".csv", ".tsv"),
    "picture": tuple(IMAGE_SUFFIXES),
}

VIDEO_SUFFIXES = (
    *(".avi", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".ts", ".webm", ".wmv"),
)
"""Suffixes by which videos are known where opening each file would take too long."""

_STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt", "mms", "mmsh", "rist")
"""Schemes of live video, which no store has."""


def is_url(name: str) -> bool:
    """True for an address with a scheme, such as ``s3://photos/a.jpg``."""
    return "://" in name


def is_web(name: str) -> bool:
    """True for an address of http or https."""
    return name[:8].lower().startswith(("http://", "https://"))


def is_stream(name: str) -> bool:
    """True for the address of live video. An address of http and https is one, unless its path
    has the suffix of a picture, an archive, a Parquet file or a list."""
    scheme = name.partition("://")[0].lower()
    return is_url(name) and (scheme in _STREAMS or (is_web(name) and not file_kind(name)))


def url_path(name: str) -> str:
    """A name without the query of an address of http, which may be its signature."""
    if is_web(name):
        return urlsplit(name).path
    return name


def file_kind(name: str) -> FileKind:
    """Return the kind of a file by its suffix; empty if it is none that is known here."""
    lower = url_path(name).lower()
    for kind, ends in _KINDS.items():
        if lower.endswith(ends):
            return kind
    return ""


def has_video_suffix(name: str) -> bool:
    """True for a name that ends like that of a video."""
    return url_path(name).lower().endswith(VIDEO_SUFFIXES)


def has_braces(name: str) -> bool:
    """True for a pattern such as ``shard-{000..127}.tar``."""
    before, _, rest = name.partition("{")
    return "}" in rest and (".." in rest or "," in rest) and before != name


def needs_parts(name: str) -> bool:
    """True for an input that only `list_parts` can read: a list, an archive, a Parquet file, a
    pattern with braces, or an address of a store."""
    if is_url(name):
        return not is_stream(name)
    return has_braces(name) or file_kind(name) in ("tar", "parquet", "list")
