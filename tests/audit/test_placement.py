"""Faces that lie elsewhere in their images than those of the other rows, from labels alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facepoints.audit import Cause, audit
from facepoints.audit.label_shapes import expectation_of_labels
from facepoints.audit.placement import misplaced_rows
from facepoints.datasets.readers import load_labels
from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.mean_face import mean_points

LABELS = Path(__file__).parents[3] / "shared" / "data" / "kaggle" / "labels.csv"
ROWS = 800


def cut_faces(spread: float) -> Samples:
    """Labels of faces that lie `spread` pixels about the middle of their images."""
    random = np.random.default_rng(0)
    points, _ = mean_points(KAGGLE_15)
    size = 70 * np.exp(random.normal(scale=0.05, size=(ROWS, 1, 1)))
    placed = points * size + 48 + random.normal(scale=spread, size=(ROWS, 1, 2))
    placed += random.normal(scale=0.8, size=placed.shape)
    names = np.array([f"face-{row}" for row in range(ROWS)])
    return Samples(
        images=np.broadcast_to(np.zeros((1, 96, 96), np.uint8), (ROWS, 96, 96)),
        points=placed.astype(np.float32),
        labelled=np.ones((ROWS, len(KAGGLE_15)), bool),
        landmarks=KAGGLE_15,
        group=names,
        names=names,
        scheme=np.zeros(ROWS, np.int16),
        schemes={"": KAGGLE_15.names},
    )


def with_rows(faces: Samples, **rows: np.ndarray) -> Samples:
    points = faces.points.copy()
    for row, label in rows.items():
        points[int(row[1:])] = label
    return replace(faces, points=points)


def test_a_face_of_another_size_or_place_is_named() -> None:
    faces = cut_faces(2)
    small, beside = 48 + (faces.points[7] - 48) / 3, faces.points[70] + (30, 0)
    found = audit(with_rows(faces, r7=small, r70=beside)).faults
    odd = {one.row: one for one in found if "in its image" in one.evidence}
    assert {7, 70} <= set(odd)
    assert len(odd) <= 4
    assert {one.cause for one in odd.values()} == {Cause.UNEXPLAINED}
    size = np.linalg.norm(faces.points.std(axis=1), axis=1)
    times = 3 * np.median(size) / size[7]
    assert f"{times:.1f} times as small as usual" in odd[7].evidence
    assert "of the usual eye distance from the usual place" in odd[70].evidence
    assert not odd[7].suggestion


@pytest.mark.parametrize("spread", [2, 200])
def test_faces_that_lie_alike_or_anywhere_have_no_fault(spread: float) -> None:
    faces = cut_faces(spread)
    expected = expectation_of_labels(faces, np.arange(ROWS) % 5)
    assert len(misplaced_rows(expected)) <= 1


@pytest.mark.skipif(not LABELS.exists(), reason="needs ../shared/data")
def test_known_bad_rows_of_the_competition_are_named_from_labels_alone() -> None:
    """Cartoons are not among them: their labels are like those of faces."""
    faces = load_labels(LABELS)
    found = misplaced_rows(expectation_of_labels(faces, np.arange(len(faces)) % 5))
    assert {1747, 1877, 1907, 2199, 6492, 6493} <= {one.row for one in found}
    assert len(found) < 0.02 * len(faces)
