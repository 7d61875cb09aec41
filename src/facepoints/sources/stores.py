"""Files on local paths and on any address that fsspec opens: found, read, written whole.

The packages of fsspec (s3fs, gcsfs, ...) are the user's own, and so are their credentials and
settings: environment variables and the files in ``~/.config/fsspec``, see
https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from facepoints._util.files import atomic_file, make_folder, write_bytes
from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.sources.faults import MissingFile, is_past_end, retried, write_fault_of
from facepoints.sources.retried_file import RetriedFile
from facepoints.sources.suffixes import is_url, url_path

__all__ = ["Entry", "exists", "is_url", "join", "list_folder", "local_copy", "open_file"]
__all__ += ["opened", "read_bytes", "read_range", "remove", "size_and_tag", "write_whole"]

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory", "hf"}
"""Protocols whose files appear only when all bytes are there."""

_PACKAGES = {"http": "aiohttp", "https": "aiohttp"}
_opened: dict[tuple[int, str], Any] = {}
_lock = threading.Lock()


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


def opened(url: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and its path there.

    A file system is opened once for a process, and used by all threads.

    Raises:
        MissingExtraError: fsspec or the package for this kind of address is not installed.
        SettingsError: no package is known for this kind of address.
        DataError: the store refuses to be opened, such as for its settings.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError("fsspec", "remote", f"reading {url}") from None
    scheme, _, rest = url.partition("://")
    key = (os.getpid(), f"{scheme}://{rest.partition('/')[0]}")
    chained = "::" in url
    with _lock:
        store = None if chained else _opened.get(key)
        if store is not None:
            return store, store._strip_protocol(url)
        try:
            store, path = url_to_fs(url)
        except ImportError:
            raise _missing_package(scheme, url) from None
        except ValueError as error:
            if "rotocol not known" in str(error):
                raise SettingsError(
                    f"no file system is known for {scheme}://, in {url}; expected a path, or an "
                    f"address such as s3://, gs:// or file://"
                ) from error
            raise DataError(f"could not open {url}: {error}") from error
        except Exception as error:  # of any package: settings, credentials
            raise DataError(f"could not open {url}: {error}") from error
        if not chained:
            _opened[key] = store
        return store, path


def _missing_package(scheme: str, url: str) -> MissingExtraError:
    from fsspec.registry import known_implementations

    known = known_implementations.get(scheme.rpartition("::")[2], {}).get("class", scheme)
    package = _PACKAGES.get(scheme, known.partition(".")[0])
    return MissingExtraError(package, None, f"reading {url}")


def join(folder: str, name: str) -> str:
    """The path or address of a file in a folder. A name that is absolute, or an address, stays."""
    if is_url(name) or os.path.isabs(name):
        return name
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else os.path.join(folder, name)


def exists(url: str) -> bool:
    """Whether there is a file or a folder. Raises the errors of `read_bytes` but for its lack."""
    try:
        return size_and_tag(url) is not None
    except MissingFile:
        return False


def size_and_tag(url: str) -> tuple[int, str]:
    """Bytes of a file, and what the store says of its content (`Entry.tag`).

    A folder has no bytes.

    Raises:
        MissingFile: there is none.
        DataError, StoreError: it cannot be read.
    """
    if not is_url(url):
        return retried(lambda: os.stat(url).st_size, url, retry=False), ""
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
        return retried(lambda: _list_local(url), url, retry=False)
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
            return retried(lambda: Path(url).read_bytes(), url, retry=False)
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

    return retried(read, url, retry=False)


def _range(store: Any, path: str, start: int, stop: int) -> bytes:
    try:
        return store.cat_file(path, start=start, end=stop)
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
    local = _local_path(url)
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
    local = _local_path(url)

    def work() -> None:
        with suppress(FileNotFoundError):
            if local is not None:
                local.unlink(missing_ok=True)
            else:
                store, path = opened(url)
                store.rm_file(path)

    retried(work, url, write_fault_of, retry=local is None)


def _local_path(url: str) -> Path | None:
    """The local path that a name means; None if it is on another file system."""
    if not is_url(url):
        return Path(url)
    if url.startswith(("file://", "local://")):
        store, path = opened(url)
        del store
        return Path(path)
    return None


@contextmanager
def open_file(url: str) -> Iterator[BinaryIO]:
    """A file to read and to seek in. Of a store, ranges are read, and tried again.

    Raises:
        The errors of `read_bytes`, here and in its methods.
    """
    if not is_url(url):
        with io.BufferedReader(retried(lambda: io.FileIO(url), url, retry=False)) as file:
            yield cast(BinaryIO, file)
        return
    store, path = opened(url)
    with RetriedFile(store, path, url) as raw:
        yield cast(BinaryIO, io.BufferedReader(raw, 1 << 18))


@contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """A local file with the content of a file: itself if it is local, else a temporary copy.

    Raises:
        The errors of `read_bytes`.
    """
    local = _local_path(url)
    if local is not None:
        yield local
        return
    store, path = opened(url)
    suffix = os.path.splitext(url_path(url))[1]
    with tempfile.TemporaryDirectory(prefix="facepoints-") as folder:
        copy = make_folder(Path(folder)) / f"copy{suffix}"
        retried(lambda: store.get_file(path, str(copy)), url)
        yield copy


def list_below(folder: str) -> list[Entry]:
    """All files below a folder of a store, in order of names, without hidden ones.

    Raises:
        DataError, StoreError: it cannot be read.
    """
    store, root = opened(folder)

    def find() -> dict[str, dict[str, Any]]:
        store.invalidate_cache(root)
        return store.find(root, detail=True)

    found = retried(find, folder)
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
        return store.glob(path, detail=True)

    return _entries(retried(find, pattern), base, root)


def _entries(found: dict[str, dict[str, Any]], base: str, root: str) -> list[Entry]:
    """Entries of files with the addresses that the user would write."""
    entries = []
    for name, info in found.items():
        inner = name[len(root) :] if name.startswith(root) else name.lstrip("/")
        hidden = any(part.startswith(".") for part in inner.split("/"))
        if info.get("type") != "directory" and inner and not hidden:
            entries.append(Entry(inner, base + inner, *_size_and_tag(info)))
    return sorted(entries)
