"""Files that are written whole or not at all, and clear errors when they cannot be read."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from facepoints.errors import DataError, WriteError

__all__ = [
    "atomic_file",
    "atomic_folder",
    "check_output",
    "check_separate",
    "make_folder",
    "read_json",
    "unique_names",
    "write_bytes",
    "write_json",
    "write_text",
]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Path of a temporary file beside `path` that replaces it when the block succeeds.

    If the block raises, or the disk is full, `path` is unchanged and the temporary file is
    removed. The temporary name has the suffix of `path`, for writers that depend on it. A link
    stays a link: its target is replaced.

    Raises:
        WriteError: the folder or the file cannot be written, or `path` is not a regular file or
            is read-only.
    """
    temporary = None
    try:
        path = Path(os.path.realpath(path))
        if path.exists() and not path.is_file():
            # a device such as /dev/null must never be replaced by a file
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise WriteError(f"could not write {path}: it is {kind}; name a file")
        _check_writable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(f"could not write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder whose files move to the new or empty folder `path` when the block
    succeeds.

    If the block raises, or the disk is full, `path` is unchanged. Old and new files never mix:
    a folder that holds anything but hidden files (names that begin with a dot) is refused.

    Raises:
        WriteError: `path` is not empty, or cannot be written.
    """
    made = temporary = None
    try:
        if not path.exists():
            path.mkdir(parents=True)
            made = path
        if any(not other.name.startswith(".") for other in path.iterdir()):
            raise WriteError(
                f"the folder {path} is not empty; name a new one, so that no files get mixed"
            )
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=path))
        yield temporary
        for part in sorted(temporary.iterdir()):
            os.replace(part, path / part.name)
        made = None
    except OSError as error:
        raise WriteError(f"could not write to {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if made is not None:
            with suppress(OSError):
                made.rmdir()


def check_output(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that would overwrite one of its inputs, or a read-only file, before any
    work is done. Raises WriteError."""
    _check_writable(out)
    for path in inputs:
        try:
            same = out.samefile(path)
        except (OSError, ValueError):
            continue  # one of them does not exist
        if same:
            raise WriteError(
                f"{out} is an input, writing there would destroy it; name another file"
            )


def _check_writable(path: Path) -> None:
    """Refuse a read-only file. Replacing it would only need write access to its folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # it does not exist, or the writer will report the problem
    if stat.S_ISREG(mode) and not mode & 0o222:
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
