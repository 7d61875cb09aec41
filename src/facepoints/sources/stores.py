"""Files on local paths and in any store that fsspec opens: found, read, written whole."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from facepoints._util.files import atomic_file, write_bytes
from facepoints.errors import DataError
from facepoints.sources.faults import MissingFile, is_past_end, retried, write_fault_of
from facepoints.sources.filesystems import local_path, opened
from facepoints.sources.retried_file import RetriedFile
from facepoints.sources.store_listing import (
    Entry,
    join,
    list_below,
    list_folder,
    list_matches,
    size_and_tag,
)
from facepoints.sources.suffixes import is_url, is_web, url_path

__all__ = ["Entry", "exists", "is_url", "join", "list_below", "list_folder", "list_matches"]
__all__ += ["local_copy", "open_file", "opened", "read_bytes", "read_range", "remove"]
__all__ += ["size_and_tag", "write_whole"]

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory", "hf"}
"""Protocols whose files appear only when all bytes are there."""


def exists(url: str) -> bool:
    """True if there is a file or a folder. Raises the errors of `read_bytes` but for its lack."""
    try:
        return size_and_tag(url) is not None
    except MissingFile:
        return False


def read_bytes(url: str, max_bytes: int | None = None) -> bytes:
    """All bytes of a file.

    Args:
        url: path or address.
        max_bytes: of the largest file that is read; None: any.

    Raises:
        MissingFile: there is none.
        DataError: it is larger, or cannot be read.
        StoreError: it cannot be read now.
    """
    if max_bytes is None:
        if not is_url(url):
            return retried(lambda: Path(url).read_bytes(), url)
        store, path = opened(url)
        return retried(lambda: store.cat_file(path), url)
    data = read_range(url, 0, max_bytes + 1)  # one request; to ask for the size were another
    if len(data) > max_bytes:
        raise DataError(f"{url} has more than {max_bytes} bytes, which are not read")
    return data


def read_range(url: str, start: int, stop: int) -> bytes:
    """Bytes of a file from `start` to before `stop`, fewer if it ends before.

    Raises:
        The errors of `read_bytes`.
    """
    if is_url(url):
        store, path = opened(url)
        return retried(lambda: _range(store, path, start, stop), url)

    def read() -> bytes:
        with open(url, "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    return retried(read, url)


def _range(store: Any, path: str, start: int, stop: int) -> bytes:
    try:
        data = store.cat_file(path, start=start, end=stop)
        whole = len(data) > stop - start  # as a web server answers that gives no ranges
        return data[start:stop] if whole else data
    except Exception as error:
        if is_past_end(error):
            return b""
        raise


def write_whole(url: str, data: bytes | Path) -> None:
    """Write a file whole or not at all; a file that is there is replaced.

    Folders are created. A store's bucket is not.

    Args:
        url: path or address.
        data: the bytes, or the local file that holds them.

    Raises:
        WriteError: it cannot be written.
    """
    local = local_path(url)
    if local is not None:
        if isinstance(data, bytes):
            write_bytes(local, data)
            return
        with atomic_file(local) as temporary:
            shutil.copyfile(data, temporary)
        return
    store, path = opened(url)
    retried(lambda: _put(store, path, data), url, write_fault_of)


def _put(store: Any, path: str, data: bytes | Path) -> None:
    protocols = store.protocol if isinstance(store.protocol, tuple) else (store.protocol,)
    whole = not _WHOLE.isdisjoint(protocols)
    folder, _, name = path.rpartition("/")
    target = path if whole else f"{folder}/.facepoints-{os.urandom(6).hex()}-{name}"
    if not whole:
        store.makedirs(folder, exist_ok=True)
    try:
        if isinstance(data, bytes):
            store.pipe_file(target, data)
        else:
            store.put_file(str(data), target)
        if not whole:
            store.mv(target, path)
    except BaseException:
        if not whole:
            with suppress(Exception):
                store.rm_file(target)
        raise


def remove(url: str) -> None:
    """Remove a file; nothing happens if there is none.

    Raises:
        WriteError: it cannot be removed.
    """
    local = local_path(url)

    def work() -> None:
        with suppress(FileNotFoundError):
            if local is not None:
                local.unlink(missing_ok=True)
            else:
                store, path = opened(url)
                store.rm_file(path)

    retried(work, url, write_fault_of)


@contextmanager
def open_file(url: str, ahead: bool = False) -> Iterator[BinaryIO]:
    """A file to read and to seek in. Of a store, ranges are read, and tried again.

    Args:
        url: path or address.
        ahead: whether the file is read from beginning to end: then the next bytes are read while
            the first are used.

    Raises:
        The errors of `read_bytes`, here and in its methods.
    """
    if not is_url(url):
        with io.BufferedReader(retried(lambda: io.FileIO(url), url)) as file:
            yield cast(BinaryIO, file)
        return
    store, path = opened(url)
    if not ahead and is_web(url) and not retried(lambda: store.info(path), url).get("partial"):
        with local_copy(url) as copy, copy.open("rb") as file:  # its server gives no ranges
            yield file
        return
    with RetriedFile(store, path, url, ahead) as raw:
        yield cast(BinaryIO, io.BufferedReader(raw, 1 << 18))


@contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """A local file with the content of a file: itself if it is local, else a temporary copy.

    Raises:
        The errors of `read_bytes`.
    """
    local = local_path(url)
    if local is not None:
        yield local
        return
    store, path = opened(url)
    suffix = os.path.splitext(url_path(url))[1]
    with tempfile.TemporaryDirectory(prefix="facepoints-") as folder:
        copy = Path(folder) / f"copy{suffix}"
        retried(lambda: store.get_file(path, str(copy)), url)
        yield copy
