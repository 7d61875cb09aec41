"""Outputs of a command: checked before any work, and never replaced without a word.

The same command line may replace what it wrote before. What another command line or another
program wrote is replaced only with --overwrite (`ownership`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

from facepoints import weights
from facepoints._util.files import check_output, check_output_folder, names_a_file
from facepoints._util.option_help import flag
from facepoints._util.ownership import Output, claim, command_digest
from facepoints.errors import SettingsError, WriteError

__all__ = [
    "KeepFormulas",
    "Output",
    "Overwrite",
    "command_line",
    "command_words",
    "folder_output",
    "model_files",
    "outputs",
    "people_files",
    "results_output",
]

Overwrite = Annotated[
    bool,
    flag(
        "Replace existing outputs that another command line or another program wrote. The same "
        "command line may always replace its own."
    ),
]

KeepFormulas = Annotated[
    bool,
    flag(
        "Write names to CSV tables as they are. Else a name that begins with = + - or @ gets an "
        "apostrophe in front, so that no spreadsheet runs it as a formula."
    ),
]

STDOUT = "-"
"""Name that many programs use for standard output."""

_words: ContextVar[Sequence[str]] = ContextVar("words", default=())


@contextmanager
def command_line(words: Sequence[str]) -> Iterator[None]:
    """Make these the words of the command that runs in this context."""
    token = _words.set(tuple(words))
    try:
        yield
    finally:
        _words.reset(token)


def command_words() -> Sequence[str]:
    """The words of the command that runs in this context, without the program's name."""
    return _words.get()


@contextmanager
def outputs(
    *written: Output | Path | None, inputs: Iterable[str | Path] = (), overwrite: bool = False
) -> Iterator[None]:
    """In this context, the command writes these outputs. Nothing is written to them before.

    Args:
        written: outputs; a path is a file; None is left out.
        inputs: files that no output may replace.
        overwrite: replace what another command line wrote.

    Raises:
        WriteError: an output is an input, is another output, cannot be written, or exists and
            may not be replaced.
    """
    listed = [Output(one) if isinstance(one, Path) else one for one in written if one is not None]
    files: list[str | Path] = list(inputs)
    for output in listed:
        if str(output.path) == STDOUT:
            raise WriteError(
                "'-' is not written to; name a file, or leave --out away to print results where a "
                "command can"
            )
        if output.is_folder:
            check_output_folder(output.path, files, () if output.whole else output.files())
        else:
            check_output(output.path, files)
    _check_distinct([output.path for output in listed])
    with claim(listed, command_digest(_words.get()), overwrite=overwrite):
        yield


def folder_output(path: Path, files: Iterable[str] = ()) -> Output:
    """A folder of these files. Raises SettingsError if its name ends like that of a file."""
    if names_a_file(path):
        raise SettingsError(f"--out is a folder, {path} is the name of a file; name a folder")
    return Output(path, frozenset(files))


def results_output(out: Path | None, format: str | None = None) -> Output | None:
    """The output of `predict`: a file, or a folder of .pts files."""
    from facepoints.results.formats import format_of

    if out is None:
        return None
    file = not out.is_dir() and (format_of(out, format) != "pts" or out.suffix.lower() == ".pts")
    return Output(out, whole=not file)


def _check_distinct(paths: Sequence[Path]) -> None:
    whole = [path.resolve() for path in paths]
    for number, path in enumerate(whole):
        if path in whole[:number]:
            raise WriteError(f"two outputs would both be {paths[number]}; name another for one")


def people_files(*named: Path | None) -> list[Path]:
    """Lists of people, which no output may replace."""
    return [path for path in named if path is not None]


def model_files(model: str | Path | None) -> list[Path]:
    """The files of a model, which no output may replace.

    Args:
        model: "builtin", a file, or a run folder; None: no model.
    """
    if model is None:
        return []
    path = weights.POINTS_RUN if str(model) == weights.BUILTIN else Path(model)
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return [*files, weights.POINTS, weights.DETECTOR]
