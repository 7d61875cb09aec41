"""Files written whole or not at all, and read with errors that say what is wrong."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facepoints.errors import DataError, WriteError

__all__ = ["make_folder", "read_json", "whole_file", "write_bytes", "write_json", "write_text"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Path of a temporary file beside `path` that takes its place when the block ends well.

    If the block raises, or the disk fills, `path` is as it was and the temporary file is
    gone. The temporary name ends like `path`, for writers that go by the suffix.

    Raises:
        WriteError: the folder or the file cannot be written.
    """
    temporary = None
    try:
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


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises WriteError."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all. Raises WriteError."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON whole or not at all. Raises WriteError."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Parsed JSON of a file. Raises DataError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"no file at {path}") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
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
