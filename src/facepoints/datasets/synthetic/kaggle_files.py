"""Writes synthetic faces as the four files of Kaggle's competition, for use without its data."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from facepoints._util import files
from facepoints._util.memory import free_memory
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import SettingsError

__all__ = ["FILES", "write_kaggle_files"]

FILES = ("training.csv", "test.csv", "IdLookupTable.csv", "solution.csv")
"""The files of the competition."""

_FACE_BYTES = 12_000  # of memory for a face: 96 x 96 pixels, its points and names
_TEST_SEED = 1_000_003  # far from usual seeds, so test faces are other people


def write_kaggle_files(out: Path, *, count: int, test: int, seed: int) -> None:
    """Write training.csv, test.csv, IdLookupTable.csv and solution.csv with rendered faces.

    As in the competition, the first third of the rows has 15 points, and the others the 4 of a
    second marking scheme. The lookup table requests the points of each test image's scheme.

    Args:
        out: folder to write to.
        count: number of training rows, at least 12.
        test: number of test rows, at least 3.
        seed: random seed; the same seed gives the same files.

    Raises:
        SettingsError: there are too few rows, or more than the free memory holds.
        WriteError: a file cannot be written.
    """
    if count < 12 or test < 3:
        raise SettingsError(
            f"expected at least 12 training and 3 test faces, got {count} and {test}"
        )
    most, free = max(count, test), free_memory()
    if free is not None and most * _FACE_BYTES > free:
        raise SettingsError(
            f"{most} faces need about {most * _FACE_BYTES / 1e9:.1f} GB of memory, and "
            f"{free / 1e9:.1f} GB are free; ask for up to {free // _FACE_BYTES}"
        )
    write_kaggle(synthetic.kaggle_like(count, seed=seed), out / "training.csv")
    truth = synthetic.kaggle_like(test, seed=seed + _TEST_SEED)
    unlabelled = np.zeros_like(truth.labelled)
    write_kaggle(truth.with_points(truth.points, unlabelled), out / "test.csv")
    _write_solution(truth, out)


def _write_solution(samples: Samples, out: Path) -> None:
    lookup, solution = io.StringIO(), io.StringIO()
    lookup_rows = csv.writer(lookup, lineterminator="\n")
    solution_rows = csv.writer(solution, lineterminator="\n")
    lookup_rows.writerow(["RowId", "ImageId", "FeatureName", "Location"])
    solution_rows.writerow(["RowId", "Location"])
    row_id = 0
    for image in range(len(samples)):
        for column, name in enumerate(samples.landmarks.names):
            if not samples.labelled[image, column]:
                continue
            for axis, letter in enumerate("xy"):
                row_id += 1
                lookup_rows.writerow([row_id, image + 1, f"{name}_{letter}", ""])
                solution_rows.writerow([row_id, f"{samples.points[image, column, axis]:.6f}"])
    files.write_text(out / "IdLookupTable.csv", lookup.getvalue())
    files.write_text(out / "solution.csv", solution.getvalue())
