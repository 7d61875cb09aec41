"""Measures what mended labels bring: two short trainings, with the labels as they are and mended.

Both are measured on the same held-out rows, which no fix touches. Rows of one person or image as a
held-out row are in neither training.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util.progress import Stopped
from facepoints.commands.audit_data import AuditData
from facepoints.datasets.fixes import Fix
from facepoints.datasets.load import load_rows
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.errors import DataError, MissingExtraError, SettingsError
from facepoints.evaluation.evaluate import measure_errors
from facepoints.reports.audit_proof import Proof
from facepoints.training.settings import TrainSettings

if TYPE_CHECKING:
    from facepoints.models.run import Run

__all__ = ["check_proof", "prove_fixes"]

HELD_OUT = 0.25
"""Share of the rows to hold out."""

_STEPS = 600  # of each training, about
_BATCH = 32
_EPOCHS = 2, 40  # at least and at most
_FEWEST = 10  # held-out rows

Key = tuple[int, int]
"""A row: the number of its data set, and its row in it."""


def check_proof(labels_only: bool) -> None:
    """Raises MissingExtraError without PyTorch, and SettingsError without images."""
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train", "proving what mended labels bring")
    if labels_only:
        raise SettingsError("`prove` trains on images, and none are read here")


def prove_fixes(
    data: AuditData,
    fixes: Sequence[Fix],
    *,
    seed: int = 0,
    console: Console | None = None,
) -> Proof:
    """Train with and without fixes, and measure both on rows that no fix touches.

    Args:
        data: what was audited. Rows of test sets are held out; without test sets, a quarter of the
            people is.
        fixes: those that were chosen.
        seed: of the split and of both trainings.
        console: shows progress if it is a terminal; None: shows nothing.

    Raises:
        DataError: there are no fixes, or too few rows without a fix.
        Stopped: Ctrl-C.
    """
    if not fixes:
        raise DataError("the audit is written, but no fix is chosen, so there is nothing to prove")
    before, *keys_before = load_rows(data.paths, split=data.read_split, rename=data.renames)
    after, *keys_after = load_rows(
        data.paths, split=data.read_split, rename=data.renames, fixes=fixes
    )
    rows_before, rows_after = _keys(keys_before), _keys(keys_after)
    numbers = {name: number for number, name in enumerate(data.sets[0])}
    touched = {(numbers[fix.set], fix.row) for fix in fixes}
    test = _test_rows(data, after, rows_after, seed)
    held = {key for key in test if key not in touched}
    if len(held) < _FEWEST:
        raise DataError(
            f"the audit is written, but only {len(held)} held-out rows are without a fix, and a "
            f"proof needs {_FEWEST}; add faces whose labels are right, or choose fewer fixes"
        )
    people = {str(before.group[k]) for k, key in enumerate(rows_before) if key in test}
    rest = [k for k, key in enumerate(rows_before) if key not in test]
    first = [k for k in rest if str(before.group[k]) not in people]
    trained = {rows_before[k] for k in first}
    second = [k for k, key in enumerate(rows_after) if key in trained]
    shown = before.take([k for k, key in enumerate(rows_before) if key in held])
    epochs = int(np.clip(round(_STEPS * _BATCH / max(len(first), 1)), *_EPOCHS))
    settings = TrainSettings(epochs=epochs, batch=_BATCH, validation=0, seed=seed)
    errors = [
        _error(before.take(first), shown, settings, console),
        _error(after.take(second), shown, settings, console),
    ]
    normalizer = "eyes" if all("eyes" in each for each in errors) else "box"
    return Proof(
        before=errors[0][normalizer],
        after=errors[1][normalizer],
        normalizer=normalizer,
        rows=len(held),
        trained_before=len(first),
        trained_after=len(second),
        fixes=len(fixes),
    )


def _keys(parts: Sequence[NDArray[np.int64]]) -> list[Key]:
    numbers, rows = parts
    return list(zip(numbers.tolist(), rows.tolist(), strict=True))


def _test_rows(data: AuditData, faces: Samples, rows: Sequence[Key], seed: int) -> set[Key]:
    """The rows to hold out: those of test sets, or of some people."""
    if data.split is not None:
        sets = {int(n) for n in np.unique(data.sets[1][data.split == 1])}
        return {key for key in rows if key[0] in sets}
    return {rows[k] for k in split_groups(faces.group, HELD_OUT, seed)[1].tolist()}


def _error(
    faces: Samples, held: Samples, settings: TrainSettings, console: Console | None
) -> dict[str, float]:
    """Mean errors of a model that is trained on `faces`, by their normalizer."""
    from facepoints.models.run import Run  # imports PyTorch
    from facepoints.training.train import train

    with tempfile.TemporaryDirectory(prefix="facepoints-audit-") as folder:
        out = Path(folder) / "run"
        shown = console if console is not None and console.is_terminal else Console(quiet=True)
        try:
            train(faces, out, settings, onnx=False, report=False, console=shown)
        except Stopped:
            raise Stopped("stopped; the audit is written, without the proof") from None
        run: Run = Run.load(out)
        nme = measure_errors(run, held).report["nme"]
    return {name: float(each["mean"]) for name, each in nme.items()}
