"""Synthetic faces as the files of Kaggle's competition, to try every step without its data."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from facepoints._util import files
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import SettingsError

__all__ = ["write_kaggle_files"]

_TEST_SEED = 1_000_003  # far from the seeds people use, so that test faces are other people


def write_kaggle_files(out: Path, *, count: int, test: int, seed: int) -> None:
    """Write training.csv, test.csv, IdLookupTable.csv and solution.csv of rendered faces.

    As in the competition, the first third of the rows carries 15 points and the rest the
    4 of a second marking scheme; the lookup table asks of every test image what its
    scheme marks.

    Args:
        out: folder.
        count: training rows, at least 12.
        test: test rows, at least 3.
        seed: same seed, same files.

    Raises:
        SettingsError: too few rows.
        WriteError: a file cannot be written.
    """
    if count < 12 or test < 3:
        raise SettingsError(
            f"need at least 12 training and 3 test faces, {count} and {test} were asked for"
        )
    write_kaggle(synthetic.kaggle_like(count, seed=seed), out / "training.csv")
    answers = synthetic.kaggle_like(test, seed=seed + _TEST_SEED)
    unlabelled = np.zeros_like(answers.labelled)
    write_kaggle(answers.with_points(answers.points, unlabelled), out / "test.csv")
    _write_answers(answers, out)


def _write_answers(samples: Samples, out: Path) -> None:
    lookup, solution = io.StringIO(), io.StringIO()
    asked = csv.writer(lookup, lineterminator="\n")
    known = csv.writer(solution, lineterminator="\n")
    asked.writerow(["RowId", "ImageId", "FeatureName", "Location"])
    known.writerow(["RowId", "Location"])
    row_id = 0
    for image in range(len(samples)):
        for column, name in enumerate(samples.landmarks.names):
            if not samples.labelled[image, column]:
                continue
            for axis, letter in enumerate("xy"):
                row_id += 1
                asked.writerow([row_id, image + 1, f"{name}_{letter}", ""])
                known.writerow([row_id, f"{samples.points[image, column, axis]:.6f}"])
    files.write_text(out / "IdLookupTable.csv", lookup.getvalue())
    files.write_text(out / "solution.csv", solution.getvalue())
