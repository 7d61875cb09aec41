"""Samples written for annotation tools, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facepoints.cli.main import main
from facepoints.datasets.readers import read
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.writers import WRITERS
from facepoints.errors import WriteError
from facepoints.landmarks.known_sets import KAGGLE_15


def make(seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    labelled = random.random((4, 15)) < 0.7
    labelled[:, 0] = True
    visibility = np.where(labelled, random.integers(0, 2, (4, 15)), -1).astype(np.int8)
    visibility[:, 0] = [0, 1, 1, 1]
    points = random.uniform(5, 60, (4, 15, 2)).astype(np.float32)
    points[~labelled] = 0
    return Samples(
        images=random.integers(0, 256, (4, 64, 64), dtype=np.uint8),
        points=points,
        labelled=labelled,
        landmarks=KAGGLE_15,
        group=np.array(["a", "b", "c", "d"]),
        names=np.array(["a", "b", "c", "d"]),
        scheme=np.zeros(4, dtype=np.int16),
        schemes={"wide": KAGGLE_15.names},
        visibility=visibility,
    )


@pytest.mark.parametrize("to", ["cvat", "label-studio"])
def test_labels_survive_a_round_trip(to: str, tmp_path: Path) -> None:
    samples = make()
    back = read(WRITERS[to](samples, tmp_path / "out"))
    assert isinstance(back, Photos)
    columns = back.landmarks.columns(KAGGLE_15.names)
    np.testing.assert_array_equal(back.labelled[:, columns], samples.labelled)
    np.testing.assert_allclose(back.points[:, columns], samples.points, atol=2e-3)
    np.testing.assert_array_equal(np.stack(list(back.read_images())), samples.images)
    if to == "cvat":
        assert back.visibility is not None
        np.testing.assert_array_equal(back.visibility[:, columns], samples.visibility)


@pytest.mark.parametrize("to", ["cvat", "label-studio"])
def test_a_folder_with_files_is_refused(to: str, tmp_path: Path) -> None:
    WRITERS[to](replace(make(), visibility=None), tmp_path / "out")
    with pytest.raises(WriteError, match="is not empty"):
        WRITERS[to](make(), tmp_path / "out")


def test_convert_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WRITERS["coco"](make(), tmp_path / "coco")
    main(["convert", str(tmp_path / "coco"), "--out", str(tmp_path / "cvat"), "--to", "cvat"])
    assert "4 faces with 15 points" in capsys.readouterr().out
    assert (tmp_path / "cvat" / "annotations.xml").is_file()
    assert len(list((tmp_path / "cvat").glob("*.png"))) == 4
