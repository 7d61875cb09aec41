"""One sheet of labelled faces, for a look at the data before and after training."""

from __future__ import annotations

from pathlib import Path

from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.drawing import sheet
from facepoints.errors import SettingsError

__all__ = ["show"]


def show(samples: Samples, out: Path, *, count: int = 24, run_folder: Path | None = None) -> int:
    """Draw faces with their labels, and with a run's predictions if one is given.

    Args:
        samples: faces; rows are taken evenly from first to last.
        out: PNG to write.
        count: faces to draw, at most.
        run_folder: a run to predict with.

    Returns:
        How many faces were drawn.

    Raises:
        SettingsError: `count` is not positive.
        RunError: no usable run there.
        WriteError: `out` cannot be written.
    """
    if count < 1:
        raise SettingsError(f"count must be at least 1, is {count}")
    chosen = samples.take(spread_rows(len(samples), count))
    predicted = None
    if run_folder is not None:
        from facepoints.models.run import Run  # drawing labels alone needs no PyTorch

        predicted = Run.load(run_folder).answer(chosen)
    sheet(chosen, out, predicted=predicted)
    return len(chosen)
