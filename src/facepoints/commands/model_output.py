"""Checks the file that a model is written to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facepoints._util.files import check_output
from facepoints.errors import SettingsError

__all__ = ["check_model_output", "check_model_suffix"]


def check_model_suffix(out: Path) -> None:
    """Raises SettingsError if a file for a model does not end in .onnx."""
    if out.suffix.lower() != ".onnx":
        raise SettingsError(f"a model is written to a file that ends in .onnx, got {out}")


def check_model_output(out: Path, inputs: Iterable[str | Path]) -> None:
    """Refuse a file for a model before any work is done.

    Raises:
        SettingsError: it does not end in .onnx.
        WriteError: it cannot be written, or is one of the inputs.
    """
    check_model_suffix(out)
    check_output(out, inputs)
