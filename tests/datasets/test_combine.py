"""Several data sets as one: people left out, and duplicates found across the sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facepoints.datasets import synthetic
from facepoints.datasets.combine import load_dataset
from facepoints.datasets.writers import write_kaggle


def test_a_picture_in_two_tables_is_one_group_and_others_stay_apart(tmp_path: Path) -> None:
    faces = synthetic.kaggle_like(8, seed=3)
    first = write_kaggle(faces.take(np.arange(5)), tmp_path / "a.csv")
    second = write_kaggle(faces.take(np.array([7, 6, 0])), tmp_path / "b.csv")
    group = load_dataset([first, second]).group
    assert group[7] == group[0]
    assert len(set(group)) == 7
