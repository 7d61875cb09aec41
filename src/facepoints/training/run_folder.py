"""The folder of a run during training: begins, resumes and finishes it."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facepoints._util.files import make_folder
from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.datasets.samples import Samples
from facepoints.errors import RunError
from facepoints.models.run import MODEL, read_header, save_run
from facepoints.models.run_header import check_no_run
from facepoints.reports.page import REPORT
from facepoints.training.train_state import read_checkpoint

__all__ = [
    "CHECKPOINT",
    "CURVES",
    "Checkpoint",
    "begin_run",
    "data_digest",
    "discard_run",
    "finish_run",
]

CHECKPOINT = "checkpoint.safetensors"
"""File that a resumed training continues from."""

CURVES = "curves.png"
"""File that is written last: with it, a run is complete."""

Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors and numbers of a checkpoint; both empty at the start of a training."""


_OWN = (CURVES, MODEL, REPORT, CHECKPOINT, "weights", "validation", "metrics.jsonl")


def _holds(path: Path) -> bool:
    """True for a file, and for a folder that is not empty."""
    return any(path.iterdir()) if path.is_dir() else os.path.lexists(path)


def begin_run(out: Path, header: dict[str, Any], resume: bool) -> Checkpoint | None:
    """Write the header of a run and find where its training continues.

    Args:
        out: run folder.
        header: contents of ``run.json``.
        resume: continue a training that `out` holds.

    Returns:
        The checkpoint, empty for a fresh start; None if the training is finished.

    Raises:
        RunError: `out` holds a run and `resume` is false, or it holds another training.
    """
    checkpoint: Checkpoint = ({}, {})
    if (out / "run.json").exists():
        if not resume:
            check_no_run(out)
        if _is_finished(out, header):
            return None
        if (out / CHECKPOINT).exists():
            checkpoint = read_checkpoint(out / CHECKPOINT)
    elif taken := [name for name in _OWN if _holds(out / name)]:
        raise RunError(
            f"{out} holds files that a training would replace ({', '.join(taken)}), and is not a "
            f"run; choose another folder"
        )
    make_folder(out / "weights")
    for stale in (CURVES, MODEL, REPORT):
        (out / stale).unlink(missing_ok=True)
    save_run(out, header)
    return checkpoint


def finish_run(out: Path, header: dict[str, Any]) -> None:
    """Mark a run as finished and remove its checkpoint."""
    save_run(out, {**header, "finished": True})
    (out / CHECKPOINT).unlink(missing_ok=True)


def discard_run(out: Path) -> None:
    """Undo `begin_run` if nothing was trained, so that `out` is free for other settings."""
    if not (out / CHECKPOINT).exists():
        (out / "run.json").unlink(missing_ok=True)
        for folder in (out / "weights", out):
            with suppress(OSError):  # not empty
                folder.rmdir()


def data_digest(data: Samples, negatives: NDArray[np.uint8] | None) -> str:
    """Fingerprint of images and labels: a training resumes on the same data only."""
    digest = hashlib.blake2b(digest_size=16)
    arrays = (data.images, data.points, data.labelled, data.group)
    for array in arrays if negatives is None else (*arrays, negatives):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _is_finished(out: Path, header: dict[str, Any]) -> bool:
    """True if `out` holds this training, finished. Raises RunError if it holds another."""
    stored = read_header(out)
    try:
        same_data = stored["data"]["digest"] == header["data"]["digest"]
        settings = stored["settings"]
        changed = [k for k, v in header["settings"].items() if settings.get(k) != v]
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{out / 'run.json'} is damaged: no data and settings in it") from error
    _check_fixes(out, stored["data"], header["data"])
    if not same_data:
        raise RunError(f"{out} was trained on other data; resume it with the data it began with")
    if changed:
        raise RunError(
            f"{out} was begun with other settings ({', '.join(changed)}); leave them out to "
            f"resume, or train into another folder"
        )
    if stored.get("start") != header["start"]:
        raise RunError(
            f"{out} was begun from other weights than {header['start']['run']} holds now; train "
            f"into another folder"
        )
    return bool(stored.get("finished"))


def _check_fixes(out: Path, stored: dict[str, Any], ours: dict[str, Any]) -> None:
    """Raises RunError if a run began with labels that were mended otherwise."""
    if "fixes" not in stored:  # older runs do not tell
        return
    try:
        before, now = AppliedFixes.in_words(stored["fixes"]), AppliedFixes.in_words(ours["fixes"])
        same = _digest_of(stored["fixes"]) == _digest_of(ours["fixes"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{out / 'run.json'} is damaged: no fixes in it") from error
    if not same:
        raise RunError(
            f"{out} was begun with {before}, and the labels have {now} now; resume it with the "
            f"fixes it began with, or train into another folder"
        )


def _digest_of(fixes: dict[str, Any] | None) -> str:
    """The digest of a record of fixes; empty if nothing was mended, also by a file of no fixes."""
    return fixes["sha256"] if fixes and fixes["fixes"] else ""
