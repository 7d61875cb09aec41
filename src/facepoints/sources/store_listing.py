"""Files of folders and patterns, on local paths and in stores."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from facepoints.sources.faults import retried
from facepoints.sources.filesystems import opened
from facepoints.sources.suffixes import is_url

__all__ = ["Entry", "join", "list_below", "list_folder", "list_matches", "size_and_tag"]

_TAGS = ("ETag", "etag", "md5Hash", "crc32c", "checksum")


class Entry(NamedTuple):
    """A file of a folder.

    Attributes:
        name: without the folder.
        path: path or address.
        size: bytes.
        tag: what the store says of its content, such as a checksum; empty if nothing.
    """

    name: str
    path: str
    size: int
    tag: str = ""


def join(folder: str, name: str) -> str:
    """The path or address of a file in a folder. A name that is absolute, or an address, stays."""
    if is_url(name) or os.path.isabs(name):
        return name
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else os.path.join(folder, name)


def size_and_tag(url: str) -> tuple[int, str]:
    """Bytes of a file, and what the store says of its content (`Entry.tag`).

    A folder has no bytes.

    Raises:
        MissingFile: there is none.
        DataError, StoreError: it cannot be read.
    """
    if not is_url(url):
        return retried(lambda: os.stat(url).st_size, url), ""
    store, path = opened(url)
    return _size_and_tag(retried(lambda: store.info(path), url))


def _size_and_tag(info: dict[str, Any]) -> tuple[int, str]:
    tag = next(
        (info[k] for k in ("ETag", "etag", "md5Hash", "crc32c", "checksum") if k in info), ""
    )
    return int(info.get("size") or 0), str(tag).strip('"')


def list_folder(url: str) -> list[Entry]:
    """The files directly in a folder, by name; none if there is no such folder.

    Raises:
        DataError, StoreError: it cannot be read.
    """
    if not is_url(url):
        return retried(lambda: _list_local(url), url)
    store, path = opened(url)

    def found() -> list[dict[str, Any]]:
        store.invalidate_cache(path)
        try:
            return store.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []

    entries = []
    for info in retried(found, url):
        name = info["name"].rstrip("/").rpartition("/")[2]
        if info.get("type") != "directory" and name and info["name"].rstrip("/") != path:
            entries.append(Entry(name, join(url, name), *_size_and_tag(info)))
    return sorted(entries)


def _list_local(folder: str) -> list[Entry]:
    try:
        with os.scandir(folder) as found:
            return sorted(
                Entry(one.name, one.path, one.stat().st_size) for one in found if one.is_file()
            )
    except FileNotFoundError:
        return []


def list_below(folder: str) -> list[Entry]:
    """All files below a folder of a store, in order of names, without hidden ones.

    Raises:
        DataError, StoreError: it cannot be read.
    """
    store, root = opened(folder)

    def find() -> dict[str, dict[str, Any]]:
        store.invalidate_cache(root)
        return store.find(root, detail=True, **_strictly(store))

    found = retried(find, folder)
    store.invalidate_cache(root)  # which holds as much again
    return _entries(found, folder.rstrip("/") + "/", root.rstrip("/") + "/")


def list_matches(pattern: str) -> list[Entry]:
    """The files of a store that match a pattern, in order of names.

    Raises:
        DataError, StoreError: the store cannot be read.
    """
    before = pattern[: next(at for at, letter in enumerate(pattern) if letter in "*?[")]
    base = before[: before.rindex("/") + 1]
    store, path = opened(pattern)
    at = next(at for at, letter in enumerate(path) if letter in "*?[")
    root = path[: path[:at].rfind("/") + 1]

    def find() -> dict[str, dict[str, Any]]:
        store.invalidate_cache()
        return store.glob(path, detail=True, **_strictly(store))

    return _entries(retried(find, pattern), base, root)


def _strictly(store: Any) -> dict[str, str]:
    """The option with which a search raises errors. Without it, the searches that fsspec itself
    has leave out folders that cannot be listed; those of packages such as s3fs do not."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    kind = type(store)
    if hasattr(kind, "_find"):
        general = kind._find is AsyncFileSystem._find
    else:
        general = kind.find is AbstractFileSystem.find
    return {"on_error": "raise"} if general else {}


def _entries(found: dict[str, dict[str, Any]], base: str, root: str) -> list[Entry]:
    """Entries of files with the addresses that the user would write."""
    entries = []
    for name, info in found.items():
        inner = name[len(root) :] if name.startswith(root) else name.lstrip("/")
        hidden = any(part.startswith(".") for part in inner.split("/"))
        if info.get("type") != "directory" and inner and not hidden:
            entries.append(Entry(inner, base + inner, *_size_and_tag(info)))
    return sorted(entries)
