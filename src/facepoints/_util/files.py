"""Files that are written whole or not at all, and clear errors when they cannot be read."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from facepoints._util import ownership
from facepoints._util.temporary import temporary_file, temporary_folder
from facepoints.errors import DataError, WriteError

__all__ = [
    "atomic_file",
    "atomic_folder",
    "check_empty",
    "check_output",
    "check_output_folder",
    "check_separate",
    "make_folder",
    "names_a_file",
    "read_json",
    "unique_names",
    "write_bytes",
    "write_errors",
    "write_json",
    "write_text",
]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Path of a temporary file beside `path` that replaces it when the block succeeds.

    If the block raises, or the disk is full, `path` is unchanged and the temporary file is
    removed. If the process is killed, the next one that writes to the folder removes it
    (`temporary`). The temporary name has the suffix of `path`, for writers that depend on it. A
    link stays a link: its target is replaced. A file that is replaced keeps its permissions, and a
    new one has those of the umask.

    Raises:
        WriteError: the folder or the file cannot be written, or `path` is not a regular file or
            is read-only.
    """
    with write_errors(path), ExitStack() as stack:
        path = Path(os.path.realpath(path))
        _check_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = stack.enter_context(temporary_file(path.parent, path.suffix))
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        with suppress(OSError):  # a file system without permissions
            os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder whose files move to the new or empty folder `path` when the block
    succeeds.

    If the block raises, or the disk is full, `path` is unchanged. Old and new files never mix:
    a folder that holds anything but hidden files (names that begin with a dot) is refused. A
    command that may replace what it wrote before says so (`ownership.claim`); those files are
    removed then, and others stay.

    Raises:
        WriteError: `path` is not empty, or cannot be written.
    """
    made = None
    with write_errors(path), ExitStack() as stack:
        old = ownership.replaceable(path)
        try:
            if not path.exists():
                path.mkdir(parents=True)
                made = path
            if old is None:
                check_empty(path)
            temporary = stack.enter_context(temporary_folder(path))
            yield temporary
            for name in old or ():
                (path / name).unlink(missing_ok=True)
            _move_into(path, temporary)
            made = None
        finally:
            stack.close()
            if made is not None:
                with suppress(OSError):
                    made.rmdir()


def check_empty(path: Path) -> None:
    """Refuse a folder that holds anything but hidden files. Raises WriteError."""
    with write_errors(path):
        if any(not one.name.startswith(".") for one in path.iterdir()):
            raise WriteError(
                f"the folder {path} is not empty; name a new one, so that no files get mixed"
            )


def _move_into(folder: Path, new: Path) -> None:
    """Move all files of a folder into another one, and its folders if they do not exist there."""
    for part in sorted(new.iterdir()):
        if part.is_dir() and (folder / part.name).is_dir():
            _move_into(folder / part.name, part)
        else:
            os.replace(part, folder / part.name)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """In this context, an error of the system is a WriteError that names `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"could not write {path}: {error.strerror or error}") from error


def check_output(out: Path, inputs: Iterable[str | Path]) -> None:
    """Refuse an output before any work is done.

    Raises:
        WriteError: it is one of the inputs, which writing would destroy; it is neither a regular
            file nor a folder, or read-only; its name is too long; its folder cannot be written.
    """
    with write_errors(out):
        real = Path(os.path.realpath(out))
        status = _status(real)
        if status is not None:
            _check_not_input(out, status, _identities(inputs))
            if stat.S_ISDIR(status.st_mode):
                return
        _check_file(real)
        _check_writable(out, real.parent)


def _check_writable(out: Path, folder: Path) -> None:
    """Refuse a folder, or the nearest of its parents that exists, where nothing can be written.

    Args:
        out: what would be written, for the message.
    """
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise WriteError(f"could not write {out}: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"could not write {out}: no permission to write to {folder}")


def check_output_folder(
    out: Path, inputs: Iterable[str | Path] = (), names: Iterable[str] = ()
) -> None:
    """Refuse an output folder before any work is done.

    Args:
        out: folder.
        inputs: paths that must not be replaced.
        names: files that will be written in it.

    Raises:
        WriteError: there is something else at this path, it cannot be written, or it or one of
            the files is an input.
    """
    known = _identities(inputs)
    with write_errors(out):
        status = _status(out)
        if status is not None and not stat.S_ISDIR(status.st_mode):
            raise WriteError(f"could not write to {out}: it is not a folder; name a folder")
        _check_writable(out, Path(os.path.realpath(out)))
        if status is None:
            return
        _check_not_input(out, status, known)
        for name in names:
            if (there := _status(out / name)) is not None:
                _check_not_input(out / name, there, known)
                _check_file(out / name)


def _identities(paths: Iterable[str | Path]) -> set[tuple[int, int]]:
    """Device and inode of each path that exists: the same for all names of a file."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            status = os.stat(path)
            found.add((status.st_dev, status.st_ino))
    return found


def _check_not_input(out: Path, status: os.stat_result, inputs: set[tuple[int, int]]) -> None:
    if (status.st_dev, status.st_ino) in inputs:
        raise WriteError(f"{out} is an input, writing there would destroy it; name another file")


def _status(path: Path) -> os.stat_result | None:
    """The status of a file or folder, or None. Raises OSError for a name that cannot exist."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise OSError(errno.EINVAL, "the name has a null character") from error


def _check_file(path: Path) -> None:
    """Refuse what must not be replaced by a file: folders, devices such as /dev/null, pipes, and
    read-only files, although replacing these would only need write access to their folder."""
    status = _status(path)
    if status is None:
        return
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise WriteError(f"could not write {path}: it is {kind}; name a file")
    if not status.st_mode & 0o222:
        raise WriteError(f"could not write {path}: it is read-only; name another file")


def check_separate(out: Path, folder: Path) -> None:
    """Refuse a folder that is the output folder or lies in it. Raises WriteError."""
    whole = os.path.realpath(out)
    with suppress(ValueError):  # on another drive
        if os.path.commonpath([whole, os.path.realpath(folder)]) == whole:
            raise WriteError(f"{folder} and {out} would get mixed; name folders beside each other")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises WriteError."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all. Raises WriteError."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON whole or not at all. Raises WriteError."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # file names may hold bytes that are not UTF-8; JSON can escape them
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> Any:
    """Parsed JSON of a file. Raises DataError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"no file at {path}") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # not text, not JSON, or a number with too many digits
        raise DataError(f"{path} should hold JSON and does not: {error}") from error


_FILES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm", ".csv", ".json", ".jsonl", ".ndjson"}
_FILES |= {".pts", ".txt", ".xml", ".yaml", ".yml", ".npy", ".npz", ".onnx", ".parquet", ".xlsx"}
_FILES |= {".gz", ".zip", ".htm", ".html", ".pdf"}


def names_a_file(path: Path) -> bool:
    """True for a name that ends like a file's, where no folder exists: a file was meant."""
    return path.suffix.lower() in _FILES and not path.is_dir()


def make_folder(path: Path) -> Path:
    """Create a folder and its parents. Raises WriteError if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"could not create the folder {path}: {error.strerror or error}"
        ) from error
    return path


def unique_names(
    images: Sequence[PurePath], outputs: Callable[[int, str], Iterable[str]]
) -> list[str]:
    """Base names for the output files of each of several images, so that no two collide.

    An image's outputs are named after it, without its suffix. If that would give two images the
    same output, both keep their suffix. If that does not help, all but the first get a number.
    Names that differ only in case are taken as the same, because some file systems do so.

    Examples:
        >>> images = [PurePath(p) for p in ("a.png", "a.webp", "b.png", "more/a.png")]
        >>> unique_names(images, lambda index, name: [f"{name}.pts"])
        ['a.png', 'a.webp', 'b', 'more/a']

    Args:
        images: paths below a common folder.
        outputs: called with an image's index and base name, returns its output files.
    """
    whole = [image.as_posix() for image in images]
    names = [image.with_suffix("").as_posix() for image in images]
    while True:
        owners: dict[str, set[int]] = {}
        for number, name in enumerate(names):
            for file in outputs(number, name):
                owners.setdefault(file.lower(), set()).add(number)
        same = {number for some in owners.values() if len(some) > 1 for number in some}
        longer = [number for number in same if names[number] != whole[number]]
        if not longer:
            break
        for number in longer:
            names[number] = whole[number]
    used = {file for file, some in owners.items() if len(some) == 1}
    for number in sorted(same):
        tried = 1
        while not used.isdisjoint(file.lower() for file in outputs(number, names[number])):
            tried += 1
            names[number] = f"{whole[number]}-{tried}"
        used.update(file.lower() for file in outputs(number, names[number]))
    return names
