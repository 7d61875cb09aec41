"""The faces that are most worth labeling come first."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.labeling.face_order import worth_of_faces
from facepoints.landmarks.mean_face import MEAN_FACE


def faces(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = MEAN_FACE + rng.normal(scale=0.005, size=(count, 68, 2))
    scale = rng.uniform(50, 300, (count, 1))
    return shapes * scale[..., None] + 200, np.full((count, 68), 0.02) * scale


def test_doubtful_and_unlike_faces_come_first() -> None:
    points, radius = faces(30)
    radius[7] *= 3
    points[11, 48:] += [0, 0.2 * np.ptp(points[11, :, 0])]  # a mouth that no other face has
    known = np.ones((30, 68), bool)
    worth, reasons = worth_of_faces(points, radius, known)
    assert set(np.argsort(-worth)[:2]) == {7, 11}
    assert reasons[7] == "large radius"
    assert reasons[11] == "unlike the others"
    assert reasons[0] == "typical"
    assert ((worth >= 0) & (worth <= 1)).all()


def test_size_place_and_turn_of_a_face_do_not_count() -> None:
    points, radius = faces(20)
    known = np.ones((20, 68), bool)
    first, _ = worth_of_faces(points, radius, known)
    points[3] = points[3] @ np.array([[0.0, 4], [-4, 0]]) + 30
    radius[3] *= 4
    second, _ = worth_of_faces(points, radius, known)
    assert second[3] == pytest.approx(
        first[3], abs=0.2
    )  # the box of a turned face differs a little


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_faces(count: int) -> None:
    points, radius = faces(count)
    worth, reasons = worth_of_faces(points, radius, np.ones((count, 68), bool))
    assert len(worth) == len(reasons) == count
    assert np.isfinite(worth).all()


def test_faces_without_points_come_first() -> None:
    points, radius = faces(6)
    points[2], radius[2] = np.nan, np.nan
    known = np.isfinite(radius)
    worth, reasons = worth_of_faces(points, radius, known)
    assert worth[2] == 1
    assert reasons[2] == "no point is predicted"
    with pytest.raises(DataError, match="expected points"):
        worth_of_faces(points, radius[:, :3], known)
