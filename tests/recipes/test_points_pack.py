"""Crops and labels survive the files that the landmark model is trained from on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from points_pack import joined, read_faces, taken, write_faces

from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import OPENPOSE_70


def faces(count: int) -> Samples:
    """Smooth crops of random tones with random labels."""
    rng = np.random.default_rng(count)
    ramp = np.linspace(0, 120, 148)
    images = (ramp + ramp[:, None] + rng.uniform(0, 15, (count, 1, 1))).astype(np.uint8)
    labelled = rng.random((count, 70)) < 0.7
    points = np.where(labelled[..., None], rng.uniform(-20, 170, (count, 70, 2)), 0)
    return Samples(
        images=images,
        points=points.astype(np.float32),
        labelled=labelled,
        landmarks=OPENPOSE_70,
        group=np.arange(count).astype(str),
        names=np.arange(count).astype(str),
        scheme=rng.integers(0, 3, count).astype(np.int16),
        schemes={name: tuple(OPENPOSE_70.names) for name in "abc"},
        visibility=rng.integers(-1, 2, (count, 70)).astype(np.int8),
    )


def test_packed_faces_are_the_same(tmp_path: Path) -> None:
    given = faces(5)
    write_faces(tmp_path / "faces.npz", given, quality=95)
    read = read_faces(tmp_path / "faces.npz", torch.device("cpu"))
    difference = read.images.numpy().astype(int) - given.images
    assert np.abs(difference).mean() < 3
    np.testing.assert_allclose(read.points.numpy(), given.points, atol=1 / 128)
    np.testing.assert_array_equal(read.labelled.numpy(), given.labelled)
    np.testing.assert_array_equal(read.scheme.numpy(), given.scheme)
    assert read.visibility is not None
    np.testing.assert_array_equal(read.visibility.numpy(), given.visibility)
    again = joined([taken(read, torch.tensor([3])), taken(read, torch.tensor([0, 1]))])
    assert torch.equal(again.points, read.points[[3, 0, 1]])
