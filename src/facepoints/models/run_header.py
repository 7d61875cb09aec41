"""``run.json`` of a run folder: read and checked without PyTorch, which takes seconds to import."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facepoints._util.files import read_json
from facepoints._version import __version__
from facepoints.errors import DataError, MissingExtraError, RunError

__all__ = [
    "FORMAT",
    "MODEL",
    "check_no_run",
    "check_torch",
    "read_finished_header",
    "read_header",
]

MODEL = "model.onnx"
"""File in the run folder that `onnx_export` writes and `landmark_model` reads."""

FORMAT = 1
"""Version of the folder's layout. Newer ones are refused."""


def check_torch(what_for: str) -> None:
    """Raises MissingExtraError if PyTorch, which `what_for` needs, is not installed."""
    for package in ("torch", "safetensors"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train", what_for)


def read_header(folder: Path) -> dict[str, Any]:
    """The contents of ``run.json``.

    Raises:
        RunError: there is none, it is damaged, or a newer version wrote it.
    """
    if not folder.is_dir():
        raise RunError(
            f"no run folder at {folder}; train one with: facepoints train DATA --out RUN"
        )
    if not (folder / "run.json").is_file():
        raise RunError(f"{folder} is not a run: it has no run.json")
    try:
        header = read_json(folder / "run.json")
    except DataError as error:
        raise RunError(f"damaged run: {error}") from error
    version = header.get("format") if isinstance(header, dict) else None
    if not isinstance(version, int):
        raise RunError(f"{folder / 'run.json'} is not the header of a run")
    if version > FORMAT:
        raise RunError(
            f"{folder} was made by facepoints {header.get('facepoints', '?')} (run format "
            f"{version}); this is {__version__} and reads up to format {FORMAT}: upgrade it"
        )
    return header


def check_no_run(out: Path) -> None:
    """Raises RunError if a folder holds a run already."""
    if (out / "run.json").exists():
        raise RunError(
            f"{out} holds a run already; choose another folder, continue with `resume`, or "
            f"remove it first"
        )


def read_finished_header(folder: Path) -> dict[str, Any]:
    """The contents of ``run.json`` of a run whose training has finished.

    Raises:
        RunError: as `read_header`, or the training has not finished.
    """
    header = read_header(folder)
    if not header.get("finished"):
        raise RunError(
            f"{folder} holds a run that has not finished training; "
            f"continue with: facepoints train ... --out {folder} --resume"
        )
    return header
