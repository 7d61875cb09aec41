"""Temporary files and folders that the next run removes if this one is killed.

Each is locked while its process lives. Whoever writes to a folder first removes those that nobody
locks any more. The lock ends with the process, however it ends, also on another machine or in
another container that shares the folder. Without locks (on Windows), nothing is removed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None

__all__ = ["PREFIX", "remove_abandoned", "temporary_file", "temporary_folder", "try_lock"]

PREFIX = ".facepoints-"
"""Beginning of the names of all temporary files and folders."""

_swept: set[str] = set()  # folders that this process has searched

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL
_NEW_FILE |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def temporary_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """An empty file in `folder`, which exists. It is removed at the end if it is still there.

    It has the permissions of any new file, by the umask.

    Raises:
        OSError: the folder cannot be written.
    """
    remove_abandoned(folder)
    while True:
        name = os.path.join(folder, f"{PREFIX}{secrets.token_hex(8)}{suffix}")
        handle = os.open(name, _NEW_FILE, 0o666)  # less what the umask takes away
        if _keep(handle, name):
            break
        os.close(handle)
    try:
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
        os.close(handle)


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """An empty folder in `folder`, which exists. It is removed with its content at the end.

    Raises:
        OSError: the folder cannot be written.
    """
    remove_abandoned(folder)
    handle = None
    while True:
        name = tempfile.mkdtemp(prefix=PREFIX, dir=folder)
        if fcntl is None:
            break
        with suppress(FileNotFoundError):
            handle = os.open(name, os.O_RDONLY)
            if _keep(handle, name):
                break
            os.close(handle)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def try_lock(handle: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder for this process, until it is closed.

    Args:
        handle: of the file or folder.
        wait: wait for other processes that have locked it.

    Returns:
        False if another process has locked it; None if the file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left in a folder. Each process searches a folder once."""
    place = os.path.realpath(folder)
    if fcntl is None or place in _swept:
        return
    _swept.add(place)
    with suppress(OSError), os.scandir(place) as entries:
        for entry in [e for e in entries if e.name.startswith(PREFIX)]:
            with suppress(OSError):
                _remove_if_abandoned(entry.path)


def _remove_if_abandoned(path: str) -> None:
    kind = os.lstat(path).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # not ours; opening a pipe would block
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if try_lock(handle) and _is_at(handle, path):
            if stat.S_ISDIR(kind):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
    finally:
        os.close(handle)


def _keep(handle: int, path: str) -> bool:
    """Lock a new file or folder. False if another process took it for an abandoned one before."""
    return try_lock(handle) is not False and _is_at(handle, path)


def _is_at(handle: int, path: str) -> bool:
    """True if `path` still names the file that is open."""
    try:
        there, here = os.lstat(path), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
