"""Remembers the command line that wrote each output: none silently replaces that of another.

A record per output is kept in the user's cache (`user_cache`): the files that facepoints wrote
there, each with a digest of its command line, its size and its time. The same command line may
replace what it wrote. For all else, `claim` asks for --overwrite. Without a cache, nothing is
known about an existing file, and it is never replaced without --overwrite.

A command line that is killed leaves its digest among the unfinished ones. Files that are newer than
its start count as its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facepoints._util.temporary import temporary_file, try_lock
from facepoints._util.user_cache import cache_folder
from facepoints.errors import WriteError

__all__ = ["Output", "claim", "command_digest", "replaceable"]

_SLACK = 2_000_000_000  # nanoseconds that the clocks of two file systems may differ by
_KEPT = 400 * 24 * 3600  # seconds after which the record of an output is removed

_replaceable: ContextVar[dict[str, list[str]] | None] = ContextVar("replaceable", default=None)


@dataclass(frozen=True)
class Output:
    """A file or folder that a command writes.

    Attributes:
        path: of the file or folder.
        names: for a folder, the files that are written in it, relative to it; empty for a file.
        name_of: maps a file in the folder to the name in `names` that it belongs to, if one name
            stands for many files; None: each name is one file.
        whole: whether the folder has nothing but this output, such as a folder of labels.
    """

    path: Path
    names: frozenset[str] = frozenset()
    name_of: Callable[[str], str] | None = None
    whole: bool = False

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.whole or bool(self.names)

    def has(self, name: str) -> bool:
        """True if a file belongs to this output."""
        if not self.is_folder:
            return name == ""
        return self.whole or (self.name_of(name) if self.name_of else name) in self.names

    def files(self) -> dict[str, tuple[int, int]]:
        """Size and time of the existing files of this output, by name relative to `path`."""
        found: dict[str, tuple[int, int]] = {}
        for name in self._existing():
            with suppress(OSError, ValueError):
                status = os.stat(self.path / name)
                found[name] = status.st_size, status.st_mtime_ns
        return found

    def _existing(self) -> Iterator[str]:
        """Names of files that may exist."""
        if not self.is_folder:
            yield ""
        elif not self.whole and self.name_of is None:
            yield from self.names
        else:
            for place, folders, names in os.walk(self.path):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    relative = Path(place, name).relative_to(self.path).as_posix()
                    if not name.startswith(".") and self.has(relative):
                        yield relative


def command_digest(words: Sequence[str]) -> str:
    """Identifies a command line in the current folder. --overwrite and --resume do not count."""
    parts = [p for word in words for p in (word.split("=", 1) if word[:2] == "--" else [word])]
    parts = [part for part in parts if part not in ("--overwrite", "--resume")]
    return _short("\0".join([os.getcwd(), *parts]))


def replaceable(path: Path) -> list[str] | None:
    """Names of the files that may be replaced in a folder; None if it must be empty."""
    return (_replaceable.get() or {}).get(os.path.realpath(path))


@contextmanager
def claim(outputs: Sequence[Output], command: str, *, overwrite: bool) -> Iterator[None]:
    """In this context, a command writes outputs. Afterwards they are known as its own.

    Args:
        outputs: what it writes.
        command: digest of its command line (`command_digest`).
        overwrite: allow to replace what another command line, or another program, wrote.

    Raises:
        WriteError: an output exists and is not the command's own, or another process is writing
            to it.
    """
    before = _replaceable.get()
    allowed = dict(before or {})
    with ExitStack() as stack:
        records = [stack.enter_context(_Record.of(output)) for output in outputs]
        for record in records:
            names = record.check(command, overwrite)
            if record.output.whole:
                allowed[os.path.realpath(record.output.path)] = names
        for record in records:
            record.begin(command)
        token = _replaceable.set(allowed)
        try:
            yield
        finally:
            _replaceable.reset(token)
        for record in records:
            record.end(command)


@dataclass
class _Record:
    """The record of an output; `path` is the file that keeps it, None without a cache."""

    output: Output
    path: Path | None
    files: dict[str, list[Any]] = field(default_factory=dict)
    unfinished: dict[str, int] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def of(cls, output: Output) -> Iterator[_Record]:
        """The record of an output.

        A file, or a folder that is written as a whole, is locked: one process writes it at a time.
        Several processes may write to another folder, such as drawings of different images.
        """
        record = cls(output, _record_path(output.path))
        with ExitStack() as stack:
            if not record._is_shared() and stack.enter_context(record._locked()) is False:
                raise WriteError(
                    f"another facepoints is writing {output.path} now; wait until it has "
                    f"finished, or name another output"
                )
            record.read()
            yield record

    def _is_shared(self) -> bool:
        return self.output.is_folder and not self.output.whole

    @contextmanager
    def _locked(self, wait: bool = False) -> Iterator[bool | None]:
        """Lock the record. Gives False if another process has locked it, None without locks."""
        with ExitStack() as stack:
            got = None
            with suppress(OSError):
                if self.path is not None:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    lock = stack.enter_context(open(f"{self.path}.lock", "a"))
                    got = try_lock(lock.fileno(), wait)
            yield got

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Change the record, as other processes have left it."""
        with self._locked(wait=True) if self._is_shared() else nullcontext():
            self.read()
            yield
            self._write()

    def read(self) -> None:
        """Read the record. A missing or damaged one is empty."""
        if self.path is None:
            return
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            files = {str(n): [str(c), int(s), int(t)] for n, (c, s, t) in data["files"].items()}
            unfinished = {str(c): int(started) for c, started in data["unfinished"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
            return
        except RecursionError:
            return
        self.files, self.unfinished = files, unfinished

    def check(self, command: str, overwrite: bool) -> list[str]:
        """The names of existing files that facepoints wrote. Raises WriteError."""
        ours: list[str] = []
        others: dict[str, str] = {}
        for name, signature in self.output.files().items():
            owner, *known = self.files.get(name, [""])
            if known and tuple(known) == signature:
                ours.append(name)
                if owner != command:
                    others[name] = "another command line wrote it"
            elif signature[1] >= self.unfinished.get(command, math.inf) - _SLACK:
                ours.append(name)
            else:
                others[name] = "it was changed since" if known else "it is not of this command"
        if others and not overwrite:
            raise WriteError(self._refusal(others))
        return ours

    def _refusal(self, others: dict[str, str]) -> str:
        name, why = next(iter(others.items()))
        more = f" and {len(others) - 1} more files" if len(others) > 1 else ""
        if self.output.whole:
            return (
                f"the folder {self.output.path} is not empty, and {name}{more} would get mixed "
                f"with new files ({why}); name a new folder, or add --overwrite"
            )
        what = "another folder" if self.output.is_folder else "another file"
        return (
            f"{self.output.path / name}{more} would be replaced ({why}); name {what}, or add "
            f"--overwrite"
        )

    def begin(self, command: str) -> None:
        """Note that a command line has begun to write."""
        with self._change():
            self.unfinished[command] = time.time_ns()

    def end(self, command: str) -> None:
        """Note what a command line has written, and that it has finished."""
        existing = self.output.files()
        with self._change():
            started = self.unfinished.pop(command, 0) - _SLACK
            gone = [n for n in self.files if n not in existing and self.output.has(n)]
            for name in gone:
                del self.files[name]
            for name, signature in existing.items():
                if signature[1] >= started or self.files.get(name, [""])[0] == command:
                    self.files[name] = [command, *signature]

    def _write(self) -> None:
        if self.path is None:
            return
        data = {
            "output": os.path.realpath(self.output.path),
            "files": self.files,
            "unfinished": self.unfinished,
        }
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with temporary_file(self.path.parent) as new:
                new.write_text(json.dumps(data), encoding="utf-8")
                os.replace(new, self.path)
            _tidy(self.path.parent)


def _record_path(output: Path) -> Path | None:
    folder = cache_folder()
    name = f"{_short(os.path.realpath(output))}.json"
    return None if folder is None else folder / "outputs" / name


def _tidy(folder: Path) -> None:
    """Remove the records that nobody has used for long."""
    marker = folder / ".tidied"
    with suppress(OSError):
        if marker.exists() and time.time() - marker.stat().st_mtime < 24 * 3600:
            return
        marker.touch()
        for record in folder.iterdir():
            if time.time() - record.stat().st_mtime > _KEPT:
                record.unlink()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]
